UCLA pl 1.0
# blocks may lie turned

cc_11	0	0	DIMS = (20, 30) : N
cc_12	20	5	DIMS = (4, 10)	: W
clk	30	0	: FS
soft	50	0	DIMS = (40, 10)	: N
P1	0	40
GND@1	90	0	: N
