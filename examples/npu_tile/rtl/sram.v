// Single-port synchronous memory with byte strobes: one read or one write in a cycle.
// The read is registered and keeps its value in a write, so the memory maps to a macro.
module sram #(
    parameter WORDS = 256,
    parameter ADDRESS_BITS = 8
) (
    input wire clk,
    input wire enable,
    input wire write,
    input wire [3:0] strobe,
    input wire [ADDRESS_BITS-1:0] address,
    input wire [31:0] write_data,
    output reg [31:0] read_data
);

  reg [31:0] mem[0:WORDS-1];
  integer byte_index;

  always @(posedge clk) begin
    if (enable) begin
      if (write) begin
        for (byte_index = 0; byte_index < 4; byte_index = byte_index + 1)
          if (strobe[byte_index])
            mem[address][8*byte_index+:8] <= write_data[8*byte_index+:8];
      end else begin
        read_data <= mem[address];
      end
    end
  end

endmodule
