"""Verilog simulation models of memory macros."""

from __future__ import annotations

from chipflow.pdk.description import MemoryPorts
from chipflow.pdk.memory_array import address_bits


def verilog(name: str, words: int, bits: int, label: str, ports: MemoryPorts = "1rw") -> str:
    """The model of a memory with the interface of `MemoryMacro`.

    Synchronous. rd_out keeps its value in a cycle without a read; it is unknown until the first
    read. Reading beyond the last word gives unknown bits; a write there does nothing. An unknown
    enable spoils rd_out, or with two ports the word, so that gate-level simulation shows it.
    """
    write = _single_port if ports == "1rw" else _two_ports
    return write(name, words, bits, label)


def _single_port(name: str, words: int, bits: int, label: str) -> str:
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


def _two_ports(name: str, words: int, bits: int, label: str) -> str:
    return f"""\
// {label}
// Simulation model of a {words} x {bits} memory with a read and a write port, without delays.
`timescale 1ns/1ps
module {name} (clk, re_in, raddr_in, rd_out, we_in, waddr_in, wd_in, w_mask_in);
  input clk;
  input re_in;
  input [{address_bits(words) - 1}:0] raddr_in;
  output reg [{bits - 1}:0] rd_out;
  input we_in;
  input [{address_bits(words) - 1}:0] waddr_in;
  input [{bits - 1}:0] wd_in;
  input [{bits - 1}:0] w_mask_in;

  reg [{bits - 1}:0] memory [0:{words - 1}];

  always @(posedge clk) begin
    if (we_in === 1'b1)
      memory[waddr_in] <= (wd_in & w_mask_in) | (memory[waddr_in] & ~w_mask_in);
    else if (we_in !== 1'b0)
      memory[waddr_in] <= {{{bits}{{1'bx}}}};
    if (re_in === 1'b1)
      rd_out <= memory[raddr_in];
    else if (re_in !== 1'b0)
      rd_out <= {{{bits}{{1'bx}}}};
  end
endmodule
"""
