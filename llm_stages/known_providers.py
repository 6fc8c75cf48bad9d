"""The providers that most people use, and what each needs; LiteLLM knows a hundred more.

References:
    https://docs.litellm.ai/docs/providers
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownProvider:
    """One provider.

    Attributes:
        name: What people call it.
        example: A model string.
        keys: Variables of which one holds the key; empty where none is needed.
        needs: What else it takes, in words.
    """

    name: str
    example: str
    keys: tuple[str, ...] = ()
    needs: str = ""

    def key_state(self, environ: Mapping[str, str]) -> str:
        """Whether the key is there, in words."""
        if not self.keys:
            return "none needed"
        found = next((name for name in self.keys if environ.get(name)), "")
        return f"{found} is set" if found else f"set {' or '.join(self.keys)}"


PROVIDERS = (
    KnownProvider("OpenAI", "openai/gpt-5-mini", ("OPENAI_API_KEY",)),
    KnownProvider("Anthropic", "anthropic/claude-sonnet-4-5", ("ANTHROPIC_API_KEY",)),
    KnownProvider("Gemini", "gemini/gemini-2.5-pro", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
    KnownProvider("Mistral", "mistral/codestral-latest", ("MISTRAL_API_KEY",)),
    KnownProvider("DeepSeek", "deepseek/deepseek-chat", ("DEEPSEEK_API_KEY",)),
    KnownProvider("OpenRouter", "openrouter/qwen/qwen3-coder", ("OPENROUTER_API_KEY",)),
    KnownProvider(
        "Ollama", "ollama_chat/qwen2.5-coder", needs="ollama serve; elsewhere: OLLAMA_API_BASE"
    ),
    KnownProvider("vLLM", "openai/NAME@http://127.0.0.1:8000/v1", needs="vllm serve NAME"),
    KnownProvider(
        "any compatible server",
        "openai/NAME@https://HOST/v1",
        needs="its key, if any, in CHIPFLOW_LLM_API_KEY",
    ),
    KnownProvider("Python", "python/MODULE:FUNCTION", needs="a function from Request to text"),
)
