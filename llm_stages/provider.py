"""One function to ask any model: `complete(Request(...)) -> Reply`, and the only way to one.

A model is one string (`model_string.py`). A Python function answers `python/...`
(`python_provider.py`), LiteLLM asks all others (`litellm_call.py`). What waiting can put right is
tried again, then the fallbacks are asked in order. Replies can be recorded and replayed
(`store.py`), and calls can share a budget (`budget.py`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from llm_stages import litellm_call, python_provider
from llm_stages.budget import Budget
from llm_stages.errors import InputError, ProviderError
from llm_stages.exchange import CallFailed, Connection, Reply, Request
from llm_stages.keys import key_in, redacted, without_key_values
from llm_stages.model_string import addressed
from llm_stages.store import Store, store_from_environment

#: Before the second try; twice that before the third, and so on.
_FIRST_WAIT_S = 1.0
#: A provider that wants to be left alone for longer is not waited for.
_LONGEST_WAIT_S = 60.0

Say = Callable[[str], None]


def complete(
    request: Request,
    *,
    budget: Budget | None = None,
    store: Store | None = None,
    fallbacks: Sequence[str] = (),
    retries: int = 2,
    log: Say = lambda line: None,
) -> Reply:
    """Ask a model and wait for its whole answer.

    Args:
        request: What to ask.
        budget: Is charged; a call that could exceed it is not made.
        store: Where replies are recorded or replayed from; by default as the environment says
            (CHIPFLOW_LLM_RECORD or CHIPFLOW_LLM_REPLAY, each a folder).
        fallbacks: Model strings to ask in this order where the model of the request fails. The
            address of the request is not theirs.
        retries: How often a call that failed for a while only is made again.
        log: Gets a line for each wait and each fallback.

    Raises:
        UnknownModel, KeyMissing, NoConnection, Refused: The provider could not be asked; of several
            models, the error of the first.
        BudgetSpent: The budget does not allow the call.
        NotRecorded: Replay was asked for and the store does not hold the request.
        InputError: The question holds an API key, or a record cannot be read or written.
    """
    _check_no_key(request)
    store = store or store_from_environment()
    wanted = [addressed(request)]
    wanted += [addressed(replace(request, model=name, api_base="")) for name in fallbacks]
    if store is not None:
        for asked in wanted:
            if kept := store.find(asked):
                if budget is not None:
                    budget.note_replayed(asked, kept)
                return kept
        if store.replays:
            raise store.missing(wanted[0])
    failures: list[ProviderError] = []
    for number, asked in enumerate(wanted, start=1):
        try:
            reply = _ask(asked, _connect(asked), budget, retries, log)
        except ProviderError as error:
            failures.append(error)
            if number < len(wanted):
                log(f"{asked.model}: {error.message}; asking {wanted[number].model}")
            continue
        return store.keep(asked, reply) if store is not None else reply
    raise _joined(failures)


def _connect(request: Request) -> Connection:
    if request.model.startswith(python_provider.PREFIX):
        return python_provider.connect(request)
    return litellm_call.connect(request)


def _ask(
    request: Request, connection: Connection, budget: Budget | None, retries: int, log: Say
) -> Reply:
    """Ask one model, again where that can help."""
    for tried in range(retries + 1):
        call = budget.begin(request, connection.price) if budget is not None else None
        asked = replace(request, timeout_s=call.seconds) if call else request
        started = time.monotonic()
        try:
            reply = connection.ask(asked)
        except CallFailed as failed:
            took_s = time.monotonic() - started
            if budget is not None and call is not None:
                if failed.billed:
                    budget.lose(call, took_s=took_s, error=failed.error.message)
                else:
                    budget.end(call, used=failed.used, took_s=took_s, error=failed.error.message)
            wait_s = _wait_s(failed, tried)
            if tried == retries or wait_s is None:
                raise _with_wait(failed) from None
            log(f"{request.model}: {failed.error.message}; again in {wait_s:.1f} s")
            time.sleep(wait_s)
            continue
        if budget is not None and call is not None:
            budget.end(call, used=reply, took_s=time.monotonic() - started)
        return _clean(reply)
    raise AssertionError("the last try returns or raises")


def _wait_s(failed: CallFailed, tried: int) -> float | None:
    """How long to wait before the next try; None where there is to be none."""
    if not failed.again:
        return None
    # Callers that were refused together are not to come back together.
    own_s = _FIRST_WAIT_S * 2**tried * random.uniform(0.5, 1.5)
    if failed.after_s is None:
        return min(own_s, _LONGEST_WAIT_S)
    if failed.after_s > _LONGEST_WAIT_S:
        return None
    return failed.after_s + own_s / 4


def _with_wait(failed: CallFailed) -> ProviderError:
    error = failed.error
    if failed.after_s is not None and failed.after_s > _LONGEST_WAIT_S:
        error.hint = f"the provider says to come again in {failed.after_s:.0f} s"
    return error


def _clean(reply: Reply) -> Reply:
    """The reply as text that any file can hold, without keys that a server has sent back."""
    text = without_key_values(reply.text.encode("utf-8", "replace").decode("utf-8"))
    return replace(reply, text=text, model=redacted(reply.model))


def _check_no_key(request: Request) -> None:
    for message in request.messages:
        if name := key_in(message.content):
            raise InputError(
                f"the question holds the value of {name}, which must not leave this machine",
                where=f"{request.stage or 'question'} to {request.model}",
                hint="take it out of the specification or the sources",
            )


def _joined(failures: Sequence[ProviderError]) -> ProviderError:
    """The first failure, which says of the fallbacks why they failed too."""
    first, *others = failures
    if others:
        first.message += "".join(f"\n  fallback {other.where}: {other.message}" for other in others)
    return first
