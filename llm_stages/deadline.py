"""A limit on the time that a call of somebody else's code may take, whatever it waits for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def within(seconds: float, function: Callable[[], Value]) -> Value:
    """Call a function in a thread of its own and wait for it no longer than this.

    Time limits of HTTP clients count from one byte to the next, so a server that sends one now and
    then would hold a caller for ever. A thread that is late is left behind; it ends with the
    process, or with what it waits for.

    Raises:
        TimeoutError: The function did not return in time.
        BaseException: What the function raised.
    """
    outcome: queue.SimpleQueue[tuple[Value | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((function(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=work, name="model call", daemon=True).start()
    try:
        value, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no return within {seconds:g} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # without an error there is a value
