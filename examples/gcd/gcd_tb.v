// Self-checking test bench of gcd: corner cases, then random pairs, with random waits on both sides.
// Ends with $finish when all results are right and with $fatal otherwise. It drives and samples at
// the falling clock edge, so it fits RTL and gates alike.
`timescale 1ns / 1ps
module gcd_tb;

  localparam integer RANDOM_PAIRS = 150;
  localparam integer MOST_CYCLES = 70000;  // for one pair

  reg clk = 1'b0;
  reg rst = 1'b1;
  reg in_valid = 1'b0;
  reg out_ready = 1'b0;
  reg [15:0] in_a = 16'd0;
  reg [15:0] in_b = 16'd0;
  wire in_ready;
  wire out_valid;
  wire [15:0] out_gcd;

  integer i;
  integer pairs = 0;
  integer seed = 45;

  gcd dut (
      .clk(clk),
      .rst(rst),
      .in_valid(in_valid),
      .in_ready(in_ready),
      .in_a(in_a),
      .in_b(in_b),
      .out_valid(out_valid),
      .out_ready(out_ready),
      .out_gcd(out_gcd)
  );

  always #5 clk = ~clk;

  // Euclid with remainders, where the device subtracts.
  function [15:0] golden(input [15:0] first, input [15:0] second);
    reg [15:0] x;
    reg [15:0] y;
    reg [15:0] rest;
    begin
      x = first;
      y = second;
      while (y != 16'd0) begin
        rest = x % y;
        x = y;
        y = rest;
      end
      golden = x;
    end
  endfunction

  task check(input [15:0] a, input [15:0] b);
    integer waited;
    integer hold;
    begin
      in_valid = 1'b1;
      in_a = a;
      in_b = b;
      waited = 0;
      while (in_ready !== 1'b1) begin
        waited = waited + 1;
        if (waited > 10) $fatal(1, "not ready for the pair %0d, %0d", a, b);
        @(negedge clk);
      end
      @(negedge clk);  // the rising edge before this one took the pair
      in_valid = 1'b0;
      in_a = ~a;
      in_b = ~b;
      waited = 0;
      while (out_valid !== 1'b1) begin
        if (in_ready !== 1'b0) $fatal(1, "ready for a pair while busy with %0d, %0d", a, b);
        waited = waited + 1;
        if (waited > MOST_CYCLES) $fatal(1, "no result for the pair %0d, %0d", a, b);
        @(negedge clk);
      end
      hold = $unsigned($random(seed)) % 4;
      repeat (hold + 1) begin
        if (out_valid !== 1'b1) $fatal(1, "out_valid fell before out_ready");
        if (out_gcd !== golden(a, b))
          $fatal(1, "gcd(%0d, %0d) is %0d, found %0d", a, b, golden(a, b), out_gcd);
        out_ready = hold == 0;
        hold = hold - 1;
        @(negedge clk);
      end
      out_ready = 1'b0;
      if (out_valid !== 1'b0) $fatal(1, "out_valid stays after the result was taken");
      pairs = pairs + 1;
    end
  endtask

  initial begin
    repeat (8) @(negedge clk);
    if (out_valid !== 1'b0) $fatal(1, "out_valid in reset");
    rst = 1'b0;
    @(negedge clk);
    if (in_ready !== 1'b1) $fatal(1, "not ready after reset");

    check(16'd0, 16'd0);
    check(16'd0, 16'd17);
    check(16'd17, 16'd0);
    check(16'd1, 16'd1);
    check(16'd12, 16'd18);
    check(16'd18, 16'd12);
    check(16'd65535, 16'd65535);
    check(16'd65535, 16'd257);
    check(16'd46368, 16'd28657);  // Fibonacci numbers
    check(16'd32768, 16'd256);
    check(16'd1, 16'd2000);

    for (i = 0; i < RANDOM_PAIRS; i = i + 1) begin
      repeat ($unsigned($random(seed)) % 3) @(negedge clk);
      // Numbers from 256 up keep the subtraction short; a common factor makes results above 1.
      if (i % 2) check($random(seed) | 16'd256, $random(seed) | 16'd256);
      else check(($unsigned($random(seed)) % 256) * 16'd255, ($unsigned($random(seed)) % 256) * 16'd255);
    end

    // Reset in the middle of a computation.
    in_valid = 1'b1;
    in_a = 16'd60000;
    in_b = 16'd7;
    repeat (5) @(negedge clk);
    in_valid = 1'b0;
    rst = 1'b1;
    repeat (2) @(negedge clk);
    rst = 1'b0;
    @(negedge clk);
    if (out_valid !== 1'b0 || in_ready !== 1'b1) $fatal(1, "a reset must end the computation");
    check(16'd1071, 16'd462);

    $display("%0d pairs are right", pairs);
    $finish;
  end

endmodule
