"""Limits that the calls of a run share; a call that could exceed one of them is not made.

A call is counted at its worst case before it is made, and at what it used when it has ended. The
worst case is an estimate: some providers think before they answer, and bill that beyond the limit.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from llm_stages.call_log import Call, CallLog, held
from llm_stages.errors import BudgetSpent
from llm_stages.exchange import Reply, Request

#: Fewest bytes that a token of English or Verilog holds, for an estimate that is not too low.
_BYTES_PER_TOKEN = 2.5
_POLL_S = 0.05
#: No answer comes in less than this, so a call is not begun for it.
_SHORTEST_S = 1.0

Price = Callable[[int, int], "float | None"]


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has; rather too many than too few."""
    return int(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) + 1


@dataclass(frozen=True)
class Budget:
    """What may be spent, and what was. Threads share it; with `file`, so do processes.

    Attributes:
        max_tokens: Prompt and answer tokens in all; None for no limit, as below.
        max_cost_usd: Money in all.
        max_s: Time of all calls together; waiting between two tries does not count.
        max_calls: Calls in all, failed ones too.
        at_once: Calls at the same time; further ones wait their turn.
        file: Where the calls are written down.
        spender: Who spends, in the file.
    """

    max_tokens: int | None = None
    max_cost_usd: float | None = None
    max_s: float | None = None
    max_calls: int | None = None
    at_once: int | None = None
    file: Path | None = None
    spender: str = ""
    _memory: dict[str, Call] = field(default_factory=dict, repr=False, compare=False)

    @property
    def calls(self) -> list[Call]:
        """All calls so far."""
        with held(self.file, self._memory) as log:
            return list(log.calls.values())

    @property
    def spent_tokens(self) -> int:
        """Tokens so far, those that calls at work may use among them."""
        return sum(call.tokens for call in self.calls if call.state != "replayed")

    @property
    def spent_usd(self) -> float:
        """Money so far, that of calls at work among it."""
        return sum(call.cost_usd or 0.0 for call in self.calls if call.state != "replayed")

    def begin(self, request: Request, price: Price) -> Call:
        """Count the worst case of a call that is about to be made; waits for its turn.

        Args:
            request: What is to be asked.
            price: US dollars for (prompt tokens, answer tokens), None where it is not known.

        Returns:
            The call; `seconds` is how long it may take, which can be less than was asked for.

        Raises:
            BudgetSpent: It does not fit.
        """
        worst = Call(
            id=uuid.uuid4().hex,
            spender=self.spender,
            stage=request.stage,
            model=request.model,
            state="asked",
            prompt_tokens=sum(estimated_tokens(message.content) for message in request.messages),
            completion_tokens=request.max_tokens,
            seconds=request.timeout_s,
            process=os.getpid(),
        )
        worst = replace(worst, cost_usd=price(worst.prompt_tokens, worst.completion_tokens))
        while True:
            with held(self.file, self._memory) as log:
                waiting = sum(call.at_work for call in log.calls.values())
                if self.at_once is None or waiting < self.at_once:
                    fitting = self._fitted(worst, log)
                    log.write(fitting)
                    return fitting
            time.sleep(_POLL_S)

    def end(self, call: Call, *, used: Reply | None, took_s: float, error: str = "") -> None:
        """Count what a call has used in place of its worst case.

        Args:
            call: What `begin` returned.
            used: What came back; None where nothing came and nothing will be billed. Tokens that
                it does not state count as they were estimated.
            took_s: Time of the call.
            error: Why it failed; empty where it did not.
        """
        prompt = answer = 0
        cost: float | None = 0.0
        if used is not None:
            stated = used.prompt_tokens and used.completion_tokens
            prompt = used.prompt_tokens or call.prompt_tokens
            answer = used.completion_tokens or estimated_tokens(used.text)
            cost = used.cost_usd if stated else call.cost_usd
        with held(self.file, self._memory) as log:
            log.end(
                call.id,
                state="failed" if error else "answered",
                prompt_tokens=prompt,
                completion_tokens=answer,
                cost_usd=cost,
                seconds=round(took_s, 3),
                error=error,
            )

    def lose(self, call: Call, *, took_s: float, error: str) -> None:
        """Leave a call at its worst case: nobody knows whether the provider bills it."""
        with held(self.file, self._memory) as log:
            log.end(call.id, state="failed", seconds=round(took_s, 3), error=error)

    def note_replayed(self, request: Request, reply: Reply) -> None:
        """Write down an answer that came from a record. It counts for no limit."""
        call = Call(
            id=uuid.uuid4().hex,
            spender=self.spender,
            stage=request.stage,
            model=request.model,
            state="replayed",
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cost_usd=reply.cost_usd,
            seconds=round(reply.latency_s, 3),
            process=os.getpid(),
        )
        with held(self.file, self._memory) as log:
            log.write(call)

    def _fitted(self, worst: Call, log: CallLog) -> Call:
        """The call with the time that is left for it.

        Raises:
            BudgetSpent: There is too little left of anything.
        """
        made = [call for call in log.calls.values() if call.state != "replayed"]
        if self.max_calls is not None and len(made) >= self.max_calls:
            raise _spent(worst, f"all {self.max_calls} calls are made", "allow more calls")
        tokens = sum(call.tokens for call in made)
        if self.max_tokens is not None and tokens + worst.tokens > self.max_tokens:
            raise _spent(
                worst,
                f"the next call may use {worst.tokens} tokens; {tokens} of {self.max_tokens} are "
                "spent",
                "raise the token budget, or allow shorter answers",
            )
        self._check_cost(worst, sum(call.cost_usd or 0.0 for call in made))
        if self.max_s is None:
            return worst
        left_s = self.max_s - sum(call.seconds for call in made)
        if left_s < min(_SHORTEST_S, self.max_s):
            raise _spent(
                worst,
                f"{self.max_s - left_s:.1f} of {self.max_s:g} s are spent on calls",
                "raise the time budget",
            )
        return replace(worst, seconds=min(worst.seconds, left_s))

    def _check_cost(self, worst: Call, spent_usd: float) -> None:
        if self.max_cost_usd is None:
            return
        if worst.cost_usd is None:
            raise _spent(
                worst,
                "the price of this model is not known, so a limit on cost cannot be kept",
                "limit tokens instead",
            )
        if spent_usd + worst.cost_usd > self.max_cost_usd:
            raise _spent(
                worst,
                f"the next call may cost ${worst.cost_usd:.4f}; ${spent_usd:.4f} of "
                f"${self.max_cost_usd:.4f} are spent",
                "raise the cost budget, or name a cheaper model",
            )


def _spent(call: Call, message: str, hint: str) -> BudgetSpent:
    return BudgetSpent(message, where=call.model, hint=hint)
