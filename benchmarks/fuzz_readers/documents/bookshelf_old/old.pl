UCLA pl 1.0
# Créé en 1999
p1 -10 40 / N / FIXED
c1 0 0
c2 16 0 : FN
c3 40 80 DIMS = (32, 80) : N
m1 200 80 : FS
