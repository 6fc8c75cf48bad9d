"""The loop of the search: propose, check, decide on the exact cost, again; in several threads.

Threads take turns of a few hundred moves, each with its share of the macros (`agents.shares`), and
then take over what the others moved. During a turn a thread does not know of the others' moves: it
anneals with a part of the macros frozen, which costs little as long as the parts change often.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from agents.hard_moves import propose_hard
from agents.lattice import Lattice
from agents.moves import Movers, RandomState, uniform
from agents.rendezvous import meet
from agents.shares import Role, Share, draw_share
from agents.soft_moves import SoftMove, propose_soft
from placement_env.cost.bound import Bound
from placement_env.cost.congestion import cell_congestion
from placement_env.cost.model import GridShape, Int32Array, Nets, Nodes, Points, Rates
from placement_env.cost.move import Tops, Trial, fill_tops, try_move
from placement_env.cost.move_many import move_many
from placement_env.cost.state import State
from placement_env.kernels import lean
from placement_env.netlist import FloatArray, IntArray

# Columns of `Board.counts`: nodes moved in the last even turn and in the last odd one; moves
# decided upon so far and accepted ones; how long the thread waited for others, in no unit.
MOVED, TRIED, ACCEPTED, WAITED = 0, 2, 3, 4

# Proposals for one move of a hard macro before giving it up, since most hit another macro.
_TRIES = 6
# Kinds of moves of hard macros are counted behind those of soft ones.
_SOFT_KINDS = len(SoftMove)


class Board(NamedTuple):
    """What threads tell each other.

    What they moved is written twice over, in even and in odd turns, so that nobody has to wait
    until the others have read it.

    Attributes:
        rendezvous: Where they wait for each other.
        moved: [2, threads, N] nodes that each moved in the last turn, as many as `counts` has.
        x: [2, threads, N] where they are now.
        y: [2, threads, N] where they are now.
        turn_x: [2, threads, N] `State.turn_x` of them.
        turn_y: [2, threads, N] `State.turn_y` of them.
        counts: [threads, 8] see the constants above.
        tried: [threads, kinds] moves decided upon of each kind.
        earned: [threads, kinds] by how much those that lowered the cost did so.
    """

    rendezvous: IntArray
    moved: Int32Array
    x: FloatArray
    y: FloatArray
    turn_x: FloatArray
    turn_y: FloatArray
    counts: IntArray
    tried: IntArray
    earned: FloatArray


@lean
def anneal(
    nodes: Nodes,
    points: Points,
    nets: Nets,
    grid: GridShape,
    rates: Rates,
    tops: Tops,
    state: State,
    bound: Bound,
    trial: Trial,
    lattice: Lattice,
    movers: Movers,
    random: RandomState,
    board: Board,
    share: Share,
    thread: int,
    role: Role,
    temperature: float,
    spread: float,
    turns: int,
) -> None:
    """Metropolis moves of one thread at one temperature.

    Args:
        nodes: The netlist's nodes.
        points: Its points.
        nets: Its merged nets.
        grid: The grid.
        rates: Factors of the congestion cost.
        tops: How many cells the costs average.
        state: The thread's placement; changes.
        bound: The bound of `state`.
        trial: Scratch and cost of `state`.
        lattice: Where macros may lie.
        movers: Which macros move.
        random: State of the random numbers.
        board: What threads tell each other.
        share: What this one moves.
        thread: Which one this is.
        role: What it does in each turn.
        temperature: In units of the proxy cost.
        spread: Typical length of a step.
        turns: How many turns to take.
    """
    threads = len(board.counts)
    for _ in range(turns):
        hard, soft = draw_share(nodes, grid, state, lattice, movers, share, role)
        own = Movers(
            share.hard[:hard],
            share.soft[:soft],
            movers.box_of,
            movers.box_x,
            movers.box_y,
            movers.box_wide,
            movers.box_tall,
            movers.region,
            movers.flips,
            movers.soft_shares,
            movers.hard_shares,
            movers.plan_x,
            movers.plan_y,
        )
        hard_share = role.hard_share if hard > 0 else 0.0
        if soft == 0:
            hard_share = 1.0
        share.stamp[-1] += 1
        parity = share.stamp[-1] & 1
        moved, count = board.moved[parity, thread], 0
        for _ in range(role.moves if hard + soft > 0 else 0):
            if uniform(random) < hard_share:
                kind = -1
                tries = 0
                while kind < 0 and tries < _TRIES:
                    tries += 1
                    kind = propose_hard(
                        nodes, points, nets, grid, rates, state, lattice, own, spread, random, trial
                    )
                if kind < 0:
                    continue
                kind += _SOFT_KINDS
            else:
                kind = propose_soft(points, nets, grid, state, lattice, own, spread, random, trial)
            # The decision's random number first: then it is clear how much a move may cost.
            threshold = -temperature * log(1 - uniform(random))
            board.counts[thread, TRIED] += 1
            board.tried[thread, kind] += 1
            before = trial.cost[0] + 0.5 * (trial.cost[1] + trial.cost[2])
            if not try_move(nodes, points, nets, grid, rates, tops, state, bound, trial, threshold):
                continue
            board.counts[thread, ACCEPTED] += 1
            after = trial.cost[0] + 0.5 * (trial.cost[1] + trial.cost[2])
            board.earned[thread, kind] += max(before - after, 0.0)
            for m in range(2):
                node: int = trial.node[m]
                if node < 0:
                    continue
                if nodes.is_hard[node]:
                    movers.box_x[movers.box_of[node]] = trial.x[m]
                    movers.box_y[movers.box_of[node]] = trial.y[m]
                if share.stamp[node] != share.stamp[-1]:
                    share.stamp[node] = share.stamp[-1]
                    moved[count] = node
                    count += 1
        if threads == 1:
            continue
        for i in range(count):
            board.x[parity, thread, i] = state.x[moved[i]]
            board.y[parity, thread, i] = state.y[moved[i]]
            board.turn_x[parity, thread, i] = state.turn_x[moved[i]]
            board.turn_y[parity, thread, i] = state.turn_y[moved[i]]
        board.counts[thread, MOVED + parity] = count
        board.counts[thread, WAITED] += meet(board.rendezvous, thread)
        for other in range(threads):
            if other == thread:
                continue
            moved, count = board.moved[parity, other], board.counts[other, MOVED + parity]
            move_many(
                nodes,
                points,
                nets,
                grid,
                rates,
                state,
                trial,
                moved,
                count,
                board.x[parity, other],
                board.y[parity, other],
                board.turn_x[parity, other],
                board.turn_y[parity, other],
            )
            for i in range(count):
                if nodes.is_hard[moved[i]]:
                    movers.box_x[movers.box_of[moved[i]]] = state.x[moved[i]]
                    movers.box_y[movers.box_of[moved[i]]] = state.y[moved[i]]
        cell_congestion(
            state.difference, state.blockage, grid, rates, state.running, state.congestion
        )
        fill_tops(grid, rates, tops, state, bound, trial)
