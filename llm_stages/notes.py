"""What the repair loop has learned, in at most 1.5 kB: it takes the place of a transcript.

Each call starts from the specification, the best source, its first mismatch and these notes, so a
question does not grow with the number of steps, and no model reads its own mistakes as an example.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST_BYTES = 1536


@dataclass(frozen=True)
class Notes:
    """Facts that tools have proven, attempts that they refuted, and what to look at next."""

    facts: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()
    next: str = ""

    def with_fact(self, fact: str) -> Notes:
        """The notes with one more fact."""
        return replace(self, facts=(*(item for item in self.facts if item != fact), fact))

    def with_refuted(self, attempt: str) -> Notes:
        """The notes with one more attempt that made nothing better."""
        return replace(self, refuted=(*(i for i in self.refuted if i != attempt), attempt))

    def with_next(self, words: str) -> Notes:
        """The notes with another thing to look at."""
        return replace(self, next=words)

    def text(self) -> str:
        """As a model reads them; where there is too much, the oldest goes first."""
        facts, refuted = list(self.facts), list(self.refuted)
        while len((text := _text(facts, refuted, self.next)).encode()) > MOST_BYTES:
            longer = refuted if len(refuted) >= len(facts) else facts
            if not longer:
                return text.encode()[:MOST_BYTES].decode(errors="ignore")
            del longer[0]
        return text


def _text(facts: list[str], refuted: list[str], following: str) -> str:
    parts = []
    if facts:
        parts += ["Known:", *(f"- {item}" for item in facts)]
    if refuted:
        parts += ["Tried and undone:", *(f"- {item}" for item in refuted)]
    if following:
        parts.append(f"Next: {following}")
    return "\n".join(parts)
