"""Specifications and a stimulus that the tests of references and of test benches share."""

from __future__ import annotations

from llm_stages.normalise import NormalisedSpec, read_plainly
from llm_stages.reference_model import Expected
from llm_stages.stimulus import Stimulus
from tests.llm_stages.loop_models import COUNTER, GATE


def spec_of(text: str, top: str) -> NormalisedSpec:
    """What is plain in a specification."""
    found = read_plainly(text, top)
    assert found is not None
    return found


UP = spec_of(COUNTER.format("up"), "counter")
BOTH = spec_of(GATE.format("both"), "gate")
ROWS = Stimulus(tuple({"reset": int(n in (0, 4)), "up": int(n > 1)} for n in range(8)))


def column(expected: Expected) -> list[int | None]:
    """The first output, cycle by cycle."""
    return [row[0] for row in expected.rows]
