"""Makes cases, runs them, and says of each whether the reader did what it must."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Literal

from benchmarks.fuzz_readers.mutations import damaged
from benchmarks.fuzz_readers.readers import READERS, Document
from placement_env.errors import InputError

#: A document of some kilobytes is read in milliseconds.
LIMIT_S = 5.0
#: The longest error that a reader may raise, and that is shown.
_LONGEST_ERROR = 4000

Readers = Mapping[str, tuple[Document, ...]]


@dataclass(frozen=True)
class Outcome:
    """What a reader did with a case.

    Attributes:
        kind: It gave something possible, refused the document as it must, or failed.
        message: The refusal, or what is wrong; with its traceback where there is one.
    """

    kind: Literal["accepted", "refused", "failed"]
    message: str = ""


@dataclass
class Tally:
    """The outcomes of some cases of a reader, and the numbers and messages of those that failed."""

    accepted: int = 0
    refused: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count the outcomes of other cases as well."""
        self.accepted += other.accepted
        self.refused += other.refused
        self.failures += other.failures


def case(reader: str, number: int, seed: int, readers: Readers = READERS) -> tuple[Document, bytes]:
    """The document of a case, and what it becomes by the damage."""
    random = Random(f"{seed}:{reader}:{number}")
    document = random.choice(readers[reader])
    return document, damaged(random, document.text)


def run(
    reader: str,
    numbers: Iterable[int],
    seed: int,
    folder: Path,
    readers: Readers = READERS,
    *,
    limit_s: float = LIMIT_S,
) -> Tally:
    """Run cases of one reader, in a folder for the files."""
    places = {
        document: document.copy_to(folder / f"{reader}-{index}")
        for index, document in enumerate(readers[reader])
    }
    tally = Tally()
    for number in numbers:
        document, text = case(reader, number, seed, readers)
        outcome = outcome_of(document, text, places[document], limit_s=limit_s)
        tally.accepted += outcome.kind == "accepted"
        tally.refused += outcome.kind == "refused"
        if outcome.kind == "failed":
            tally.failures.append((number, outcome.message))
    return tally


def outcome_of(
    document: Document, text: bytes, place: Path, *, limit_s: float = LIMIT_S
) -> Outcome:
    """Write the damaged text to its place among the other files, and read them."""
    place.write_bytes(text)
    try:
        with _limited(limit_s), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            document.check(document.read(place.parent))
    except InputError as error:
        if flaw := _flaw(error):
            return Outcome("failed", f"{flaw}:\n{error}"[:_LONGEST_ERROR])
        return Outcome("refused", str(error))
    except _TooSlow:
        trace = traceback.format_exc()
        return Outcome("failed", f"still not read after {limit_s} s of computing, at\n{trace}")
    except Exception:  # Whatever a reader raises is what this looks for.
        return Outcome("failed", traceback.format_exc()[-_LONGEST_ERROR:])
    return Outcome("accepted")


class _TooSlow(BaseException):
    """The time is up; no reader may catch it as one of its own errors."""


@contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    """Raise `_TooSlow` once the block has computed for so long.

    Time of computing, since a busy machine makes every case slow, and since the timer of real time
    belongs to whoever runs this with a limit of their own.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _flaw(error: InputError) -> str:
    """What is wrong with an error itself; empty where it says what a user needs."""
    text = str(error)
    if "Traceback" in text:
        return "the error holds a traceback"
    if len(text) > _LONGEST_ERROR:
        return f"the error has {len(text)} characters"
    if not error.message:
        return "the error says nothing"
    if os.sep not in error.where:
        return f"the error names no file, but {error.where!r}"
    return ""
