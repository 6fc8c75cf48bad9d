"""The learned control: corrections of the schedule, its file, and its training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import search, train_control
from agents.annealing_schedule import Schedule, Situation, tuned
from agents.hard_moves import HardMove
from agents.placer import CONTROL
from agents.search_control import (
    FEATURES,
    SCALARS,
    SearchControl,
    features,
    from_vector,
    load_control,
    save_control,
    to_vector,
    untrained,
)
from agents.train_control import ControlArguments, Run, final_cost, main, train
from placement_env.errors import InputError
from placement_env.netlist import NodeKind
from placement_env.synthetic import synthetic_netlist

SEEN = Situation(
    from_nothing=True, hard=100, soft=700, cells=500, hard_area=0.5, moves_per_macro=2000.0
)


def corrected(scalar: str, feature: str, by: float) -> SearchControl:
    control = untrained()
    control.scalars[SCALARS.index(scalar), FEATURES.index(feature)] = by
    return control


def test_without_weights_heat_and_steps_are_those_tuned_by_hand() -> None:
    usual, learned = tuned(SEEN), untrained()(SEEN)
    for name in ("heat", "bend", "step", "hard_share", "eagerness"):
        assert getattr(learned, name) == pytest.approx(getattr(usual, name))
    # more kinds of moves are proposed than by hand
    assert np.count_nonzero(learned.soft_shares[0]) > np.count_nonzero(usual.soft_shares[0])


def test_weights_correct_by_what_is_seen() -> None:
    hotter = corrected("first heat", "from nothing", np.log(2))
    assert hotter(SEEN).heat[0] == pytest.approx(2 * tuned(SEEN).heat[0])
    ordered = replace(SEEN, from_nothing=False)
    assert hotter(ordered).heat == pytest.approx(tuned(ordered).heat)
    usual = tuned(SEEN).bend
    for feature, lengths, longest in (
        ("length", (100.0, 500.0, 1000.0), 4000.0),
        ("beyond", (2000.0, 4000.0, 30_000.0), 90_000.0),
    ):
        control = corrected("bend", feature, 0.1)
        bends = [control(replace(SEEN, moves_per_macro=length)).bend for length in lengths]
        assert bends == sorted(set(bends))
        assert control(replace(SEEN, moves_per_macro=longest)).bend == bends[-1]
        assert control(replace(SEEN, moves_per_macro=None)).bend == pytest.approx(usual)


def test_a_given_placement_has_corrections_of_its_own() -> None:
    given = replace(SEEN, from_nothing=False, hard_size=16.0)
    for feature in ("given", "hard size given"):
        more = corrected("first hard share", feature, 0.2)
        assert more(given).hard_share[0] > tuned(given).hard_share[0]
        assert more(replace(given, from_nothing=True)).hard_share == tuned(SEEN).hard_share
        lengths = (None, 5000.0, 15_000.0, 25_000.0, 30_000.0, 90_000.0)
        shares = [more(replace(given, moves_per_macro=n)).hard_share[0] for n in lengths]
        assert shares[0] == shares[1] > shares[2] > shares[3] > shares[4] == shares[5]
        assert shares[4] == tuned(given).hard_share[0]


def test_a_run_sees_how_large_hard_macros_are() -> None:
    """Twice as wide and as high: four times the area of soft macros, which stay."""
    seen: list[Situation] = []

    def look(situation: Situation) -> Schedule:
        seen.append(situation)
        return tuned(situation)

    netlist, start = synthetic_netlist()
    hard = netlist.node_kind == NodeKind.HARD_MACRO
    for by in (1.0, 0.5):
        scale = np.where(hard, by, 1.0)
        smaller = replace(
            netlist, width_um=netlist.width_um * scale, height_um=netlist.height_um * scale
        )
        search.place(smaller, start, budget_s=1, seed=1, moves=10, from_nothing=True, control=look)
    sizes = [situation.hard_size for situation in seen]
    assert sizes[0] == pytest.approx(4 * sizes[-1], rel=1e-6)
    more = corrected("first hard share", "hard size from nothing", 0.2)
    assert more(seen[0]).hard_share[0] > more(seen[-1]).hard_share[0]
    assert more(replace(SEEN, from_nothing=False)).hard_share == tuned(SEEN).hard_share


def test_moves_to_a_plan_need_one() -> None:
    for control in (untrained(), load_control(CONTROL)):
        for planned in (True, False):
            shares = control(replace(SEEN, planned=planned)).hard_shares
            assert all((share[HardMove.PLANNED] > 0) == planned for share in shares)
    assert all(share[HardMove.PLANNED] == 0 for share in tuned(SEEN).hard_shares)


@given(
    st.integers(0, 2**32 - 1), st.floats(0, 100), st.integers(0, 10_000), st.integers(0, 10_000),
    st.integers(1, 100_000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1e9)),
    st.one_of(st.none(), st.floats(0, 1)), st.booleans(), st.booleans(), st.floats(0.3, 50),
)  # fmt: skip
def test_no_weights_lead_astray(
    seed: int, size: float, hard: int, soft: int, cells: int, area: float,
    length: float | None, accepted: float | None, nothing: bool, planned: bool, ratio: float,
) -> None:  # fmt: skip
    weights = size * np.random.default_rng(seed).standard_normal(len(to_vector(untrained())))
    situation = Situation(nothing, hard, soft, cells, area, ratio, length, accepted, planned)
    usual, course = tuned(situation), from_vector(weights)(situation)
    assert np.isfinite(features(situation)).all()
    for now, before in ((course.heat, usual.heat), (course.step, usual.step)):
        assert np.abs(np.log(np.array(now) / before)).max() <= 3 + 1e-9
    assert all(0 < share < 1 for share in course.hard_share)
    assert 0 <= course.eagerness <= 1.5
    for pair in (course.soft_shares, course.hard_shares):
        assert np.isfinite(pair).all()
    assert np.min(course.soft_shares) > 0
    assert np.min(np.delete(course.hard_shares, HardMove.PLANNED, axis=1)) > 0


def test_a_file_keeps_it(tmp_path: Path) -> None:
    control = from_vector(np.arange(len(to_vector(untrained())), dtype=np.float64))
    file = tmp_path / "control.safetensors"
    save_control(file, control, {"iterations": "3"})
    assert np.array_equal(to_vector(load_control(file)), to_vector(control))
    with pytest.raises(InputError, match="cannot be written"):
        save_control(tmp_path, control, {})
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="cannot be read"):
        load_control(file)


def test_the_control_that_ships_can_be_read() -> None:
    assert np.abs(to_vector(load_control(CONTROL))).max() > 0


class Here:
    """A pool of processes that is none."""

    def __init__(self, *_: object, **__: object) -> None: ...
    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None: ...
    def map(self, function: object, *lists: object) -> object:
        return map(function, *lists)  # type: ignore[arg-type]


@pytest.mark.parametrize("learned", [FEATURES, ("from nothing",)])
def test_training_finds_what_the_search_lacks(
    learned: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged by the first heat alone, which is to be doubled, the weights come to double it."""

    def reached(run: Run, control: SearchControl) -> float:
        heat = control(replace(SEEN, from_nothing=run.from_nothing)).heat[0]
        usual = tuned(replace(SEEN, from_nothing=run.from_nothing)).heat[0]
        return float(np.exp(abs(np.log(heat / usual) - np.log(2))))

    monkeypatch.setattr(train_control, "final_cost", reached)
    monkeypatch.setattr(train_control, "ProcessPoolExecutor", Here)
    control = train(
        ControlArguments(
            netlist="toy",
            given="toy",
            iterations=200,
            pairs=16,
            noise=0.1,
            rate=0.1,
            features=", ".join(learned),
            out=str(tmp_path),
        )
    )
    assert 1.5 < control(SEEN).heat[0] / tuned(SEEN).heat[0] < 2.2  # a part counts as chance
    changed = np.flatnonzero(control.scalars.any(axis=0))
    assert tuple(FEATURES[feature] for feature in changed) == learned
    assert control.soft.any(axis=(0, 1)).sum() == len(set(learned) & set(FEATURES[:4]))
    saved = load_control(tmp_path / "control.safetensors")
    assert np.array_equal(to_vector(saved), to_vector(control))
    assert len((tmp_path / "gains.csv").read_text().splitlines()) == 1 + 200 * 16


