module \top-level (input wire clk, input [1:0] a, b, output reg_q, inout [0:0] pad);
  wire [1:0] n;
  INV u0 (.A(clk), .Z(n[1]));
  INV u1 (.A(a[0]), .Z(n[0]));
  RAM r (.addr(n), .q(reg_q));
  INV u2 (.A(b[1]), .Z(pad));
endmodule
