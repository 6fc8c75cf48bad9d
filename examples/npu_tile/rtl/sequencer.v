// Runs the program: fetches instructions, streams operands into the array, drains its results.
// Instructions and timing: spec.md.
module sequencer (
    input wire clk,
    input wire rst_n,
    input wire start,
    output wire busy,
    output reg done,
    output reg error,

    output wire program_read,
    output reg [5:0] program_counter,
    input wire [31:0] instruction,

    output wire stream_read,  // read one activation and one weight word
    output wire act_bank,
    output wire wgt_bank,
    output wire [7:0] act_address,
    output wire [7:0] wgt_address,
    output reg array_valid,  // the words read before are there

    output wire draining,  // results and biases are in use
    output wire bias_read,
    output wire [5:0] bias_address,
    output wire array_shift,  // one column is handed over and written
    output wire [5:0] out_address,
    output wire with_bias,
    output wire with_relu
);

  localparam [2:0] IDLE = 3'd0;
  localparam [2:0] FETCH = 3'd1;
  localparam [2:0] DECODE = 3'd2;
  localparam [2:0] STREAM = 3'd3;
  localparam [2:0] FLUSH = 3'd4;  // until the last product is in the last accumulator
  localparam [2:0] DRAIN = 3'd5;

  localparam [1:0] HALT = 2'd0;
  localparam [1:0] SETK = 2'd1;
  localparam [1:0] MATMUL = 2'd2;

  localparam [7:0] FLUSH_LAST = 8'd7;
  localparam [7:0] DRAIN_LAST = 8'd5;

  reg [2:0] state;
  reg [7:0] count;
  reg [7:0] last_k;  // inner dimension less one
  reg [29:0] operands;  // of the MATMUL in progress

  assign with_relu = operands[29];
  assign with_bias = operands[28];
  assign act_bank = operands[27];
  assign wgt_bank = operands[26];
  wire [3:0] out_tile = operands[25:22];
  wire [3:0] bias_tile = operands[21:18];

  assign busy = state != IDLE;
  assign program_read = state == FETCH;
  assign stream_read = state == STREAM;
  assign act_address = operands[15:8] + count;
  assign wgt_address = operands[7:0] + count;

  // Drain: cycles 0 to 3 read the biases of the columns 3 to 0, which pass through a register;
  // cycles 2 to 5 write these columns.
  wire [1:0] bias_column = 2'd3 - count[1:0];
  wire [1:0] column = 2'd1 - count[1:0];
  assign draining = state == DRAIN;
  assign bias_read = draining && count < 8'd4;
  assign bias_address = {bias_tile, bias_column};
  assign array_shift = draining && count > 8'd1;
  assign out_address = {out_tile, column};

  always @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      state <= IDLE;
      done <= 1'b0;
      error <= 1'b0;
      program_counter <= 6'd0;
      count <= 8'd0;
      last_k <= 8'd0;
      operands <= 30'd0;
      array_valid <= 1'b0;
    end else begin
      array_valid <= stream_read;
      case (state)
        IDLE:
        if (start) begin
          state <= FETCH;
          program_counter <= 6'd0;
          done <= 1'b0;
          error <= 1'b0;
        end
        FETCH: state <= DECODE;
        DECODE: begin
          count <= 8'd0;
          program_counter <= program_counter + 6'd1;
          case (instruction[31:30])
            HALT: begin
              state <= IDLE;
              done <= 1'b1;
            end
            SETK: begin
              state <= FETCH;
              last_k <= instruction[7:0];
            end
            MATMUL: begin
              state <= STREAM;
              operands <= instruction[29:0];
            end
            default: begin
              state <= IDLE;
              done <= 1'b1;
              error <= 1'b1;
            end
          endcase
        end
        STREAM:
        if (count == last_k) begin
          state <= FLUSH;
          count <= 8'd0;
        end else begin
          count <= count + 8'd1;
        end
        FLUSH:
        if (count == FLUSH_LAST) begin
          state <= DRAIN;
          count <= 8'd0;
        end else begin
          count <= count + 8'd1;
        end
        DRAIN:
        if (count == DRAIN_LAST) state <= FETCH;
        else count <= count + 8'd1;
        default: state <= IDLE;
      endcase
    end
  end

endmodule
