"""Where kernels in several threads wait for each other, without leaving compiled code.

Each thread has a counter that only it raises; it goes on when all counters are as high. A thread
that waits long gives its core away, so that more threads than cores come through as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from placement_env.kernels import lean
from placement_env.netlist import IntArray

# Counters lie on cache lines of their own.
_LINE = 16
_SPINS = 2000

_yield_core: Any = types.ExternalFunction("sched_yield", types.int32())


def new_rendezvous(threads: int) -> IntArray:
    """Counters of `threads` threads; one more is raised by `release`."""
    return np.zeros((threads + 1) * _LINE, np.int64)


def release(rendezvous: IntArray) -> None:
    """Let all threads that wait here, or will, pass."""
    rendezvous[-_LINE] = 1


@lean
def meet(rendezvous: IntArray, thread: int) -> int:
    """Wait until every thread has called this as often as `thread` has; how long, in no unit."""
    waited = 0
    turn = rendezvous[thread * _LINE] + 1
    _store(rendezvous, thread * _LINE, turn)  # type: ignore[reportCallIssue]
    threads = len(rendezvous) // _LINE - 1
    for other in range(threads):
        spins = 0
        while (
            _load(rendezvous, other * _LINE) < turn  # type: ignore[reportCallIssue]
            and _load(rendezvous, threads * _LINE) == 0  # type: ignore[reportCallIssue]
        ):
            spins += 1
            if spins > _SPINS:
                _yield_core()
        waited += spins
    return waited


@intrinsic
def _load(typing_context: Any, array: Any, index: Any) -> Any:
    """Element `index`, and all that was written before it was stored."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, signature, arguments), "acquire", 8)

    return types.int64(array, types.intp), code


@intrinsic
def _store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Set element `index` after all that was written before."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), code


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, arguments[0])
    return cgutils.get_item_pointer(context, builder, kind, array, [arguments[1]])
