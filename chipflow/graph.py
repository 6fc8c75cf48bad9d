"""Which stage waits for which, from what the stages declare."""

from __future__ import annotations

from collections.abc import Sequence

from chipflow.stage import Stage


def needs(stages: Sequence[Stage]) -> dict[str, tuple[str, ...]]:
    """For each stage the names of the stages that must end before it, in flow order.

    A stage needs the givers of the files that it reads or may read. One that uses metrics needs all
    stages before it.

    Raises:
        ValueError: The stages contradict each other: a fault in their declarations.
    """
    giver: dict[str, str] = {}
    result: dict[str, tuple[str, ...]] = {}
    for stage in stages:
        if stage.name in result:
            raise ValueError(f"two stages are called {stage.name}")
        for name in stage.reads:
            if name not in giver:
                raise ValueError(f"{stage.name} reads {name}, which no stage before it gives")
        wanted = {giver[name] for name in (*stage.reads, *stage.may_read) if name in giver}
        if stage.uses_metrics:
            wanted = set(result)
        result[stage.name] = tuple(name for name in result if name in wanted)
        for name in stage.gives:
            if name in giver:
                raise ValueError(f"{giver[name]} and {stage.name} both give {name}")
            giver[name] = stage.name
    return result


def needed_for(name: str, needed: dict[str, tuple[str, ...]]) -> set[str]:
    """The stage and all that it depends on, however indirectly."""
    found = {name}
    for stage in reversed(needed):  # against the flow's order, so one pass is enough
        if stage in found:
            found |= set(needed[stage])
    return found


def depending_on(name: str, needed: dict[str, tuple[str, ...]]) -> set[str]:
    """The stage and all that come after it because of it, however indirectly."""
    found = {name}
    for stage, before in needed.items():  # in flow order, so one pass is enough
        if found & set(before):
            found.add(stage)
    return found
