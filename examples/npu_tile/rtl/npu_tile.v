// int8 matrix tile: a 4 x 4 systolic array, its scratchpads, and a sequencer that runs a program.
// The host loads operands and program, starts it and reads results through one port: spec.md.
module npu_tile (
    input wire clk,
    input wire rst_n,

    input wire host_valid,
    output wire host_ready,
    input wire host_write,
    input wire [10:0] host_address,
    input wire [31:0] host_write_data,
    input wire [3:0] host_strobe,
    output reg host_read_valid,
    output wire [31:0] host_read_data,

    output wire done
);

  // Sequencer

  wire start;
  wire busy;
  wire error;
  wire program_read;
  wire [5:0] program_counter;
  wire [31:0] instruction;
  wire stream_read;
  wire act_bank;
  wire wgt_bank;
  wire [7:0] act_address;
  wire [7:0] wgt_address;
  wire array_valid;
  wire draining;
  wire bias_read;
  wire [5:0] bias_address;
  wire array_shift;
  wire [5:0] out_address;
  wire with_bias;
  wire with_relu;

  sequencer control (
      .clk(clk),
      .rst_n(rst_n),
      .start(start),
      .busy(busy),
      .done(done),
      .error(error),
      .program_read(program_read),
      .program_counter(program_counter),
      .instruction(instruction),
      .stream_read(stream_read),
      .act_bank(act_bank),
      .wgt_bank(wgt_bank),
      .act_address(act_address),
      .wgt_address(wgt_address),
      .array_valid(array_valid),
      .draining(draining),
      .bias_read(bias_read),
      .bias_address(bias_address),
      .array_shift(array_shift),
      .out_address(out_address),
      .with_bias(with_bias),
      .with_relu(with_relu)
  );

  // Host port. A memory that the sequencer uses in this cycle makes the host wait.

  localparam [3:0] ACT0 = 4'd0;
  localparam [3:0] ACT1 = 4'd1;
  localparam [3:0] WGT0 = 4'd2;
  localparam [3:0] WGT1 = 4'd3;
  localparam [3:0] OUT0 = 4'd4;
  localparam [3:0] OUT1 = 4'd5;
  localparam [3:0] OUT2 = 4'd6;
  localparam [3:0] OUT3 = 4'd7;
  localparam [3:0] PROGRAM = 4'd8;
  localparam [3:0] BIAS = 4'd9;
  localparam [3:0] REGISTERS = 4'd10;
  localparam [3:0] NOTHING = 4'd11;

  reg [3:0] target;
  always @* begin
    case (host_address[10:8])
      3'd0: target = ACT0;
      3'd1: target = ACT1;
      3'd2: target = WGT0;
      3'd3: target = WGT1;
      3'd4: target = {2'b01, host_address[7:6]};
      3'd5:
      case (host_address[7:6])
        2'd0: target = PROGRAM;
        2'd1: target = BIAS;
        2'd2: target = REGISTERS;
        default: target = NOTHING;
      endcase
      default: target = NOTHING;
    endcase
  end

  reg in_use;
  always @* begin
    case (target)
      ACT0: in_use = stream_read & ~act_bank;
      ACT1: in_use = stream_read & act_bank;
      WGT0: in_use = stream_read & ~wgt_bank;
      WGT1: in_use = stream_read & wgt_bank;
      OUT0, OUT1, OUT2, OUT3, BIAS: in_use = draining;
      PROGRAM: in_use = program_read;
      default: in_use = 1'b0;
    endcase
  end

  assign host_ready = ~in_use;
  wire host_access = host_valid & host_ready;

  reg [3:0] read_target;
  reg read_address;
  always @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      host_read_valid <= 1'b0;
      read_target <= NOTHING;
      read_address <= 1'b0;
    end else begin
      host_read_valid <= host_access & ~host_write;
      if (host_access & ~host_write) begin
        read_target <= target;
        read_address <= host_address[0];
      end
    end
  end

  // Registers

  reg [31:0] cycles;  // of the last program, or of the present one so far
  wire control_write =
      host_access & host_write & host_strobe[0] & target == REGISTERS & host_address[5:0] == 6'd0;
  assign start = control_write & host_write_data[0] & ~busy;

  always @(posedge clk or negedge rst_n) begin
    if (!rst_n) cycles <= 32'd0;
    else if (start) cycles <= 32'd0;
    else if (busy) cycles <= cycles + 32'd1;
  end

  wire [31:0] registers = read_address ? cycles : {29'd0, error, done, busy};

  // Scratchpads

  wire [31:0] act_data0;
  wire [31:0] act_data1;
  wire [31:0] wgt_data0;
  wire [31:0] wgt_data1;
  wire [31:0] bias;
  wire [31:0] out_data0;
  wire [31:0] out_data1;
  wire [31:0] out_data2;
  wire [31:0] out_data3;
  wire [31:0] out0;
  wire [31:0] out1;
  wire [31:0] out2;
  wire [31:0] out3;

  wire stream_act0 = stream_read & ~act_bank;
  wire stream_act1 = stream_read & act_bank;
  wire stream_wgt0 = stream_read & ~wgt_bank;
  wire stream_wgt1 = stream_read & wgt_bank;

  sram #(
      .WORDS(256),
      .ADDRESS_BITS(8)
  ) act_bank0 (
      .clk(clk),
      .enable(stream_act0 | host_access & target == ACT0),
      .write(~stream_act0 & host_write),
      .strobe(host_strobe),
      .address(stream_act0 ? act_address : host_address[7:0]),
      .write_data(host_write_data),
      .read_data(act_data0)
  );

  sram #(
      .WORDS(256),
      .ADDRESS_BITS(8)
  ) act_bank1 (
      .clk(clk),
      .enable(stream_act1 | host_access & target == ACT1),
      .write(~stream_act1 & host_write),
      .strobe(host_strobe),
      .address(stream_act1 ? act_address : host_address[7:0]),
      .write_data(host_write_data),
      .read_data(act_data1)
  );

  sram #(
      .WORDS(256),
      .ADDRESS_BITS(8)
  ) wgt_bank0 (
      .clk(clk),
      .enable(stream_wgt0 | host_access & target == WGT0),
      .write(~stream_wgt0 & host_write),
      .strobe(host_strobe),
      .address(stream_wgt0 ? wgt_address : host_address[7:0]),
      .write_data(host_write_data),
      .read_data(wgt_data0)
  );

  sram #(
      .WORDS(256),
      .ADDRESS_BITS(8)
  ) wgt_bank1 (
      .clk(clk),
      .enable(stream_wgt1 | host_access & target == WGT1),
      .write(~stream_wgt1 & host_write),
      .strobe(host_strobe),
      .address(stream_wgt1 ? wgt_address : host_address[7:0]),
      .write_data(host_write_data),
      .read_data(wgt_data1)
  );

  sram #(
      .WORDS(64),
      .ADDRESS_BITS(6)
  ) program_memory (
      .clk(clk),
      .enable(program_read | host_access & target == PROGRAM),
      .write(~program_read & host_write),
      .strobe(4'b1111),
      .address(program_read ? program_counter : host_address[5:0]),
      .write_data(host_write_data),
      .read_data(instruction)
  );

  sram #(
      .WORDS(64),
      .ADDRESS_BITS(6)
  ) bias_memory (
      .clk(clk),
      .enable(bias_read | host_access & target == BIAS),
      .write(~draining & host_write),
      .strobe(4'b1111),
      .address(draining ? bias_address : host_address[5:0]),
      .write_data(host_write_data),
      .read_data(bias)
  );

  sram #(
      .WORDS(64),
      .ADDRESS_BITS(6)
  ) out_bank0 (
      .clk(clk),
      .enable(array_shift | host_access & target == OUT0),
      .write(array_shift | host_write),
      .strobe(4'b1111),
      .address(draining ? out_address : host_address[5:0]),
      .write_data(draining ? out0 : host_write_data),
      .read_data(out_data0)
  );

  sram #(
      .WORDS(64),
      .ADDRESS_BITS(6)
  ) out_bank1 (
      .clk(clk),
      .enable(array_shift | host_access & target == OUT1),
      .write(array_shift | host_write),
      .strobe(4'b1111),
      .address(draining ? out_address : host_address[5:0]),
      .write_data(draining ? out1 : host_write_data),
      .read_data(out_data1)
  );

  sram #(
      .WORDS(64),
      .ADDRESS_BITS(6)
  ) out_bank2 (
      .clk(clk),
      .enable(array_shift | host_access & target == OUT2),
      .write(array_shift | host_write),
      .strobe(4'b1111),
      .address(draining ? out_address : host_address[5:0]),
      .write_data(draining ? out2 : host_write_data),
      .read_data(out_data2)
  );

  sram #(
      .WORDS(64),
      .ADDRESS_BITS(6)
  ) out_bank3 (
      .clk(clk),
      .enable(array_shift | host_access & target == OUT3),
      .write(array_shift | host_write),
      .strobe(4'b1111),
      .address(draining ? out_address : host_address[5:0]),
      .write_data(draining ? out3 : host_write_data),
      .read_data(out_data3)
  );

  reg [31:0] read_data;
  always @* begin
    case (read_target)
      ACT0: read_data = act_data0;
      ACT1: read_data = act_data1;
      WGT0: read_data = wgt_data0;
      WGT1: read_data = wgt_data1;
      OUT0: read_data = out_data0;
      OUT1: read_data = out_data1;
      OUT2: read_data = out_data2;
      OUT3: read_data = out_data3;
      PROGRAM: read_data = instruction;
      BIAS: read_data = bias;
      REGISTERS: read_data = registers;
      default: read_data = 32'd0;
    endcase
  end
  assign host_read_data = read_data;

  // Datapath. The banks of an operand do not change between the read and array_valid.

  wire [95:0] result;

  systolic_array array (
      .clk(clk),
      .rst_n(rst_n),
      .valid(array_valid),
      .shift(array_shift),
      .activations(act_bank ? act_data1 : act_data0),
      .weights(wgt_bank ? wgt_data1 : wgt_data0),
      .result(result)
  );

  reg [31:0] used_bias;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) used_bias <= 32'd0;
    else used_bias <= bias & {32{with_bias}};

  finish row0 (
      .value(result[23:0]),
      .bias(used_bias),
      .with_relu(with_relu),
      .out(out0)
  );
  finish row1 (
      .value(result[47:24]),
      .bias(used_bias),
      .with_relu(with_relu),
      .out(out1)
  );
  finish row2 (
      .value(result[71:48]),
      .bias(used_bias),
      .with_relu(with_relu),
      .out(out2)
  );
  finish row3 (
      .value(result[95:72]),
      .bias(used_bias),
      .with_relu(with_relu),
      .out(out3)
  );

endmodule
