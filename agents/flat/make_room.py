"""Parts of rows for cells that found none with room, by sending narrower cells on.

Free sites that are spread over many parts hold no wide cell. A wide cell then goes where narrower
cells make room for it, which go elsewhere in turn. What waits for a place gets narrower with each
such step, so that it comes to an end.
"""

from __future__ import annotations

import numpy as np

from agents.flat.abacus import NONE, Wishes
from agents.flat.site_rows import Parts
from placement_env.kernels import jit
from placement_env.netlist import IntArray


@jit
def make_room(wishes: Wishes, parts: Parts, site_um: float, home: IntArray, most_steps: int) -> int:
    """Find a part for each cell that has none; the first cell for which there is none, else `NONE`.

    Args:
        wishes: Of C cells.
        parts: S free runs of sites.
        site_um: Width of a site.
        home: [C] part of each cell or `NONE`; changes.
        most_steps: Give up after so many cells were put somewhere.
    """
    sites = wishes.sites
    count = len(parts.line)
    room = parts.sites.copy()
    # The cells of each part as a linked list.
    head = np.full(count, NONE)
    after = np.full(len(sites), NONE)
    waiting = np.empty(len(sites), np.int64)
    waits = 0
    for cell in range(len(sites)):
        part = home[cell]
        if part == NONE:
            waiting[waits] = cell
            waits += 1
        else:
            room[part] -= sites[cell]
            after[cell] = head[part]
            head[part] = cell
    chosen = np.empty(len(sites), np.int64)
    leaving = np.empty(len(sites), np.int64)
    for _ in range(most_steps):
        if waits == 0:
            return NONE
        widest = 0
        for i in range(1, waits):
            if sites[waiting[i]] > sites[waiting[widest]]:
                widest = i
        cell: int = waiting[widest]
        wide: int = sites[cell]
        best, best_part, best_leavers = np.inf, NONE, 0
        for part in range(count):
            if parts.sites[part] < sites[cell]:
                continue
            reach = parts.x_um[part] + (parts.sites[part] - sites[cell]) * site_um
            x = min(max(wishes.left_um[cell], parts.x_um[part]), reach)
            distance = abs(x - wishes.left_um[cell])
            distance += abs(parts.y_um[part] - wishes.bottom_um[cell])
            if distance >= best:
                continue
            need: int = wide - room[part]
            leavers = 0
            if need > 0:
                leavers, moved = _leavers(sites, head[part], after, need, wide, chosen)
                if leavers == 0:
                    continue
                distance += 4 * moved * site_um
            if distance < best:
                best, best_part, best_leavers = distance, part, leavers
                leaving[:leavers] = chosen[:leavers]
        if best_part == NONE:
            return cell
        waits -= 1
        waiting[widest] = waiting[waits]
        for i in range(best_leavers):
            leaver = leaving[i]
            home[leaver] = NONE
            room[best_part] += sites[leaver]
            waiting[waits] = leaver
            waits += 1
        last = NONE
        at = head[best_part]
        while at != NONE:
            following = after[at]
            if home[at] == NONE:
                if last == NONE:
                    head[best_part] = following
                else:
                    after[last] = following
            else:
                last = at
            at = following
        home[cell] = best_part
        room[best_part] -= sites[cell]
        after[cell] = head[best_part]
        head[best_part] = cell
    return waiting[0] if waits else NONE


@jit
def _leavers(
    sites: IntArray, head: int, after: IntArray, need: int, below: int, chosen: IntArray
) -> tuple[int, int]:
    """Cells of a part, all narrower than `below`, that give `need` sites: how many, how wide.

    One cell that is just wide enough, or else the widest ones, one after the other; `chosen` gets
    them. No cells where they are not enough.
    """
    single, total = NONE, 0
    at = head
    while at != NONE:
        if sites[at] < below:
            total += sites[at]
            if sites[at] >= need and (single == NONE or sites[at] < sites[single]):
                single = at
        at = after[at]
    if single != NONE:
        chosen[0] = single
        return 1, sites[single]
    if total < need:
        return 0, 0
    count, given, limit = 0, 0, below - 1
    while given < need:
        at = head
        while at != NONE and given < need:
            if sites[at] == limit:
                chosen[count] = at
                count += 1
                given += sites[at]
            at = after[at]
        limit -= 1
    return count, given
