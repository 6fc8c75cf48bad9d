"""A model as one string: `PROVIDER/NAME`, or `PROVIDER/NAME@ADDRESS` for a server of one's own.

anthropic/claude-sonnet-4-5
openai/qwen@http://127.0.0.1:8000/v1
python/my_package.models:answer
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from llm_stages.errors import NoConnection, UnknownModel
from llm_stages.exchange import Request

EXAMPLES = (
    "anthropic/claude-sonnet-4-5, openai/gpt-4o, gemini/gemini-2.5-pro, ollama_chat/qwen2.5-coder, "
    "openai/NAME@http://127.0.0.1:8000/v1 for a server of your own, or python/MODULE:FUNCTION"
)

# Some providers have an @ in the names of their models, so only an address after it counts.
_STRING = re.compile(r"(?P<model>[\w.-]+/\S+?)(?:@(?P<address>\w+://\S*))?")


def split(model: str) -> tuple[str, str]:
    """The model and its address; the address is empty where the string has none.

    Raises:
        UnknownModel: The string is not PROVIDER/NAME.
        NoConnection: The address is none, or holds a user, a password or a query.
    """
    match = _STRING.fullmatch(model)
    if match is None:
        raise UnknownModel(
            f"the model {model!r} names no provider",
            where=model,
            hint=f"write PROVIDER/MODEL, such as {EXAMPLES}",
        )
    address = match["address"] or ""
    if address:
        check_address(address, match["model"])
    return match["model"], address


def check_address(address: str, model: str) -> None:
    """Refuse what is no address of a server, or holds a secret.

    Raises:
        NoConnection: It does; addresses are printed and recorded.
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        secret = "@" in parts.netloc or bool(parts.query)
        _ = parts.port
    except ValueError:
        usable, secret = False, "@" in address
    if secret:
        raise NoConnection(
            "the server's address holds a user, a password or a query",
            where=model,
            hint="give the address alone, and the key in the variable CHIPFLOW_LLM_API_KEY",
        )
    if not usable:
        raise NoConnection(
            f"the address {address!r} is not an http or https address",
            where=model,
            hint="write it in full, such as http://127.0.0.1:8000/v1",
        )


def addressed(request: Request) -> Request:
    """The request with the address of its model string in `api_base`, and checked.

    Raises:
        UnknownModel, NoConnection: See `split`.
    """
    model, address = split(request.model)
    if not address and request.api_base:
        check_address(request.api_base, model)
    return replace(request, model=model, api_base=address or request.api_base)
