"""Which model a stage asks: command line before environment before design."""

from __future__ import annotations

import pytest

from chipflow.design import LLM_STAGES, Models
from chipflow.model_choice import choose
from placement_env.errors import InputError

DESIGN = Models(default="a/b", spec_to_rtl="c/d", fallbacks=("e/f",), budget_usd=1.0)
LOCAL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("models", "flags", "api_base", "environ", "model", "origin"),
    [
        (DESIGN, [], "", {}, "c/d", "design.toml, models.spec_to_rtl"),
        (Models(default="a/b"), [], "", {}, "a/b", "design.toml, models.default"),
        (Models(), [], "", {}, "", ""),
        (DESIGN, [], "", {"CHIPFLOW_MODEL": "g/h"}, "g/h", "CHIPFLOW_MODEL"),
        (
            DESIGN, [], "", {"CHIPFLOW_MODEL": "g/h", "CHIPFLOW_MODEL_SPEC_TO_RTL": "i/j"},
            "i/j", "CHIPFLOW_MODEL_SPEC_TO_RTL",
        ),
        (DESIGN, ["k/l"], "", {"CHIPFLOW_MODEL_SPEC_TO_RTL": "i/j"}, "k/l", "--model"),
        (DESIGN, ["spec_to_rtl=m/n", "k/l"], "", {}, "m/n", "--model spec_to_rtl=..."),
        (DESIGN, ["openai/x"], LOCAL, {}, f"openai/x@{LOCAL}", "--model"),
        (DESIGN, ["ollama_chat/x"], LOCAL, {}, f"ollama_chat/x@{LOCAL}", "--model"),
        (DESIGN, ["openai/x@http://a/v1"], "", {}, "openai/x@http://a/v1", "--model"),
        (
            Models(default="openai/x", api_base="http://one/v1"), [], "",
            {"CHIPFLOW_API_BASE": LOCAL},
            f"openai/x@{LOCAL}", "design.toml, models.default, at CHIPFLOW_API_BASE",
        ),
        (
            Models(default="openai/x"), [], LOCAL, {},
            f"openai/x@{LOCAL}", "design.toml, models.default, at --api-base",
        ),
    ],
)  # fmt: skip
def test_what_is_said_nearest_to_the_call_counts(
    models: Models, flags: list[str], api_base: str, environ: dict, model: str, origin: str
) -> None:
    chosen, (choice, *others) = choose(models, flags=flags, api_base=api_base, environ=environ)
    assert [other.stage for other in others] == list(LLM_STAGES[1:])
    assert (choice.stage, choice.model, choice.origin) == ("spec_to_rtl", model, origin)
    assert chosen.of("spec_to_rtl") == model
    assert (chosen.fallbacks, chosen.budget_usd) == (models.fallbacks, models.budget_usd)


@pytest.mark.parametrize(
    ("flags", "api_base", "words"),
    [
        (["gpt"], "", "PROVIDER/NAME"),
        (["spec_to_rlt=a/b"], "", "spec_to_rtl"),
        (["a/b"], "127.0.0.1:80", "in full"),
        (["a/b"], "http://me:word@host", "CHIPFLOW_LLM_API_KEY"),
        ([], LOCAL, "PROVIDER/NAME"),
        (["openai/x@http://a/v1"], LOCAL, "PROVIDER/NAME"),
    ],
)
def test_what_cannot_be_used_says_where_it_was_said(
    flags: list[str], api_base: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        choose(DESIGN, flags=flags, api_base=api_base, environ={})
    assert words in caught.value.hint
    assert caught.value.where.startswith("--api-base" if api_base else "--model")
