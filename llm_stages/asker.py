"""Asks models for answers in a form: a question from a prompt pack, a strict reader, one re-ask.

A question stands for itself. What an answer lacks is said in one second question, which holds the
first and the error, and never the conversation so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from llm_stages.budget import Budget, estimated_tokens
from llm_stages.errors import InputError, WrongAnswer
from llm_stages.exchange import Message, Reply, Request
from llm_stages.model_string import split
from llm_stages.prompt_pack import load_pack
from llm_stages.provider import complete
from llm_stages.store import Store
from llm_stages.untrusted_text import cleaned, mark

T = TypeVar("T")

#: Added to the seed of a question that is asked again, without and with the refused answer in it.
_AGAIN, _AGAIN_WITH_ANSWER = 100_000, 1
#: A model that is shown its own answer would only repeat it if it were not to vary.
_VARIED = 0.4
#: Of a refused answer.
_SHOWN_BYTES, _READ_CHARACTERS = 8192, 262144
#: An answer that may not be longer than this is not worth asking for.
_SHORTEST_ANSWER = 256


class EffortSpent(Exception):
    """The effort that was allowed is spent; no further call is made."""


@dataclass(frozen=True)
class Asking:
    """Whom to ask and how; no result depends on the fields from `timeout_s` on.

    Attributes:
        models: Model strings by LLM stage, the first one first, stronger ones after it. The entry
            of "" serves all stages that have none.
        api_base: Address of models whose string has none.
        max_tokens: Length of an answer at most.
        seed: Seed of the first question.
        most_tokens: Tokens of all questions and answers; None for no limit. Answers from a record
            count as if they had been asked for, so that a replay ends where the run did.
        most_calls: The same in calls.
        timeout_s: Time for one answer.
        budget: Is charged with what is really asked.
        store: Where replies are recorded or replayed from.
        fallbacks: Models to ask where the chosen one fails.
        retries: How often a call that failed for a while only is made again.
        log: Gets lines of progress.
    """

    models: Mapping[str, Sequence[str]]
    api_base: str = ""
    max_tokens: int = 4096
    seed: int = 1
    most_tokens: int | None = None
    most_calls: int | None = None
    timeout_s: float = 600.0
    budget: Budget | None = None
    store: Store | None = None
    fallbacks: Sequence[str] = ()
    retries: int = 2
    log: Callable[[str], None] = lambda line: None

    def ladder(self, stage: str) -> Sequence[str]:
        """The models of a stage, weakest first.

        Raises:
            InputError: None is named.
        """
        named = self.models.get(stage) or self.models.get("", ())
        if not named or not named[0]:
            raise InputError(
                f"the stage {stage} needs a model and none is named",
                where=stage,
                hint='name one in design.toml: [models] default = "anthropic/claude-sonnet-4-5", '
                "or on the command line: --model anthropic/claude-sonnet-4-5",
            )
        return named


@dataclass
class Asker:
    """Asks, and keeps the account of one piece of work.

    Attributes:
        asking: Whom to ask and how.
        replies: What came back so far.
    """

    asking: Asking
    replies: list[Reply] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Tokens of all questions and answers so far, those from a record among them."""
        return sum(reply.prompt_tokens + reply.completion_tokens for reply in self.replies)

    def has_room(self, calls: int, characters: int) -> bool:
        """Whether so many calls, each of about so many characters, fit into the effort."""
        limits = self.asking
        if limits.most_calls is not None and len(self.replies) + calls > limits.most_calls:
            return False
        each = int(characters / 2.5) + limits.max_tokens
        return limits.most_tokens is None or self.tokens + calls * each <= limits.most_tokens

    def ask(
        self,
        stage: str,
        read: Callable[[Reply], T],
        fields: Mapping[str, str],
        *,
        temperature: float = 0.0,
        number: int = 0,
        level: int = 0,
        shows_answer: bool = False,
    ) -> T:
        """Ask, and once more where the answer cannot be read.

        Args:
            stage: The LLM stage that asks.
            read: Makes a value of an answer; raises `WrongAnswer`.
            fields: What the lines of the prompt pack name. `mark` is added where it is not there:
                nobody can write text that holds a hash of itself, so no text in a frame closes it.
            temperature: 0 for the likeliest answer.
            number: Added to the seed; another number asks for another answer.
            level: Which of the stage's models, from 0; the last one where there are fewer.
            shows_answer: The second question is the prompt pack's own, with `answer` and `error`
                filled in; else it is the first one with the error below it.

        Raises:
            WrongAnswer: No answer could be read.
            EffortSpent: The effort is spent.
            StageError: See `provider.complete`.
        """
        ladder = self.asking.ladder(stage)
        model, address = split(ladder[min(level, len(ladder) - 1)])
        prompts = load_pack(stage, model)
        filled = dict(fields)
        filled.setdefault("mark", mark(fields.values()))
        messages = prompts.messages(prompts.first, filled)
        whom = {"stage": stage, "model": model, "address": address}
        reply = self.reply(messages, temperature, number, **whom)
        try:
            return self._read(stage, read, reply)
        except WrongAnswer as error:
            refused = str(error)
        if shows_answer:
            shown = cleaned(reply.text[:_READ_CHARACTERS], most_bytes=_SHOWN_BYTES)
            filled |= {"answer": shown, "error": refused}
            filled["mark"] = mark(filled.values())
            messages = prompts.messages(prompts.repair, filled)
            temperature, number = max(temperature, _VARIED), number + _AGAIN_WITH_ANSWER
        else:
            question = messages[-1].content + (
                f"\n\nAn earlier answer could not be used: {refused}\n"
                "Answer again, in the form that is asked for."
            )
            messages, number = (*messages[:-1], Message("user", question)), number + _AGAIN
        return self._read(stage, read, self.reply(messages, temperature, number, **whom))

    def _read(self, stage: str, read: Callable[[Reply], T], reply: Reply) -> T:
        try:
            return read(reply)
        except WrongAnswer as error:
            self.asking.log(f"{stage}: the answer cannot be used: {error}")
            raise

    def reply(
        self,
        messages: tuple[Message, ...],
        temperature: float,
        number: int,
        *,
        stage: str,
        model: str,
        address: str,
    ) -> Reply:
        """Ask one question and wait for the answer, whatever it is; arguments as for `ask`.

        Raises:
            EffortSpent: The effort is spent.
            StageError: See `provider.complete`.
        """
        limits = self.asking
        length = limits.max_tokens
        if limits.most_calls is not None and len(self.replies) >= limits.most_calls:
            raise EffortSpent(f"all {limits.most_calls} calls are made")
        if limits.most_tokens is not None:
            # Counted as `Budget` counts, so that its hard limit is not what ends the work.
            question = sum(estimated_tokens(message.content) for message in messages)
            left = limits.most_tokens - self.tokens - question
            if left < min(_SHORTEST_ANSWER, length):
                raise EffortSpent(f"{self.tokens} of {limits.most_tokens} tokens are spent")
            length = min(length, left)
        request = Request(
            model=model,
            messages=messages,
            temperature=temperature,
            max_tokens=length,
            seed=limits.seed + number,
            api_base=address or limits.api_base,
            timeout_s=limits.timeout_s,
            stage=stage,
        )
        reply = complete(
            request,
            budget=limits.budget,
            store=limits.store,
            fallbacks=limits.fallbacks,
            retries=limits.retries,
            log=limits.log,
        )
        self.replies.append(reply)
        return reply
