"""A Python function as a provider: `python/NAME` once registered, or `python/MODULE:FUNCTION`.

The function gets the `Request` and returns the answer as text, or a whole `Reply`. No LiteLLM is
imported for it. In a flow, stages run in processes of their own, so name the function by its
module there: what another process registered is not known to them.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from llm_stages.budget import estimated_tokens
from llm_stages.deadline import within
from llm_stages.errors import NoConnection, ProviderError, Refused, UnknownModel
from llm_stages.exchange import CallFailed, Connection, Reply, Request

Answer = Callable[[Request], "str | Reply"]

PREFIX = "python/"

_registered: dict[str, Answer] = {}


def register(name: str, function: Answer) -> None:
    """Let `python/NAME` be answered by a function of this process."""
    _registered[name] = function


def connect(request: Request) -> Connection:
    """Find the function.

    Raises:
        UnknownModel: There is none by that name.
    """
    function = _function(request.model)

    def ask(asked: Request) -> Reply:
        started = time.monotonic()
        try:
            answer = within(asked.timeout_s, lambda: function(asked))
        except TimeoutError:
            late = NoConnection(
                f"the function did not return within {asked.timeout_s:g} s",
                where=asked.model,
                hint="allow more time, or see what it waits for",
            )
            raise CallFailed(late, billed=True) from None
        except ProviderError as error:
            raise CallFailed(error) from None
        except Exception as error:  # a function of the user's may raise anything
            raise CallFailed(_fault(error, asked)) from error
        return _reply(answer, asked, time.monotonic() - started)

    return Connection(ask=ask, price=lambda prompt, answer: 0.0)


def _function(model: str) -> Callable[[Request], object]:
    name = model.removeprefix(PREFIX)
    if name in _registered:
        return _registered[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        known = ", ".join(f"{PREFIX}{other}" for other in sorted(_registered))
        raise UnknownModel(
            f"no function is registered as {name!r}",
            where=model,
            hint=f"registered: {known}" if known else "write python/MODULE:FUNCTION",
        )
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UnknownModel(
            f"the function {name!r} cannot be imported: {error}",
            where=model,
            hint="give MODULE:FUNCTION, with the module in this folder or installed",
        ) from error
    finally:
        sys.path.remove(folder)
    if not callable(found):
        raise UnknownModel(f"{name!r} is no function", where=model)
    return found


def _reply(answer: object, request: Request, latency_s: float) -> Reply:
    if isinstance(answer, Reply):
        reply = answer
    elif isinstance(answer, str):
        question = "".join(message.content for message in request.messages)
        reply = Reply(
            text=answer,
            prompt_tokens=estimated_tokens(question),
            completion_tokens=estimated_tokens(answer),
            cost_usd=0.0,
            latency_s=latency_s,
            model=request.model,
        )
    else:
        wrong = Refused(
            f"the function returned {type(answer).__name__}, not text or a Reply",
            where=request.model,
        )
        raise CallFailed(wrong)
    if not reply.text.strip():
        empty = Refused("the function returned no text", where=request.model)
        raise CallFailed(empty, used=reply)
    return reply


def _fault(error: Exception, request: Request) -> Refused:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Refused(
        f"the function failed with {type(error).__name__}: {error}",
        where=f"{request.model}, {last.filename}:{last.lineno}",
        hint="mend the function",
    )
