UCLA pl 1.0
# lower left corners

in0 0.0 99.0 : N
pad_ni -2 50 : N /FIXED_NI
a0 10 20 : FS
a1 1.79769e+308 1.79769e+308 : N
a2 50.5 0 : N
ram0 30 40 : W
ram1 2 65.5 : FE
fixed_ram 60 60 : N /FIXED
