// Processing element: multiplies what passes through it and accumulates.
// In a shift the accumulator takes its western neighbour's value instead.
module pe (
    input wire clk,
    input wire rst_n,
    input wire shift,
    input wire signed [7:0] act_in,
    input wire signed [7:0] wgt_in,
    input wire signed [23:0] acc_in,
    output reg signed [7:0] act_out,
    output reg signed [7:0] wgt_out,
    output reg signed [23:0] acc_out
);

  wire signed [15:0] product = act_in * wgt_in;

  always @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      act_out <= 8'sd0;
      wgt_out <= 8'sd0;
      acc_out <= 24'sd0;
    end else begin
      act_out <= act_in;
      wgt_out <= wgt_in;
      acc_out <= shift ? acc_in : acc_out + product;
    end
  end

endmodule
