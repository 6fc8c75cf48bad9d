// Adds the bias to an accumulator and, if asked to, makes negative sums zero.
module finish (
    input wire [23:0] value,
    input wire [31:0] bias,
    input wire with_relu,
    output wire [31:0] out
);

  wire [31:0] sum = {{8{value[23]}}, value} + bias;

  assign out = sum & {32{~(with_relu & sum[31])}};

endmodule
