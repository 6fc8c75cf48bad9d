"""The one place that knows LiteLLM: any provider's model, asked once.

LiteLLM takes seconds to import, so the first call that needs it imports it, with everything off
that would phone home or print. Its own retries, caches and budgets stay off as well: it counts
money but does not stop at a limit.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from llm_stages.deadline import within
from llm_stages.errors import KeyMissing, Refused, ToolMissing, UnknownModel
from llm_stages.exchange import CallFailed, Connection, Reply, Request
from llm_stages.litellm_errors import failure_of
from llm_stages.model_string import EXAMPLES

#: Holds the key for servers at an address of the user's; the provider's own key never goes there.
KEY_FOR_ADDRESSES = "CHIPFLOW_LLM_API_KEY"

_KEYS_ELSEWHERE = ("bedrock", "sagemaker")  # a profile or a role can stand in for their keys
_NO_KEY = "none"  # local servers want the field filled and do not look at it
_LONGEST_ANSWER = 4 * 2**20  # characters; a model's longest answers have a tenth of that


def connect(request: Request) -> Connection:
    """Make ready to ask, without any network.

    Raises:
        ToolMissing: LiteLLM is not installed.
        UnknownModel: It knows no such provider.
        KeyMissing: The provider's key is not set.
    """
    litellm = _litellm()
    provider = _provider_of(litellm, request)
    if missing := _missing_key(litellm, request, provider):
        raise KeyMissing(
            f"the provider {provider!r} wants a key that is not set",
            where=request.model,
            hint=f"set {missing} in the environment, or name a model that needs no key "
            "(ollama_chat/NAME, or openai/NAME@http://127.0.0.1:8000/v1)",
        )

    def price(prompt: int, answer: int) -> float | None:
        return _price(litellm, request, provider, prompt, answer)

    def ask(asked: Request) -> Reply:
        started = time.monotonic()
        arguments = _arguments(litellm, asked)
        try:
            answer = within(asked.timeout_s, lambda: litellm.completion(**arguments))
        except Exception as error:  # LiteLLM lets errors of all kinds through
            raise failure_of(error, asked, provider) from None
        return _reply(asked, answer, time.monotonic() - started, price)

    return Connection(ask=ask, price=price)


def _litellm() -> ModuleType:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    try:
        import litellm
    except ImportError as error:
        raise ToolMissing(
            f"LiteLLM cannot be imported: {error}", hint="pip install litellm"
        ) from None
    # Pydantic finds fault with types of LiteLLM's when they are first used.
    warnings.filterwarnings("ignore", module=r"pydantic\._internal")
    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm


def _provider_of(litellm: ModuleType, request: Request) -> str:
    from litellm.exceptions import BadRequestError

    try:
        return litellm.get_llm_provider(request.model, api_base=request.api_base or None)[1]
    except BadRequestError:
        raise UnknownModel(
            f"the model {request.model!r} names no provider that LiteLLM knows",
            where=request.model,
            hint=f"write PROVIDER/MODEL, such as {EXAMPLES}",
        ) from None


def _missing_key(litellm: ModuleType, request: Request, provider: str) -> str:
    """The variables to set, in words; empty where nothing is missing."""
    if request.api_base or provider in _KEYS_ELSEWHERE:
        return ""
    missing = [
        name
        for name in litellm.validate_environment(request.model)["missing_keys"]
        if not name.endswith("_API_BASE")
    ]
    joint = " or " if provider == "gemini" else " and "
    return joint.join(sorted(missing))


def _arguments(litellm: ModuleType, request: Request) -> dict[str, Any]:
    arguments: dict[str, Any] = {
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
        arguments["api_key"] = os.environ.get(KEY_FOR_ADDRESSES) or _NO_KEY
    return arguments


def _reply(request: Request, answer: Any, latency_s: float, price: Any) -> Reply:
    choices = getattr(answer, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    finish = str(getattr(choices[0], "finish_reason", None) or "stop") if choices else "stop"
    usage = getattr(answer, "usage", None)
    prompt = _count(getattr(usage, "prompt_tokens", 0))
    completion = _count(getattr(usage, "completion_tokens", 0))
    text = getattr(message, "content", None)
    text = text if isinstance(text, str) else ""
    reply = Reply(
        text=text if len(text) <= _LONGEST_ANSWER else "",
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=price(prompt, completion),
        latency_s=latency_s,
        model=str(getattr(answer, "model", "") or request.model)[:200],
        finish_reason=finish,
    )
    if len(text) > _LONGEST_ANSWER:
        raise CallFailed(
            Refused(
                f"the answer has {len(text) / 1e6:.1f} million characters, and at most "
                f"{request.max_tokens} tokens were asked for",
                where=request.model,
                hint="the server does not keep to the limit: ask another model",
            ),
            used=reply,
        )
    if not text.strip():
        raise CallFailed(
            Refused(
                f"the model returned no text (finish reason: {finish})",
                where=request.model,
                hint=_hint_for_no_text(finish),
            ),
            used=reply,
        )
    return reply


def _hint_for_no_text(finish: str) -> str:
    if finish == "length":
        return "allow more tokens"
    if finish in ("content_filter", "refusal"):
        return "the provider's policy stopped it: reword the specification, or ask another model"
    return "ask again, or ask another model"


def _count(value: object) -> int:
    """A number of tokens as a server states it, which may be anything."""
    return value if isinstance(value, int) and 0 <= value < 2**40 else 0


def _price(
    litellm: ModuleType, request: Request, provider: str, prompt: int, completion: int
) -> float | None:
    """US dollars by LiteLLM's price table, which holds for the provider's own address only."""
    if request.api_base:
        return 0.0 if is_local(request.api_base) else None
    if provider in ("ollama", "ollama_chat"):
        return 0.0 if is_local(os.environ.get("OLLAMA_API_BASE", "http://localhost")) else None
    table = litellm.model_cost
    entry = table.get(request.model) or table.get(request.model.removeprefix(f"{provider}/")) or {}
    per_prompt, per_answer = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if per_prompt is None or per_answer is None:
        return None
    return prompt * float(per_prompt) + completion * float(per_answer)


def is_local(address: str) -> bool:
    """The address is of this machine."""
    import ipaddress  # here: it takes longer than all else that a stage needs of this file

    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
