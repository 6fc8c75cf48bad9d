"""A limit on tokens and money that several calls share; a call that could exceed it is not made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from llm_stages.errors import BudgetSpent

#: Fewest characters that a token of English or Verilog holds, for an estimate that is not too low.
_CHARACTERS_PER_TOKEN = 2.5

Price = Callable[[int, int], "float | None"]


@dataclass
class Budget:
    """What may be spent, and what was.

    Attributes:
        max_tokens: Prompt and answer tokens in all; None for no limit.
        max_cost_usd: Money in all; None for no limit.
        spent_tokens: Tokens charged so far.
        spent_usd: Money charged so far.
    """

    max_tokens: int | None = None
    max_cost_usd: float | None = None
    spent_tokens: int = 0
    spent_usd: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def check(self, *, prompt_characters: int, max_tokens: int, price: Price, model: str) -> None:
        """Raise `BudgetSpent` if the worst case of the next call does not fit.

        Args:
            prompt_characters: Length of the prompt.
            max_tokens: Length of the answer at most.
            price: US dollars for (prompt tokens, answer tokens), None where it is not known.
            model: The model, for the message.
        """
        prompt = int(prompt_characters / _CHARACTERS_PER_TOKEN) + 1
        with self._lock:
            worst = self.spent_tokens + prompt + max_tokens
            if self.max_tokens is not None and worst > self.max_tokens:
                raise BudgetSpent(
                    f"the next call may use {prompt + max_tokens} tokens; "
                    f"{self.spent_tokens} of {self.max_tokens} are spent",
                    where=model,
                    hint="raise the token budget, or allow shorter answers",
                )
            if self.max_cost_usd is None:
                return
            cost = price(prompt, max_tokens)
            if cost is None:
                raise BudgetSpent(
                    "the price of this model is not known, so a limit on cost cannot be kept",
                    where=model,
                    hint="limit tokens instead",
                )
            if self.spent_usd + cost > self.max_cost_usd:
                raise BudgetSpent(
                    f"the next call may cost ${cost:.4f}; ${self.spent_usd:.4f} of "
                    f"${self.max_cost_usd:.4f} are spent",
                    where=model,
                    hint="raise the cost budget, or name a cheaper model",
                )

    def charge(self, tokens: int, cost_usd: float | None) -> None:
        """Add what a call used."""
        with self._lock:
            self.spent_tokens += tokens
            self.spent_usd += cost_usd or 0.0
