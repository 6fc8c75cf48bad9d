/* Written by hand, as synthesis
   tools write it. */
`timescale 1ns/1ps
module unused (a);
  input a;
endmodule
(* top = 1 *)
module top (clk, \a[3] , bus, y, tied, loop);
  input clk; // a remark
  input \a[3] ;
  input [3:0] bus;
  output y, tied;
  output loop;
  wire n1, \n/2 ;
  wire [0:1] up;
  wire clk;
  wire link = bus[0];
  supply0 gnd;
  tri late;
  assign tied = 1'b0;
  assign loop = bus[2], n1 = clk;
  assign late = link;
  INV u1 (.A(\a[3] ), .Z(\n/2 ));
  INV \u[2]  (.A(n1), .Z(up[1]), .VDD(vdd));
  INV u3 (.A(late), .Z());
  RAM #(.SIZE(4)) mem (.\addr ({up[0], bus[3]}), .q(y));
  RAM mem2 (.addr({2{\n/2 }}), .q(q2));
  RAM mem3 (.addr(bus[1:0]), .q(q3));
  RAM mem4 (.addr(2'b1x), .q(), .noshape(gnd));
  RAM mem5 (.addr({1'h1, 1'o0}), .q(q5));
  defparam mem5.SIZE = 4;
endmodule
