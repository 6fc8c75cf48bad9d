// Self-checking test bench of npu_tile: every memory through the host port, a matrix product with
// bias and ReLU against a product computed here, extreme values, loading one bank while the other
// computes, and a bad instruction. Ends with $finish when all is right and with $fatal otherwise.
// It drives and samples at the falling clock edge, so it fits RTL and gates alike.
`timescale 1ns / 1ps
module npu_tile_tb;

  localparam integer M = 8;  // rows of the product, two tiles
  localparam integer N = 12;  // columns, three tiles
  localparam integer K = 21;  // inner dimension

  localparam [10:0] ACT = 11'h000;  // bank 1 at +100 hex
  localparam [10:0] WGT = 11'h200;
  localparam [10:0] OUT = 11'h400;  // row r at +40 hex times r
  localparam [10:0] PROGRAM = 11'h500;
  localparam [10:0] BIAS = 11'h540;
  localparam [10:0] CONTROL = 11'h580;
  localparam [10:0] CYCLES = 11'h581;
  localparam [31:0] HALT = 32'd0;

  reg clk = 1'b0;
  reg rst_n = 1'b0;
  reg host_valid = 1'b0;
  reg host_write = 1'b0;
  reg [10:0] host_address = 11'd0;
  reg [31:0] host_write_data = 32'd0;
  reg [3:0] host_strobe = 4'd0;
  wire host_ready;
  wire host_read_valid;
  wire [31:0] host_read_data;
  wire done;

  integer seed = 8;
  integer checks = 0;
  integer waits = 0;  // host cycles spent waiting for a memory in use
  integer i;
  integer row;
  integer col;
  integer k;
  reg signed [7:0] a[0:M*K-1];
  reg signed [7:0] b[0:K*N-1];
  reg signed [31:0] bias[0:N-1];
  reg [31:0] word;
  reg signed [31:0] golden;

  npu_tile dut (
      .clk(clk),
      .rst_n(rst_n),
      .host_valid(host_valid),
      .host_ready(host_ready),
      .host_write(host_write),
      .host_address(host_address),
      .host_write_data(host_write_data),
      .host_strobe(host_strobe),
      .host_read_valid(host_read_valid),
      .host_read_data(host_read_data),
      .done(done)
  );

  always #5 clk = ~clk;

  // Hands one request over, then withdraws it.
  task request(input write, input [10:0] address, input [31:0] data, input [3:0] strobe);
    integer waited;
    begin
      host_valid = 1'b1;
      host_write = write;
      host_address = address;
      host_write_data = data;
      host_strobe = strobe;
      waited = 0;
      #1;  // let host_ready follow the address
      while (host_ready !== 1'b1) begin
        waited = waited + 1;
        if (waited > 1000) $fatal(1, "no answer from address %h", address);
        @(negedge clk);
      end
      waits = waits + waited;
      @(negedge clk);
      host_valid = 1'b0;
      if (host_read_valid !== ~write) $fatal(1, "host_read_valid is wrong at address %h", address);
    end
  endtask

  task write(input [10:0] address, input [31:0] data);
    request(1'b1, address, data, 4'b1111);
  endtask

  task check(input [10:0] address, input [31:0] expected);
    begin
      request(1'b0, address, 32'd0, 4'b0000);
      if (host_read_data !== expected)
        $fatal(1, "address %h: %h expected, %h found", address, expected, host_read_data);
      checks = checks + 1;
    end
  endtask

  // Instructions

  function [31:0] setk(input integer inner);
    reg [7:0] last;
    begin
      last = inner - 1;
      setk = {2'd1, 22'd0, last};
    end
  endfunction

  function [31:0] matmul(input relu, input use_bias, input act_bank, input wgt_bank,
                         input [3:0] out_tile, input [3:0] bias_tile, input [7:0] act_base,
                         input [7:0] wgt_base);
    matmul = {
      2'd2, relu, use_bias, act_bank, wgt_bank, out_tile, bias_tile, 2'd0, act_base, wgt_base
    };
  endfunction

  task start;
    begin
      write(CONTROL, 32'd1);
      if (done !== 1'b0) $fatal(1, "done stays after a start");
    end
  endtask

  task wait_until_done(input integer cycles);
    integer waited;
    begin
      waited = 0;
      while (done !== 1'b1) begin
        waited = waited + 1;
        if (waited > 2000) $fatal(1, "the program does not end");
        @(negedge clk);
      end
      check(CYCLES, cycles);
    end
  endtask

  // Tests

  // Writes and reads back `count` words from each of the ten memories, with distinct values.
  task test_memories;
    begin
      for (i = 0; i < 4 * 256; i = i + 51) write(ACT + i, {i[15:0], ~i[15:0]});
      for (i = 0; i < 6 * 64; i = i + 21) write(OUT + i, {~i[15:0], i[15:0]});
      for (i = 0; i < 4 * 256; i = i + 51) check(ACT + i, {i[15:0], ~i[15:0]});
      for (i = 0; i < 6 * 64; i = i + 21) check(OUT + i, {~i[15:0], i[15:0]});
      write(ACT + 11'd300, 32'h11223344);
      request(1'b1, ACT + 11'd300, 32'haabbccdd, 4'b0101);
      check(ACT + 11'd300, 32'h11bb33dd);
      request(1'b1, WGT + 11'd7, 32'h55667788, 4'b1111);
      request(1'b1, WGT + 11'd7, 32'h99aabbcc, 4'b1000);
      check(WGT + 11'd7, 32'h99667788);
      check(11'h600, 32'd0);
      check(11'h5c0, 32'd0);
    end
  endtask

  // Row tile t of a goes to activation bank t at word 10, column tile t of b to weight bank t % 2.
  task test_product;
    integer tile;
    begin
      for (i = 0; i < M * K; i = i + 1) a[i] = $random(seed);
      for (i = 0; i < K * N; i = i + 1) b[i] = $random(seed);
      for (i = 0; i < N; i = i + 1) bias[i] = $random(seed) % 20000;
      for (tile = 0; tile < 2; tile = tile + 1)
        for (k = 0; k < K; k = k + 1) begin
          for (i = 0; i < 4; i = i + 1) word[8*i+:8] = a[(4*tile+i)*K+k];
          write(ACT + 256 * tile + 10 + k, word);
        end
      for (tile = 0; tile < 3; tile = tile + 1)
        for (k = 0; k < K; k = k + 1) begin
          for (i = 0; i < 4; i = i + 1) word[8*i+:8] = b[k*N+4*tile+i];
          write(WGT + 256 * (tile % 2) + 100 * (tile / 2) + k, word);
        end
      for (i = 0; i < N; i = i + 1) write(BIAS + 8 + i, bias[i]);

      // Row tile 0 with bias, row tile 1 with bias and ReLU; the last tile of each without bias.
      write(PROGRAM, setk(K));
      write(PROGRAM + 1, matmul(0, 1, 0, 0, 4'd0, 4'd2, 8'd10, 8'd0));
      write(PROGRAM + 2, matmul(0, 1, 0, 1, 4'd1, 4'd3, 8'd10, 8'd0));
      write(PROGRAM + 3, matmul(0, 0, 0, 0, 4'd2, 4'd4, 8'd10, 8'd100));
      write(PROGRAM + 4, matmul(1, 1, 1, 0, 4'd3, 4'd2, 8'd10, 8'd0));
      write(PROGRAM + 5, matmul(1, 1, 1, 1, 4'd4, 4'd3, 8'd10, 8'd0));
      write(PROGRAM + 6, matmul(1, 0, 1, 0, 4'd15, 4'd4, 8'd10, 8'd100));
      write(PROGRAM + 7, HALT);
      start;
      wait_until_done(2 + 6 * (K + 16) + 2);
      check(CONTROL, 32'b010);

      for (row = 0; row < M; row = row + 1)
        for (col = 0; col < N; col = col + 1) begin
          golden = col < 8 ? bias[col] : 0;
          for (k = 0; k < K; k = k + 1) golden = golden + a[row*K+k] * b[k*N+col];
          if (row >= 4 && golden < 0) golden = 0;
          tile = (row / 4) * 3 + col / 4;
          if (tile == 5) tile = 15;
          check(OUT + 64 * (row % 4) + 4 * tile + col % 4, golden);
        end
    end
  endtask

  // The longest product of the most negative factors, then one of a single term; meanwhile the host
  // loads the other banks, waits for a bank in use, and starts in vain.
  task test_extremes_and_overlap;
    begin
      for (i = 0; i < 256; i = i + 1) begin
        write(ACT + i, 32'h80808080);
        write(WGT + i, 32'h807f80ff);
      end
      write(ACT + 256, 32'h04030201);
      write(PROGRAM, setk(256));
      write(PROGRAM + 1, matmul(0, 0, 0, 0, 4'd0, 4'd0, 8'd0, 8'd0));
      write(PROGRAM + 2, setk(1));
      write(PROGRAM + 3, matmul(0, 0, 1, 1, 4'd1, 4'd0, 8'd0, 8'd0));
      write(PROGRAM + 4, HALT);
      start;
      repeat (4) @(negedge clk);
      waits = 0;
      write(WGT + 256, 32'h281e140a);
      write(ACT + 257, 32'hffffffff);
      start;
      check(CONTROL, 32'b001);
      if (waits != 0) $fatal(1, "the host waited for a free memory");
      check(ACT + 255, 32'h80808080);
      if (waits < 200) $fatal(1, "the host did not wait for a memory in use");
      wait_until_done(2 + 272 + 2 + 17 + 2);
      for (row = 0; row < 4; row = row + 1) begin
        check(OUT + 64 * row + 0, 256 * 128);
        check(OUT + 64 * row + 1, 256 * 128 * 128);
        check(OUT + 64 * row + 2, -256 * 128 * 127);
        check(OUT + 64 * row + 3, 256 * 128 * 128);
        for (col = 0; col < 4; col = col + 1)
          check(OUT + 64 * row + 4 + col, (row + 1) * 10 * (col + 1));
      end
    end
  endtask

  task test_bad_instruction;
    begin
      write(PROGRAM, 32'hc0000000);
      start;
      wait_until_done(2);
      check(CONTROL, 32'b110);
      write(PROGRAM, HALT);
      start;
      wait_until_done(2);
      check(CONTROL, 32'b010);
    end
  endtask

  initial begin
    repeat (8) @(negedge clk);
    rst_n = 1'b1;
    @(negedge clk);
    check(CONTROL, 32'b000);
    test_memories;
    test_product;
    test_extremes_and_overlap;
    test_bad_instruction;
    $display("%0d values are right", checks);
    $finish;
  end

endmodule
