"""Prefect conducts: one flow a run, one task a stage. All that touches Prefect is here.

The run folder decides what is done, so Prefect neither caches nor stores results. Importing Prefect
takes a second or two, and a server may take ten to start; the first stages do not wait for either,
and appear in Prefect as tasks that were under way when the flow began.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chipflow.engine import server
from chipflow.engine.schedule import Schedule
from chipflow.errors import StageFailed

_ANSWER_LIMIT_S = 5.0  # of a server that has answered before
_THREADS = 64
_LOGGERS = ("prefect", "prefect._internal", "prefect._internal.concurrency", "EventsWorker")


class _Start:
    """Finds or starts the server and imports Prefect, in a thread of its own."""

    def __init__(self) -> None:
        self.problem = ""
        self.url = ""
        self.server_was_up = False
        self._stop = threading.Event()
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefect-start", daemon=True)
        self._thread.start()

    def settled(self) -> bool:
        """Whether it is known if Prefect can conduct."""
        return self._settled.is_set()

    def wait(self) -> None:
        """Waits until it is known if Prefect can conduct."""
        self._settled.wait()

    def give_up(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            os.environ.update(server.environment(os.environ))
            self.url = self._find_server()
            if self.url:
                import prefect  # noqa: F401  (so that the flow finds it loaded)

                self._await_health()
        except ImportError as error:
            self.problem = f"Prefect cannot be imported ({error})"
        except OSError as error:
            self.problem = f"the Prefect server cannot be started ({error})"
        finally:
            self._settled.set()

    def _find_server(self) -> str:
        """The address of the user's own server, else of ours, started where need be."""
        if url := os.environ.get("PREFECT_API_URL"):
            self.server_was_up = server.healthy(url, timeout_s=2.0)
            if not self.server_was_up:
                self.problem = f"no Prefect server answers at PREFECT_API_URL = {url}"
            return url if self.server_was_up else ""
        found = server.running()
        self.server_was_up = found is not None and server.healthy(found.url)
        deadline = time.monotonic() + server.START_LIMIT_S
        while (found := server.ensure()) is None and not self._stop.is_set():
            if time.monotonic() > deadline:
                self.problem = "the Prefect server does not start"
                break
            self._stop.wait(0.05)
        return found.url if found else ""

    def _await_health(self) -> None:
        own = "PREFECT_API_URL" not in os.environ
        deadline = time.monotonic() + (server.START_LIMIT_S if own else _ANSWER_LIMIT_S)
        while not self._stop.is_set() and not server.healthy(self.url):
            if own and server.running() is None:
                self.problem = f"the Prefect server has ended, see {server.home() / 'server.log'}"
                break
            if time.monotonic() > deadline:
                self.problem = f"no Prefect server answered at {self.url}"
                break
            self._stop.wait(0.1)


def conduct(
    schedule: Schedule, *, flow: str, folder: str, jobs: int, note: Callable[[str], None]
) -> str:
    """Runs a schedule under Prefect, or says why it runs without.

    Args:
        schedule: What to do.
        flow: Name of the flow in Prefect.
        folder: The run folder; names the run in Prefect.
        jobs: How many stages run at once.
        note: Tells the user something.

    Returns:
        The name of the engine that was used, with the reason where it is not Prefect.

    Raises:
        StageFailed: A stage has failed.
    """
    start = _Start()
    try:
        with ThreadPoolExecutor(jobs) as threads:

            def submit(_: str, work: Callable[[], None]) -> object:
                return threads.submit(work)

            try:
                finished = schedule.run(submit, pause=start.settled)
            except StageFailed:
                if not start.server_was_up:
                    raise
                finished = True  # the failure is raised again inside the flow, for Prefect to see
            if finished and not start.server_was_up:
                return "local (done before the Prefect server was up)"
            start.wait()
            problem = start.problem or _run_flow(schedule, flow, folder, start.url)
            if not problem:
                return "prefect"
            note(f"{problem}; the run goes on without it")
            schedule.run(submit)
            return f"local ({problem})"
    finally:
        start.give_up()


def _run_flow(schedule: Schedule, name: str, folder: str, url: str) -> str:
    """Runs what is left of a schedule as a Prefect flow.

    Returns:
        Why Prefect could not finish it; empty where it has.
    """
    import httpx
    import prefect
    from prefect.cache_policies import NO_CACHE
    from prefect.exceptions import PrefectException
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )
    from prefect.task_runners import ThreadPoolTaskRunner

    for logger in _LOGGERS:
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    futures: list[object] = []

    def submit(stage: str, work: Callable[[], None]) -> None:
        task = prefect.task(
            name=stage, task_run_name=stage, cache_policy=NO_CACHE, persist_result=False
        )
        future = task(work).submit()
        future.add_done_callback(lambda _: ensure_done(stage, work))
        futures.append(future)

    def ensure_done(stage: str, work: Callable[[], None]) -> None:
        if not schedule.started[stage].done():  # Prefect itself has failed before the task began
            work()

    # The schedule limits how many stages run, so a thread for each task is not too many.
    @prefect.flow(
        name=name,
        flow_run_name=folder,
        task_runner=ThreadPoolTaskRunner(max_workers=_THREADS),  # type: ignore[arg-type]
        persist_result=False,
        validate_parameters=False,
    )
    def conducted() -> None:
        for stage, under_way in list(schedule.started.items()):
            submit(stage, lambda under_way=under_way: under_way.result())
        schedule.run(submit)

    settings: dict[Any, Any] = {PREFECT_API_URL: url}
    own_server = "PREFECT_API_URL" not in os.environ
    if own_server:
        # A flow's heartbeat thread costs a second at its end; it serves shared servers.
        settings[PREFECT_FLOWS_HEARTBEAT_FREQUENCY] = None
    try:
        with temporary_settings(settings):
            if own_server:
                _forget_unsent_events_of_a_dead_server()
                _close_killed_runs(folder)
            conducted()
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        # Prefect also says with a plain RuntimeError that it cannot reach its server. A failure of
        # a stage is kept by the schedule, which raises it again.
        return f"Prefect stopped ({type(error).__name__}: {error})"
    return ""


def _forget_unsent_events_of_a_dead_server() -> None:
    """Tries once to send an event, where Prefect would hold up the end of the program for it."""
    from prefect.events.clients import PrefectEventsClient
    from prefect.events.worker import EventsWorker

    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=0)


def _close_killed_runs(folder: str) -> None:
    """Marks earlier runs in this folder that were killed: they would show as running for ever.

    This process holds the folder's lock, so none of them can be alive.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.states import Crashed

    unfinished = FlowRunFilter.model_validate(
        {"name": {"any_": [folder]}, "state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
    )
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=unfinished):
            client.set_flow_run_state(run.id, Crashed(message="the process was killed"), force=True)
