"""Starts stages as soon as what they need is done, a few at a time."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

Submit = Callable[[str, Callable[[], Any]], Any]
"""Starts a named function in a thread of an engine; returns at once."""


class Schedule:
    """The order of the work, whichever engine does it.

    Args:
        names: Stages to settle, in flow order.
        needed: For each stage the stages that must be done before it.
        done: Stages that are done already.
        jobs: How many run at once.
        needs_work: Called once all that a stage needs is done: False where its result stands.
        work: Does the work of a stage; runs in a thread of the engine.
        cancel: Ends the work at hand when the user interrupts.
    """

    def __init__(
        self,
        names: Sequence[str],
        needed: Mapping[str, Sequence[str]],
        done: set[str],
        *,
        jobs: int,
        needs_work: Callable[[str], bool],
        work: Callable[[str], None],
        cancel: Callable[[], None],
    ) -> None:
        self._waiting = list(names)
        self._needed = needed
        self._done = set(done)
        self._jobs = jobs
        self._needs_work = needs_work
        self._work = work
        self._cancel = cancel
        self._failure: BaseException | None = None
        self._running: set[str] = set()
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.started: dict[str, Future[None]] = {}

    def run(self, submit: Submit, pause: Callable[[], bool] | None = None) -> bool:
        """Works until all stages are done, one has failed, or `pause` says so.

        After a failure no stage starts any more, and those at work come to their end. Stages at
        work stay so over a pause; a later call, also with another engine, goes on with them.

        Returns:
            True when nothing is left to do, False after a pause.

        Raises:
            Exception: What the first stage that failed has raised; a later call raises it again.
        """
        try:
            while self._failure is None or self._running:
                if self._failure is None:
                    self._start_ready(submit)
                if not self._running:
                    return True
                if not self._one_has_ended(0.05 if pause else None) and pause and pause():
                    return False
        except BaseException as stop:
            if not isinstance(stop, Exception):  # Ctrl-C, or Prefect's signal to end
                self._cancel()
            raise
        raise self._failure

    def _one_has_ended(self, timeout_s: float | None) -> bool:
        """Waits for a stage to end; False where none has in time."""
        try:
            name = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return False
        self._running.discard(name)
        error = self.started[name].exception()
        if error is None:
            self._done.add(name)
        self._failure = self._failure or error
        return True

    def _start_ready(self, submit: Submit) -> None:
        for name in list(self._waiting):
            if len(self._running) >= self._jobs:
                return
            if not all(before in self._done for before in self._needed[name]):
                continue
            self._waiting.remove(name)
            if self._needs_work(name):
                self._start(name, submit)
            else:
                self._done.add(name)

    def _start(self, name: str, submit: Submit) -> None:
        future: Future[None] = Future()
        self.started[name] = future
        self._running.add(name)

        def work() -> None:
            try:
                self._work(name)
            except BaseException as error:
                future.set_exception(error)
                raise
            else:
                future.set_result(None)
            finally:
                self._ended.put(name)

        submit(name, work)
