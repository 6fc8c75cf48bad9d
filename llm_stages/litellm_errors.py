"""What an error of LiteLLM means: what to tell the user, and whether asking again can help.

Its classes and status codes mislead at times: a connection that breaks off is a 500 for one
provider and an APIConnectionError for another, an unreadable answer is a 422. So the text decides
first.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from llm_stages.errors import KeyMissing, NoConnection, ProviderError, Refused, UnknownModel
from llm_stages.exchange import CallFailed, Request
from llm_stages.keys import redacted

_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_UNREACHABLE = re.compile(
    r"connection refused|name or service|nodename nor servname|temporary failure in name|"
    r"no route to host|network is unreachable|connect call failed|all connection attempts failed"
)
_BROKEN_OFF = re.compile(
    r"peer closed|incomplete|connection reset|disconnected|connection error|broken pipe|"
    r"connection aborted"
)
_UNREADABLE = re.compile(
    r"json|invalid response|no 'choices'|converting to valid response|traceback|expecting value|"
    r"unterminated string|recursion|not subscriptable|has no attribute"
)
_NO_MONEY = re.compile(
    r"insufficient.{0,3}(quota|balance|funds|credit)|credit balance|billing|current quota|payment"
)
_NO_KEY = re.compile(r"missing credentials|api_key.{0,40}must be set|no api key")
_TOO_LONG = re.compile(r"context.{0,20}(length|window)|too many tokens|prompt is too long")
_SHOWN = 400
_SHOWN_ANSWER = 100


def failure_of(error: BaseException, request: Request, provider: str) -> CallFailed:
    """The failed call for an exception that LiteLLM raised."""
    whole = _chain(error)
    low = whole.lower()
    status = getattr(error, "status_code", None)
    where = f"{request.model} at {request.api_base}" if request.api_base else request.model
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return CallFailed(
            NoConnection(
                f"no answer within {request.timeout_s:g} s",
                where=where,
                hint="allow more time, ask for fewer tokens, or check that the server is not stuck",
            ),
            billed=True,
        )
    if _UNREACHABLE.search(low):
        return CallFailed(
            NoConnection(
                "nothing answers at the provider's address",
                where=where,
                hint="start the server, or check the address and the network",
            )
        )
    text = redacted(_message(str(error)))
    after_s = _retry_after_s(error)
    refusal = _refusal(status, f"{text} {low}".lower(), text, request, provider, where, after_s)
    if refusal is not None:
        return refusal
    made_up = status in (None, 422, 500)  # LiteLLM's own, where no server has said so
    if made_up and _BROKEN_OFF.search(low):
        return CallFailed(
            NoConnection(
                "the connection broke off before the whole answer was there",
                where=where,
                hint="try again later, or check what lies between here and the server",
            ),
            again=True,
            billed=True,
        )
    if made_up and _UNREADABLE.search(low):
        return CallFailed(
            Refused(
                f"what came back is no answer in the protocol of {provider!r}{_excerpt(whole)}",
                where=where,
                hint="check that the address is that of the API, and that the provider fits it",
            ),
            again=True,
            billed=True,
        )
    return CallFailed(
        Refused(f"the provider answered with an error: {text}", where=where),
        again=status in _TRY_AGAIN,
        after_s=after_s,
    )


def _refusal(
    status: object,
    low: str,
    text: str,
    request: Request,
    provider: str,
    where: str,
    after_s: float | None,
) -> CallFailed | None:
    """The failures that a provider states in so many words."""
    error: ProviderError
    # A limit by the minute says when to come again, or is Gemini's, which calls it a quota too.
    passing = status == 429 and (after_s is not None or provider == "gemini")
    spent = _NO_MONEY.search(low) and not passing
    if status == 402 or (status in (400, 403, 429) and spent):
        error = Refused(
            f"the account with {provider!r} has no money or quota left: {text}",
            where=where,
            hint="top it up, or name another model or a fallback",
        )
        return CallFailed(error)
    if status == 401 or (status in (400, 403) and re.search(r"api.?key|credential", low)):
        own = "CHIPFLOW_LLM_API_KEY, the key for addresses of your own, in the environment"
        error = KeyMissing(
            f"the provider {provider!r} does not accept the key: {text}",
            where=where,
            hint=f"check {own}" if request.api_base else "check the provider's API key",
        )
        return CallFailed(error)
    if _NO_KEY.search(low):
        error = KeyMissing(
            f"the provider {provider!r} wants a key that is not set: {text}",
            where=where,
            hint="set it in the environment",
        )
        return CallFailed(error)
    if status == 403:
        return CallFailed(
            Refused(
                f"the provider does not allow this: {text}",
                where=where,
                hint="check what the account and its key may use",
            )
        )
    if status == 404:
        error = UnknownModel(
            f"the provider {provider!r} does not have this model: {text}",
            where=where,
            hint="list the models that the provider or server offers",
        )
        return CallFailed(error)
    if status == 429:
        error = Refused(
            f"the provider's rate limit or quota is reached: {text}",
            where=where,
            hint="wait, allow more retries, or check the account's limits",
        )
        return CallFailed(error, again=True, after_s=after_s)
    if status in (400, 413) and _TOO_LONG.search(low):
        error = Refused(
            f"the question is too long for the model: {text}",
            where=where,
            hint="shorten the specification, or name a model with a longer context",
        )
        return CallFailed(error)
    return None


def _chain(error: BaseException) -> str:
    """The texts of an exception and of those behind it: the cause says more than the wrapper."""
    texts, seen = [], set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen and len(texts) < 8:
        seen.add(id(at))
        texts.append(f"{type(at).__name__}: {at}"[:2000])
        at = at.__cause__ or at.__context__
    return "\n".join(texts)


def _excerpt(text: str) -> str:
    """What the server sent, as far as LiteLLM quotes it, with a colon in front."""
    found = re.search(r"(?:Received(?: response)?|Original Response)[:\s-]+(\S.*)", text)
    return f": {redacted(found[1])[:_SHOWN_ANSWER]}" if found else ""


def _message(text: str) -> str:
    """The provider's own words: of the JSON in the text where there is any, else its first line."""
    start = text.find("{")
    if start >= 0:
        try:
            body: Any = json.JSONDecoder().raw_decode(text[start:])[0]
        except (ValueError, RecursionError):
            body = None
        found = body.get("error", body) if isinstance(body, Mapping) else None
        found = found.get("message") if isinstance(found, Mapping) else found
        if isinstance(found, str) and found.strip():
            return " ".join(found.split())[:_SHOWN]
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no message")
    line = re.sub(r"^((litellm\.)?\w*(Error|Timeout|Exception)( - |: ))+", "", line)
    return line[:_SHOWN]


def _retry_after_s(error: BaseException) -> float | None:
    """How long the provider asks to wait: seconds, milliseconds or a date (RFC 9110, 10.2.3)."""
    headers = getattr(error, "litellm_response_headers", None)
    if headers is None:
        headers = getattr(getattr(error, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = str(headers.get(name, "")).strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
            return float(value) * unit
        try:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            continue
    return None
