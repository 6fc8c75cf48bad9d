"""The same stages without Prefect: a thread waits for each child process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from chipflow.engine.schedule import Schedule


def conduct(schedule: Schedule, *, jobs: int) -> str:
    """Runs a schedule.

    Args:
        schedule: What to do.
        jobs: How many stages run at once.

    Returns:
        The name of the engine.

    Raises:
        StageFailed: A stage has failed.
    """
    with ThreadPoolExecutor(jobs) as threads:
        schedule.run(lambda _, work: threads.submit(work))
    return "local"
