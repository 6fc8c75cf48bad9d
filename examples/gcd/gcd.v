// Greatest common divisor of two unsigned 16-bit numbers by repeated subtraction.
// Interface and rules: spec.md.
module gcd (
    input  wire        clk,
    input  wire        rst,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire [15:0] in_a,
    input  wire [15:0] in_b,
    output wire        out_valid,
    input  wire        out_ready,
    output wire [15:0] out_gcd
);

  localparam [1:0] IDLE = 2'd0;  // waits for a pair
  localparam [1:0] RUN = 2'd1;  // subtracts the smaller from the larger
  localparam [1:0] DONE = 2'd2;  // holds the result until it is taken

  reg [1:0] state;
  reg [15:0] a;
  reg [15:0] b;

  assign in_ready  = state == IDLE;
  assign out_valid = state == DONE;
  assign out_gcd   = a;

  always @(posedge clk) begin
    if (rst) begin
      state <= IDLE;
      a <= 16'd0;
      b <= 16'd0;
    end else begin
      case (state)
        IDLE:
        if (in_valid) begin
          a <= in_a;
          b <= in_b;
          state <= RUN;
        end
        RUN:
        if (a < b) begin
          a <= b;
          b <= a;
        end else if (b != 16'd0) begin
          a <= a - b;
        end else begin
          state <= DONE;
        end
        DONE: if (out_ready) state <= IDLE;
        default: state <= IDLE;
      endcase
    end
  end

endmodule