def test_gains_by_chance_teach_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights wander where gains are noise, a third of them by more than usual."""
    noise = np.random.default_rng(0)
    monkeypatch.setattr(train_control, "final_cost", lambda run, control: noise.uniform(0.9, 1.1))
    monkeypatch.setattr(train_control, "ProcessPoolExecutor", Here)
    control = train(ControlArguments(netlist="toy", iterations=60, out=str(tmp_path)))
    learned = to_vector(control)[to_vector(control) != 0]
    assert 0 < len(learned) < 0.5 * len(to_vector(control))


def test_a_search_is_judged_by_the_cost_it_reaches() -> None:
    short, long = (
        final_cost(Run("generated:5x0.05", True, budget_s, 1), untrained())
        for budget_s in (0.1, 1.0)
    )
    assert 0 < long < short


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pairs", "0"], "--pairs is 0, expected at least 1"),
        (["--shortest-s", "5", "--longest-s", "3"], "--longest-s is less than --shortest-s"),
        (["--netlist", "generated:3-2"], "generated:FIRST-LAST"),
        (["--weights", "no/such"], "no/such"),
        (["--features", "given, lenght"], "did you mean length?"),
        (["--netlist", ""], "neither --netlist nor --given names a netlist"),
        (["--longest-s", "inf"], "--longest-s is inf, expected at most"),
    ],
)
def test_a_wrong_option_is_told(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*words, "--out", str(tmp_path)])
    assert caught.value.code != 0
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(train_control, "load_netlists", lambda names: pytest.fail("it worked"))
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(SystemExit) as caught:
            main(["--netlist", "toy", "--out", str(out)])
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("error: cannot write: ")
        assert str(out) in error
        assert "--out" in error
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_all_processes_without_a_traceback(tmp_path: Path) -> None:
    """A terminal sends it to all of them."""
    words = ["--netlist", "toy", "--iterations", "1000", "--pairs", "2", "--out", str(tmp_path)]
    words += ["--shortest-s", "0.1", "--longest-s", "0.1"]
    with subprocess.Popen(
        [sys.executable, "-m", "agents.train_control", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("iteration") for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)
        try:
            _, error = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert (process.returncode, error) == (130, "")
    assert load_control(tmp_path / "control.safetensors")
