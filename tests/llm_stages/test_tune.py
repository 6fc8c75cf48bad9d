"""Tuning a prompt pack: the better pack is found, kept to limits, and refused where it overfits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_stages.errors import (
    BudgetSpent,
    InputError,
    NoConnection,
    Refused,
    ToolMissing,
    WrongAnswer,
)
from llm_stages.exchange import Request
from llm_stages.gates import GATES, Score
from llm_stages.pack_proposals import read_rules
from llm_stages.pack_score import Examiner, Limits, Marked, worth
from llm_stages.prompt_pack import load_pack, shipped_pack
from llm_stages.store import Store
from llm_stages.tune import Tuned, compared, data_hash, file_name, tune
from tests.llm_stages.tuning_models import (
    GOLDEN,
    Counted,
    better_if,
    counted,
    is_rewrite,
    module,
    problem,
    problems,
    right,
    system,
)

TRAIN, HELD_OUT = problems(6, "train"), problems(5, "held")
PLAN = "at most five short lines"
MAGIC = "- Read the sentence that begins with y is.\n- Write one assign.\n- Use both inputs.\n"


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHIPFLOW_LLM_RECORD", "CHIPFLOW_LLM_REPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHIPFLOW_PROMPTS", "none")


def tuned(model: Counted, *, optimizer: str = "built-in", **options: object) -> Tuned:
    given: dict = {"max_tokens": 200, **options}
    examiner = Examiner(model.model, **given)
    return tune(TRAIN, HELD_OUT, examiner=examiner, suite="gates", optimizer=optimizer)


def test_the_better_instruction_is_found() -> None:
    model = counted(better_if(lambda request: PLAN in system(request)))
    found = tuned(model)
    assert found.pack is not None
    assert found.held_out is not None
    assert PLAN in " ".join(found.pack.system)
    assert (found.train.generic.passed, found.train.tuned.passed) == (0, 6)
    assert (found.held_out.generic.passed, found.held_out.tuned.passed) == (0, 5)
    assert (found.held_out.better, found.held_out.worse) == (5, 0)
    assert found.is_better
    record = found.pack.tuned
    assert record is not None
    assert record.model == model.model
    assert set(record.trained_on) == {one.name for one in TRAIN}
    assert set(record.held_out.problems if record.held_out else ()) == {"held0", "held1", "held2",
        "held3", "held4"}  # fmt: skip
    assert record.data_sha256 == data_hash([*reversed(TRAIN), *HELD_OUT])
    assert record.data_sha256 != data_hash(TRAIN)
    # Rules that keep the form of an answer, and the specification in its place, are in every pack.
    assert found.pack.system[-1] == shipped_pack("spec_to_rtl", model.model).system[-1]


def test_own_answers_are_shown_and_never_to_their_own_problem() -> None:
    easy = ("Gate train 1.", "Gate train 4.")

    def is_helped(request: Request) -> bool:
        shown = [one for one in request.messages if one.role == "assistant"]
        return bool(shown) or any(word in request.messages[-1].content for word in easy)

    model = counted(better_if(is_helped))
    found = tuned(model)
    assert found.pack is not None
    assert found.is_better
    assert found.pack.demonstrations
    assert all("Gate train" in one.user for one in found.pack.demonstrations)
    assert all("assign y" in one.assistant for one in found.pack.demonstrations)
    for request in model.questions:
        asked = request.messages[-1].content
        assert asked not in [one.content for one in request.messages[:-1]]
    # What was measured on the held-out split is what is kept, demonstrations and all.
    kept = model.questions[-1].messages[:-1]
    expected = found.pack.messages(found.pack.first, HELD_OUT[-1].fields())
    assert kept == expected[:-1]


def test_the_model_rewrites_its_own_rules() -> None:
    def is_helped(request: Request) -> bool:
        return "- Use both inputs." in system(request)

    found = tuned(counted(better_if(is_helped, rewrite=f"Here you are:\n{MAGIC}")))
    assert found.pack is not None
    assert found.is_better
    assert "- Use both inputs." in found.pack.system
    assert any("one ```systemverilog code block" in line for line in found.pack.system)


def test_error_notes_come_from_the_models_own_errors() -> None:
    def answer(request: Request) -> str:
        if is_rewrite(request):
            return "no"
        if "it is neither a port nor declared" in system(request):
            return right(request)
        return module("a & c")

    found = tuned(counted(answer))
    assert found.pack is not None
    assert found.pack.tuned is not None
    assert found.pack.tuned.candidate == "with error notes"
    assert found.train.generic.reached < len(GATES) - 1


def test_what_only_helps_in_training_is_refused() -> None:
    def is_helped(request: Request) -> bool:
        in_training = "Gate train" in request.messages[-1].content
        return (PLAN in system(request)) == in_training

    found = tuned(counted(better_if(is_helped)))
    assert found.pack is not None
    assert found.held_out is not None
    assert found.train.tuned.passed == 6
    assert (found.held_out.generic.passed, found.held_out.tuned.passed) == (5, 0)
    assert not found.is_better


@pytest.mark.parametrize("answer", [right, better_if(lambda request: False)])
def test_where_nothing_is_better_the_generic_pack_stays(answer: object) -> None:
    found = tuned(counted(answer))  # type: ignore[arg-type]
    assert found.pack is None
    assert not found.is_better
    assert found.train.generic == found.train.tuned


def test_nobody_is_shown_the_test_bench() -> None:
    model = counted(better_if(lambda request: False, rewrite=MAGIC))
    tuned(model)
    rewrites = [request for request in model.requests if is_rewrite(request)]
    assert rewrites
    for request in model.requests:
        text = "\n".join(message.content for message in request.messages)
        assert GOLDEN not in text
        if request in rewrites:
            assert "25% of the checks" in text
            assert "Gate held" not in text


@pytest.mark.parametrize("calls", [16, 20, 24, 28, 200])
def test_a_limit_keeps_the_best_so_far(calls: int) -> None:
    model = counted(better_if(lambda request: PLAN in system(request)))
    found = tuned(model, limits=Limits(calls=calls))
    assert len(model.requests) == found.used.calls
    assert len(model.requests) <= calls
    if found.pack is not None:
        assert found.held_out is not None
        assert found.is_better
        assert found.train.tuned.passed == found.train.tuned.problems
    assert bool(found.pack) == (calls > 20)
    assert bool(found.stopped) == (calls < 200)


def test_limits_on_tokens_and_seconds_hold() -> None:
    model = counted(better_if(lambda request: PLAN in system(request)))
    whole = tuned(model).used
    assert whole.tokens
    for tokens in (whole.tokens // 2, whole.tokens * 3 // 4):
        found = tuned(model, limits=Limits(tokens=tokens))
        assert found.used.tokens is not None
        assert found.used.tokens <= tokens
        assert found.stopped
    with pytest.raises(BudgetSpent, match="generic pack to be measured") as raised:
        tuned(model, limits=Limits(tokens=3000))
    assert "fewer problems" in raised.value.hint
    with pytest.raises(BudgetSpent):
        tuned(model, limits=Limits(seconds=1e-9))


@pytest.mark.parametrize("cores", [1, 3])
def test_a_killed_tune_goes_on_without_paying_again(tmp_path: Path, cores: int) -> None:
    answer = better_if(lambda request: PLAN in system(request), rewrite=MAGIC)
    name = f"resumed-{tmp_path.name}"
    model = counted(answer, name)
    whole = tuned(model, store=Store(tmp_path / "whole", "resume"), cores=cores)
    asked = len(model.requests)
    seen: list[Request] = []

    def failing(request: Request) -> str:
        if len(seen) == 20:
            raise NoConnection("the line is dead", where=request.model)
        seen.append(request)
        return answer(request)

    counted(failing, name)
    store = Store(tmp_path / "cut", "resume")
    with pytest.raises(NoConnection):
        tuned(model, store=store, cores=1)
    again = counted(answer, name)
    resumed = tuned(again, store=store, cores=cores)
    assert resumed == Tuned(**{**vars(whole), "used": resumed.used})
    assert len(again.requests) == asked - len(seen)

    def absent(request: Request) -> str:
        raise AssertionError("a replay asks nobody")

    counted(absent, name)
    replayed = tuned(model, store=Store(tmp_path / "cut", "replay"), cores=cores)
    assert replayed == resumed


def test_a_replay_ends_where_the_limited_tune_did(tmp_path: Path) -> None:
    model = counted(better_if(lambda request: PLAN in system(request)))
    limits = Limits(tokens=25_000)
    first = tuned(model, store=Store(tmp_path, "resume"), limits=limits)
    assert first.stopped
    again = tuned(model, store=Store(tmp_path, "replay"), limits=limits)
    assert again == first


def test_a_candidate_that_the_provider_refuses_is_dropped() -> None:
    def answer(request: Request) -> str:
        if any(one.role == "assistant" for one in request.messages):
            raise Refused("the question is too long for this model", where=request.model)
        if is_rewrite(request):
            raise Refused("the provider does not want to", where=request.model)
        helped = PLAN in system(request) and "Gate train 5." not in request.messages[-1].content
        return right(request) if helped else module("a")

    lines: list[str] = []
    found = tuned(counted(answer), log=lines.append)
    assert found.is_better
    assert found.pack is not None
    assert not found.pack.demonstrations
    assert any("is dropped: the question is too long" in line for line in lines)
    assert any("the provider does not want to" in line for line in lines)


def test_another_seed_asks_otherwise() -> None:
    model = counted(better_if(lambda request: False))
    tuned(model, seed=1)
    first, model.requests = model.requests, []
    tuned(model, seed=1)
    second, model.requests = model.requests, []
    tuned(model, seed=2)
    assert first == second != model.requests


def test_splits_must_be_apart() -> None:
    examiner = Examiner(counted(right).model)
    for train, held_out, words in (
        (TRAIN, [], "held-out split is empty"),
        ([], TRAIN, "training split is empty"),
        (TRAIN, [problem(0)], "in the training split and held out too"),
    ):
        with pytest.raises(InputError, match=words):
            tune(train, held_out, examiner=examiner, suite="gates")
    with pytest.raises(InputError, match="no optimizer") as raised:
        tune(TRAIN, HELD_OUT, examiner=examiner, suite="gates", optimizer="magic")
    assert "built-in, gepa, bootstrap" in raised.value.hint


def test_without_dspy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="dspy is not installed") as raised:
        tuned(counted(right), optimizer="gepa")
    assert "chipflow-hybrid[dspy]" in raised.value.hint


@pytest.mark.parametrize("optimizer", ["gepa", "bootstrap"])
def test_dspy_searches_too(tmp_path: Path, optimizer: str) -> None:
    pytest.importorskip("gepa")
    pytest.importorskip("dspy")
    rewrite = '{"new_instruction": "Use both inputs, as the sentence after y is says."}'

    def is_helped(request: Request) -> bool:
        shown = any(one.role == "assistant" for one in request.messages)
        easy = "Gate train 1." in request.messages[-1].content
        if optimizer == "gepa":
            return "Use both inputs" in system(request)
        return shown or easy

    model = counted(better_if(is_helped, rewrite=rewrite))
    store = Store(tmp_path, "resume")
    found = tuned(model, optimizer=optimizer, store=store)
    assert found.pack is not None
    assert found.is_better
    assert found.pack.tuned is not None
    assert found.pack.tuned.optimizer == optimizer
    assert found.pack.system[-1] == shipped_pack("spec_to_rtl", model.model).system[-1]
    for request in model.requests:
        text = "\n".join(message.content for message in request.messages)
        assert GOLDEN not in text
    questions = [(request.messages, request.seed) for request in model.requests]
    assert len(set(questions)) == len(questions)
    asked = len(model.requests)
    assert tuned(model, optimizer=optimizer, store=store).pack == found.pack
    assert len(model.requests) == asked
    limited = tuned(model, optimizer=optimizer, limits=Limits(calls=18))
    assert (limited.used.calls or 0) <= 18
    assert limited.stopped


def test_a_pack_is_found_for_its_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = counted(better_if(lambda request: PLAN in system(request)))
    pack = tuned(model).pack
    assert pack is not None
    (tmp_path / file_name(pack)).write_text(pack.model_dump_json())
    generic = load_pack("spec_to_rtl", model.model)
    monkeypatch.setenv("CHIPFLOW_PROMPTS", str(tmp_path))
    assert load_pack("spec_to_rtl", model.model) == pack
    assert load_pack("spec_to_rtl", f"{model.model}x") == generic
    assert load_pack("repair", model.model).name == "generic"


marks = st.builds(
    Marked,
    problem=st.just("p"),
    score=st.builds(
        Score,
        reached=st.integers(0, 6),
        minus_errors=st.integers(-3, 0),
        agreement=st.sampled_from([0.0, 0.25, 0.5]),
        minus_warnings=st.integers(-3, 0),
        minus_cells=st.integers(-3, 0),
    ),
    passed=st.booleans(),
    rtl=st.just(""),
    fault=st.just(""),
)


@given(st.lists(st.tuples(marks, marks), min_size=1, max_size=6))
def test_worth_is_an_order_and_a_pass_goes_first(pairs: list[tuple[Marked, Marked]]) -> None:
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    mine, theirs = worth(ones), worth(others)
    assert not (mine.beats(theirs) and theirs.beats(mine))
    if sum(one.passed for one in ones) > sum(one.passed for one in others):
        assert mine.beats(theirs)
        assert mine > theirs
    if mine.beats(theirs):
        assert mine > theirs
    found = compared(ones, others)
    assert found.better + found.worse <= len(pairs)


@given(st.text())
def test_any_rewrite_can_be_read(answer: str) -> None:
    try:
        rules = read_rules(answer)
    except WrongAnswer:
        return
    assert 3 <= len(rules) <= 16
    assert all("\n" not in rule for rule in rules)
