// 4 x 4 output-stationary systolic array. Activations enter from the west and move east, weights
// enter from the north and move south; row r and column c are delayed by r and c cycles, so that
// element (r, c) meets both factors in the same cycle. While `valid` is 0, zeros enter.
//
// `shift` moves all accumulators one column east and zeros into column 0: four shifts hand over the
// columns 3, 2, 1, 0 at `result` and leave all accumulators at zero.
module systolic_array (
    input wire clk,
    input wire rst_n,
    input wire valid,
    input wire shift,
    input wire [31:0] activations,  // row r in bits 8r+7 : 8r
    input wire [31:0] weights,  // column c in bits 8c+7 : 8c
    output wire [95:0] result  // row r of column 3 in bits 24r+23 : 24r
);

  genvar r;
  genvar c;
  generate
    for (r = 0; r < 4; r = r + 1) begin : row
      for (c = 0; c < 4; c = c + 1) begin : col
        wire [7:0] act_in;
        wire [7:0] wgt_in;
        wire [7:0] act_out;
        wire [7:0] wgt_out;
        wire [23:0] acc_in;
        wire [23:0] acc_out;

        pe element (
            .clk(clk),
            .rst_n(rst_n),
            .shift(shift),
            .act_in(act_in),
            .wgt_in(wgt_in),
            .acc_in(acc_in),
            .act_out(act_out),
            .wgt_out(wgt_out),
            .acc_out(acc_out)
        );

        if (c == 0) begin : west
          delay #(
              .STAGES(r + 1)
          ) skew (
              .clk(clk),
              .rst_n(rst_n),
              .in(activations[8*r+:8] & {8{valid}}),
              .out(act_in)
          );
          assign acc_in = 24'd0;
        end else begin : inner_west
          assign act_in = row[r].col[c-1].act_out;
          assign acc_in = row[r].col[c-1].acc_out;
        end

        if (r == 0) begin : north
          delay #(
              .STAGES(c + 1)
          ) skew (
              .clk(clk),
              .rst_n(rst_n),
              .in(weights[8*c+:8] & {8{valid}}),
              .out(wgt_in)
          );
        end else begin : inner_north
          assign wgt_in = row[r-1].col[c].wgt_out;
        end
      end
      assign result[24*r+:24] = col[3].acc_out;
    end
  endgenerate

endmodule

// A byte, STAGES cycles later.
module delay #(
    parameter STAGES = 1
) (
    input wire clk,
    input wire rst_n,
    input wire [7:0] in,
    output wire [7:0] out
);

  reg [8*STAGES-1:0] stages;

  always @(posedge clk or negedge rst_n)
    if (!rst_n) stages <= {8 * STAGES{1'b0}};
    else stages <= {stages, in};

  assign out = stages[8*STAGES-1-:8];

endmodule
