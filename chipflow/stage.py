"""What a flow stage is: a plain function with declared files and settings in, results out.

A stage module holds the function and a `STAGE` that declares it. Nothing here knows about Prefect
or about run folders; `chipflow.run` decides when a stage runs and where its files go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chipflow.design import Design
from chipflow.pdk.description import Pdk


@dataclass(frozen=True)
class StageContext:
    """All that a stage may read, and the one folder that it may write.

    Attributes:
        design: The whole design; a stage reads only the settings that it declares.
        pdk: The process design kit in use.
        files: Files of earlier stages by their declared name. Optional ones may be missing.
        out_dir: An empty folder of the stage's own. It gets its final name when the stage succeeds.
        metrics: Metrics of all earlier stages.
        log: Prints one line of progress.
        asking: Arguments for the functions of `llm_stages` that ask models: budget, fallbacks and
            the like (`chipflow.asking`). No result depends on them.
    """

    design: Design
    pdk: Pdk
    files: Mapping[str, Path]
    out_dir: Path
    metrics: Mapping[str, float] = field(default_factory=dict)
    log: Callable[[str], None] = print
    asking: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageResult:
    """What a stage made.

    Attributes:
        files: Declared name to file name inside `out_dir`.
        metrics: METRICS2.1-style names to numbers; each must be in `placement_env.metrics`.
        status: "skipped" when the stage could not or need not do its work; `note` says why.
        note: One line for the stage table.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    status: Literal["done", "skipped"] = "done"
    note: str = ""


@dataclass(frozen=True)
class Stage:
    """The declaration of a stage.

    Attributes:
        name: Name in tables and folders, such as "synthesize".
        run: The stage itself. It raises `ChipError` for what the user can mend.
        reads: Names of files that earlier stages must give.
        may_read: Names of files used where an earlier stage gives them.
        gives: Names of files that the stage may give.
        settings: Dotted names of the design's settings that it reads, such as "clock.period_ns".
        sources: Names of design settings that hold paths whose content it reads ("rtl").
        tools: Programs and packages whose version is part of the result (names of
            `chipflow.tools.versions`).
        uses_metrics: The stage reads `StageContext.metrics`; all earlier results become inputs.
        uses_pdk: The stage reads PDK files.
        asks_models: The stage asks language models; all others run without API keys.
    """

    name: str
    run: Callable[[StageContext], StageResult]
    reads: tuple[str, ...] = ()
    may_read: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    uses_metrics: bool = False
    uses_pdk: bool = True
    asks_models: bool = False
