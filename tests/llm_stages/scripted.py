"""A model that gives the answers of a list, one after another."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from llm_stages import python_provider
from llm_stages.exchange import Request

_numbers = itertools.count()


@dataclass
class Scripted:
    """The model, and what it was asked.

    Attributes:
        model: Its model string.
        requests: All questions so far.
    """

    model: str
    requests: list[Request] = field(default_factory=list)

    @property
    def question(self) -> str:
        """The last question."""
        return self.requests[-1].messages[-1].content


def scripted(*answers: str) -> Scripted:
    """Registers a model with these answers; the last one is given again and again."""
    # A name of its own: a process takes no answer twice for the same question to the same model.
    name = f"scripted-{next(_numbers)}"
    model = Scripted(f"python/{name}")

    def answer(request: Request) -> str:
        model.requests.append(request)
        return answers[min(len(model.requests), len(answers)) - 1]

    python_provider.register(name, answer)
    return model
