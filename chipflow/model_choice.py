"""Which model each LLM stage asks, and where that was said: design, environment or command line.

The command line goes before the environment, and that before `design.toml`. In each, what is said
of one stage goes before what is said of all:

    --model MODEL              --model spec_to_rtl=MODEL              --api-base URL
    CHIPFLOW_MODEL             CHIPFLOW_MODEL_SPEC_TO_RTL             CHIPFLOW_API_BASE
    [models] default           [models] spec_to_rtl                   [models] api_base
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chipflow.design import LLM_STAGES, Models, takes_api_base, why_no_address, why_no_model
from chipflow.toml_text import did_you_mean
from placement_env.errors import InputError

_VARIABLE = "CHIPFLOW_MODEL"
_ADDRESS_VARIABLE = "CHIPFLOW_API_BASE"
_FLAG = "--model"


@dataclass(frozen=True)
class Choice:
    """The model of one stage.

    Attributes:
        stage: The LLM stage.
        model: The model string with its address; empty where none is named.
        origin: Who named it.
    """

    stage: str
    model: str
    origin: str


def choose(
    models: Models,
    *,
    flags: Sequence[str] = (),
    api_base: str = "",
    environ: Mapping[str, str],
) -> tuple[Models, tuple[Choice, ...]]:
    """The models with what the environment and the command line say, and the choice of each stage.

    Args:
        models: What the design says.
        flags: Values of --model: MODEL, or STAGE=MODEL.
        api_base: Value of --api-base.
        environ: The environment.

    Raises:
        InputError: A model or an address cannot be used, or there is no such stage.
    """
    origins = {
        stage: f"design.toml, models.{stage if getattr(models, stage) else 'default'}"
        for stage in LLM_STAGES
    }
    address, address_origin = api_base, "--api-base"
    if not address and (address := environ.get(_ADDRESS_VARIABLE, "")):
        address_origin = _ADDRESS_VARIABLE
    if address and (wrong := why_no_address(address)):
        raise InputError(wrong[0], where=address_origin, hint=wrong[1])
    for stages, model, origin in _said(flags, environ):
        if wrong := why_no_model(model):
            raise InputError(wrong[0], where=origin, hint=wrong[1])
        if api_base and origin.startswith(_FLAG) and "@http" not in model:
            model = f"{model}@{api_base}"  # the two belong together, whatever the provider
        models = _named(models, stages, model)
        origins |= dict.fromkeys(stages, origin)
    if address:
        models = replace(models, api_base=address)
        origins |= {
            stage: f"{origins[stage]}, at {address_origin}"
            for stage in LLM_STAGES
            if takes_api_base(getattr(models, stage) or models.default)
        }
    choices = tuple(
        Choice(stage, models.of(stage), origins[stage] if models.of(stage) else "")
        for stage in LLM_STAGES
    )
    if api_base and not any(choice.model.endswith(f"@{api_base}") for choice in choices):
        raise InputError(
            "no model is asked at this address: on its own it is for models openai/NAME",
            where=f"--api-base {api_base}",
            hint="name the model too: --model PROVIDER/NAME --api-base URL",
        )
    return models, choices


def _named(models: Models, stages: Sequence[str], model: str) -> Models:
    """The models with one named for these stages; for all of them, as their default."""
    if tuple(stages) == LLM_STAGES:
        return replace(models, default=model, **dict.fromkeys(LLM_STAGES, ""))
    return replace(models, **dict.fromkeys(stages, model))


def _said(
    flags: Sequence[str], environ: Mapping[str, str]
) -> list[tuple[tuple[str, ...], str, str]]:
    """Stages, their model and who says so; what comes later counts."""
    said: list[tuple[tuple[str, ...], str, str]] = []
    if model := environ.get(_VARIABLE):
        said.append((LLM_STAGES, model, _VARIABLE))
    for stage in LLM_STAGES:
        variable = f"{_VARIABLE}_{stage.upper()}"
        if model := environ.get(variable):
            said.append(((stage,), model, variable))
    for_all: list[tuple[tuple[str, ...], str, str]] = []
    for_one: list[tuple[tuple[str, ...], str, str]] = []
    for flag in flags:
        stage, equals, model = flag.partition("=")
        if not equals or "/" in stage:
            for_all.append((LLM_STAGES, flag, _FLAG))
        elif stage in LLM_STAGES:
            for_one.append(((stage,), model, f"{_FLAG} {stage}=..."))
        else:
            raise InputError(
                f"there is no LLM stage {stage!r}",
                where=_FLAG,
                hint=did_you_mean(stage, LLM_STAGES) or f"one of: {', '.join(LLM_STAGES)}",
            )
    return [*said, *for_all, *for_one]
