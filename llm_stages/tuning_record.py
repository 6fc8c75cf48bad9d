"""How a prompt pack was tuned: for whom, on what, and what came out, kept in the pack itself."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict


class Measured(BaseModel):
    """How a pack did on some problems.

    Attributes:
        problems: How many.
        passed: Problems whose answer came through all gates and its test bench.
        reached: Gates that answers came through, on average.
        agreement: Share of the test bench's checks that passed, on average.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: int
    passed: int
    reached: float
    agreement: float


class Compared(BaseModel):
    """The pack and the one that it was made from, on the same problems.

    Attributes:
        problems: Names of the problems.
        generic: The pack that it was made from.
        tuned: The pack itself.
        better: Problems whose answer scored higher with the pack itself.
        worse: Problems whose answer scored lower.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: tuple[str, ...]
    generic: Measured
    tuned: Measured
    better: int
    worse: int


class Tuning(BaseModel):
    """The record of a tune.

    Attributes:
        model: The model, without its address.
        suite: Whose problems they were.
        optimizer: "built-in", "gepa" or "bootstrap".
        seed: Its seed.
        made_from: Name and version of the pack that it started from.
        candidate: What the search called it.
        trained_on: Problems of the training split, by name, with a hash of their specifications.
            Nothing may be scored on them with this pack.
        train: What the search saw; where a limit cut it short, fewer problems than `trained_on`.
        held_out: On problems that the search never saw; None where the effort ended before.
        data_sha256: Hash of the specifications and test benches of all these problems.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    suite: str
    optimizer: str
    seed: int
    made_from: str
    candidate: str
    trained_on: dict[str, str]
    train: Compared
    held_out: Compared | None
    data_sha256: str


def spec_hash(spec: str) -> str:
    """A short hash of a specification, white space aside, to know it again under another name."""
    return hashlib.sha256(" ".join(spec.split()).encode()).hexdigest()[:16]
