"""Verilog simulation model of a single-port memory macro."""

from __future__ import annotations

from chipflow.pdk.memory_array import address_bits


def verilog(name: str, words: int, bits: int, label: str) -> str:
    """The model of a memory with the interface of `MemoryMacro`.

    Synchronous, one access a cycle. rd_out keeps its value in a write and in an idle cycle; it is
    unknown until the first read. Reading beyond the last word gives unknown bits; a write there
    does nothing. An unknown ce_in or we_in spoils rd_out, so that gate-level simulation shows it.
    """
    return f"""\
// {label}
// Simulation model of a {words} x {bits} single-port memory, without delays.
`timescale 1ns/1ps
module {name} (clk, ce_in, we_in, addr_in, wd_in, w_mask_in, rd_out);
  input clk;
  input ce_in;
  input we_in;
  input [{address_bits(words) - 1}:0] addr_in;
  input [{bits - 1}:0] wd_in;
  input [{bits - 1}:0] w_mask_in;
  output reg [{bits - 1}:0] rd_out;

  reg [{bits - 1}:0] memory [0:{words - 1}];

  always @(posedge clk)
    if (ce_in === 1'b1) begin
      if (we_in === 1'b1)
        memory[addr_in] <= (wd_in & w_mask_in) | (memory[addr_in] & ~w_mask_in);
      else if (we_in === 1'b0)
        rd_out <= memory[addr_in];
      else
        rd_out <= {{{bits}{{1'bx}}}};
    end else if (ce_in !== 1'b0)
      rd_out <= {{{bits}{{1'bx}}}};
endmodule
"""
