from __future__ import annotations
import time
import numpy as np
from agents.flat.site_rows import site_rows
from agents.flat.detailed.board import make_board, placement_of, total_hpwl_um, for_all_cells
from agents.flat.detailed.trial import new_trial
from agents.flat.detailed.reach import new_reach
from agents.flat.detailed.swap import swap_cells

from agents.flat.detailed.row_shift import *
from agents.flat.detailed.reorder import *
from agents.flat.detailed.flip import *
def refine(netlist, legal, seed=1, log=print):
    rows = site_rows(netlist, legal)
    t=time.perf_counter()
    wires, board = make_board(netlist, rows, legal)
    log('board', time.perf_counter()-t)
    trial=new_trial(wires, board); reach=new_reach(wires)
    rng=np.random.default_rng(seed)
    def step(name, f):
        a=total_hpwl_um(wires,board); t=time.perf_counter(); k=f(); b=total_hpwl_um(wires,board)
        log(f'{name:10s} {a:.0f} -> {b:.0f} {(a-b)/a:.3%} moved {k} {time.perf_counter()-t:.2f} s')
    rs=new_row_scratch(wires,board); win=new_window(wires,4)
    flips=netlist.unit_um is not None
    def check():
        b=board.box.copy(); 
        for_all_cells(wires,board); assert np.array_equal(b,board.box)
    step('shift', lambda: shift_rows(wires,board,trial,rs))
    for r in range(3):
        order=np.lexsort((board.site,))
        step('global', lambda: swap_cells(wires,board,trial,reach,order,False,2,4))
        step('vertical', lambda: swap_cells(wires,board,trial,reach,order,True,0,4))
        step('reorder', lambda: reorder_rows(wires,board,trial,win))
        step('shift', lambda: shift_rows(wires,board,trial,rs))
        if flips: step('flip', lambda: flip_cells(wires,board,trial))
        check()
    return placement_of(board, netlist, rows, legal)
