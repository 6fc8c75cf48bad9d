"""One function to ask any model: `complete(Request(...)) -> Reply`, with LiteLLM underneath.

A model is one string as LiteLLM spells it (`anthropic/...`, `openai/...`, `ollama/...`), or
`openai/NAME` with an `api_base` for any server that speaks the OpenAI protocol. LiteLLM takes
seconds to import, so it is imported by the first call that needs it. Replies can be recorded and
replayed (`store.py`), and calls can share a budget (`budget.py`).
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import time
from types import ModuleType
from urllib.parse import urlsplit

from llm_stages.budget import Budget
from llm_stages.errors import (
    KeyMissing,
    NoConnection,
    ProviderError,
    Refused,
    ToolMissing,
    UnknownModel,
)
from llm_stages.exchange import Reply, Request
from llm_stages.store import Store, store_from_environment

EXAMPLES = (
    "anthropic/claude-sonnet-4-5, openai/gpt-4o, gemini/gemini-2.5-pro, ollama/qwen2.5-coder, or "
    "openai/NAME with --api-base http://127.0.0.1:8000/v1 for a server of your own"
)

_RETRY_WAITS_S = (1.0, 4.0)
_RETRY_STATUS = (429, 503, 529)
_NO_KEY = "none"  # local servers want the field filled and do not look at it


def complete(
    request: Request, *, budget: Budget | None = None, store: Store | None = None
) -> Reply:
    """Ask a model and wait for its whole answer.

    Args:
        request: What to ask.
        budget: Is charged; a call that could exceed it is not made.
        store: Where replies are recorded or replayed from; by default as the environment says
            (CHIPFLOW_LLM_RECORD or CHIPFLOW_LLM_REPLAY, each a folder).

    Raises:
        UnknownModel, KeyMissing, NoConnection, Refused: The provider could not be asked.
        BudgetSpent: The budget does not allow the call.
        NotRecorded: Replay was asked for and the store does not hold the request.
    """
    store = store or store_from_environment()
    if store is not None and store.replays:
        return Reply(**store.load(request))
    litellm = _litellm()
    provider = _provider_of(litellm, request)
    if budget is not None:
        budget.check(
            prompt_characters=sum(len(message.content) for message in request.messages),
            max_tokens=request.max_tokens,
            price=lambda prompt, answer: _price(litellm, request, provider, prompt, answer),
            model=request.model,
        )
    reply = _ask(litellm, request, provider)
    if budget is not None:
        budget.charge(reply.prompt_tokens + reply.completion_tokens, reply.cost_usd)
    if store is not None:
        store.save(request, reply)
    return reply


def _litellm() -> ModuleType:
    """LiteLLM with everything off that would phone home or print."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    try:
        import litellm
    except ImportError as error:
        raise ToolMissing(
            f"LiteLLM cannot be imported: {error}", hint="pip install litellm"
        ) from None
    litellm.suppress_debug_info = True
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    return litellm


def _provider_of(litellm: ModuleType, request: Request) -> str:
    """The provider's name, once it is known and its key is there."""
    from litellm.exceptions import BadRequestError

    try:
        provider = litellm.get_llm_provider(request.model, api_base=request.api_base or None)[1]
    except BadRequestError:
        raise UnknownModel(
            f"the model {request.model!r} names no provider that LiteLLM knows",
            where=request.model,
            hint=f"write PROVIDER/MODEL, such as {EXAMPLES}",
        ) from None
    if request.api_base:
        if urlsplit(request.api_base).scheme not in ("http", "https"):
            raise NoConnection(
                f"the address {request.api_base!r} is not an http or https address",
                where=request.model,
                hint="write it in full, such as http://127.0.0.1:8000/v1",
            )
        return provider
    missing = [
        name
        for name in litellm.validate_environment(request.model)["missing_keys"]
        if not name.endswith("_API_BASE")
    ]
    if missing and provider == "gemini":
        missing = [" or ".join(sorted(missing))]
    if missing:
        raise KeyMissing(
            f"the provider {provider!r} wants a key that is not set",
            where=request.model,
            hint=f"set {' and '.join(missing)} in the environment, or name a model that needs no "
            "key (ollama/..., or openai/NAME with --api-base)",
        )
    return provider


def _ask(litellm: ModuleType, request: Request, provider: str) -> Reply:
    arguments: dict[str, object] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "timeout": request.timeout_s,
        "drop_params": True,  # models without a temperature or a seed do without
        "num_retries": 0,
        "max_retries": 0,
    }
    if request.seed is not None:
        arguments["seed"] = request.seed
    if request.api_base:
        arguments["api_base"] = request.api_base
        if litellm.validate_environment(request.model)["missing_keys"]:
            arguments["api_key"] = _NO_KEY
    from openai import OpenAIError  # LiteLLM requires it

    for wait_s in (*_RETRY_WAITS_S, None):
        started = time.monotonic()
        try:
            answer = litellm.completion(**arguments)
        except OpenAIError as error:  # the base of all that LiteLLM raises
            if getattr(error, "status_code", None) in _RETRY_STATUS and wait_s is not None:
                time.sleep(wait_s)
                continue
            raise _translated(error, request, provider) from None
        return _reply(litellm, request, provider, answer, time.monotonic() - started)
    raise AssertionError("the last try returns or raises")


def _reply(
    litellm: ModuleType, request: Request, provider: str, answer: object, latency_s: float
) -> Reply:
    choices = getattr(answer, "choices", None)
    text = choices[0].message.content if choices else None
    finish = str(choices[0].finish_reason or "stop") if choices else "stop"
    if not text:
        raise Refused(
            f"the model returned no text (finish reason: {finish})",
            where=request.model,
            hint="allow more tokens" if finish == "length" else "ask again, or ask another model",
        )
    usage = getattr(answer, "usage", None)
    prompt = int(getattr(usage, "prompt_tokens", 0) or 0)
    completion = int(getattr(usage, "completion_tokens", 0) or 0)
    return Reply(
        text=text,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=_price(litellm, request, provider, prompt, completion),
        latency_s=latency_s,
        model=str(getattr(answer, "model", "") or request.model),
        finish_reason=finish,
    )


def _price(
    litellm: ModuleType, request: Request, provider: str, prompt: int, completion: int
) -> float | None:
    """US dollars by LiteLLM's price table, which holds for the provider's own address only."""
    if request.api_base:
        return 0.0 if _is_local(request.api_base) else None
    if provider in ("ollama", "ollama_chat"):
        return 0.0 if _is_local(os.environ.get("OLLAMA_API_BASE", "http://localhost")) else None
    table = litellm.model_cost
    entry = table.get(request.model) or table.get(request.model.removeprefix(f"{provider}/")) or {}
    per_prompt, per_answer = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if per_prompt is None or per_answer is None:
        return None
    return prompt * float(per_prompt) + completion * float(per_answer)


def _is_local(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _translated(error: Exception, request: Request, provider: str) -> ProviderError:
    """Our error for one of LiteLLM's. Its classes mislead at times, so the text decides first."""
    text = redacted(_first_line(str(error)))
    low = text.lower()
    status = getattr(error, "status_code", None)
    where = f"{request.model} at {request.api_base}" if request.api_base else request.model
    if "timeout" in type(error).__name__.lower() or "timed out" in low:
        return NoConnection(
            f"no answer within {request.timeout_s:g} s",
            where=where,
            hint="allow more time, ask for fewer tokens, or check that the server is not stuck",
        )
    if "connection refused" in low or "connection error" in low or "name or service" in low:
        return NoConnection(
            "nothing answers at the provider's address",
            where=where,
            hint="start the server, or check the address and the network",
        )
    if status in (401, 403) or "api_key" in low or "api key" in low or "credentials" in low:
        return KeyMissing(
            f"the provider {provider!r} does not accept the key: {text}",
            where=where,
            hint="check the provider's API key in the environment",
        )
    if status == 404 or "not found" in low:
        return UnknownModel(
            f"the provider {provider!r} does not have this model: {text}",
            where=where,
            hint="list the models that the provider or server offers",
        )
    if status == 429:
        return Refused(
            f"the provider's rate limit or quota is reached: {text}",
            where=where,
            hint="wait, or check the account's quota",
        )
    return Refused(f"the provider answered with an error: {text}", where=where)


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no message")
    line = re.sub(r"^(litellm\.)?(\w+Error|Timeout): ", "", line)
    return line[:400]


def redacted(text: str) -> str:
    """The text with everything that looks like a key taken out."""
    for name, value in os.environ.items():
        if len(value) >= 8 and re.search(r"KEY|TOKEN|SECRET|PASSWORD", name):
            text = text.replace(value, "[redacted]")
    return re.sub(r"\b(sk|key|gsk|xai|AIza)[-_A-Za-z0-9*]{8,}", "[redacted]", text)
