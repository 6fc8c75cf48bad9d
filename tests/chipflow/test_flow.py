from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chipflow import flow
from chipflow.design import read_design
from chipflow.errors import StageFailed
from chipflow.flow import RunResult, run_flow
from chipflow.graph import depending_on, needs
from chipflow.progress import Progress
from chipflow.stage import Stage, StageContext, StageResult
from chipflow.stage_source import read_stage
from placement_env.errors import InputError
from tests.chipflow import fake_flow, fake_stages
from tests.chipflow.fake_stages import DESIGN, NAMES, STAGES


class Reasons(Progress):
    """Notes why stages run."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def started(self, stage: str, reason: str) -> None:
        self.reasons[stage] = reason


class Toy:
    """The toy design, and runs of the toy flow on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = fake_stages.write_design(folder)
        self.run_folder = folder / "runs" / "fake"
        self.reasons: dict[str, str] = {}

    def run(
        self, stages: tuple[Stage, ...] = STAGES, *, again_from: str = "", up_to: str = ""
    ) -> RunResult:
        progress = Reasons()
        result = run_flow(
            read_design(self.folder),
            fake_stages.make_pdk(self.folder / "pdk.txt"),
            self.run_folder,
            engine="local",
            stages=stages,
            again_from=again_from,
            up_to=up_to,
            progress=progress,
        )
        self.reasons = progress.reasons
        return result

    def stage_json(self, folder: str) -> dict:
        return json.loads((self.run_folder / folder / "stage.json").read_text())

    def summary(self) -> dict:
        return json.loads((self.run_folder / "run.json").read_text())


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.setattr(flow, "write_report", fake_flow.write_report)
    return Toy(tmp_path / "toy")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy design with a finished run, to be copied."""
    toy = Toy(tmp_path_factory.mktemp("finished") / "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "write_report", fake_flow.write_report)
        assert toy.run().ran == NAMES
    return toy.folder


@pytest.fixture
def done(toy: Toy, finished: Path) -> Toy:
    """The toy with all stages done; that it was copied and so moved makes no difference."""
    shutil.copytree(finished, toy.folder, dirs_exist_ok=True)
    return toy


def test_a_first_run_runs_all_and_a_second_nothing(toy: Toy) -> None:
    result = toy.run()
    assert (result.status, result.ran, result.engine) == ("done", NAMES, "local")
    assert set(toy.reasons.values()) == {"first run"}
    assert (toy.run_folder / "04-join" / "join.txt").read_text().startswith("6 at 2.0")
    assert result.metrics == {"placement__macro__count": 6, "time__wall_s": 1.5}
    assert [state["state"] for state in toy.summary()["stages"]] == ["done"] * 5
    assert "count at work" in (toy.run_folder / "02-count" / "log.txt").read_text()

    before = {path: path.stat().st_mtime_ns for path in toy.run_folder.rglob("*.json")}
    result = toy.run()
    assert (result.ran, result.engine, toy.reasons) == ((), "", {})
    assert [record.stage for record in result.stages] == list(NAMES)
    after = {path: path.stat().st_mtime_ns for path in toy.run_folder.rglob("*.json")}
    assert {p: t for p, t in after.items() if not p.name.startswith(".")} == {
        p: t for p, t in before.items() if not p.name.startswith(".")
    }


def test_the_record_of_a_stage(toy: Toy) -> None:
    toy.run()
    record = toy.stage_json("02-count")
    assert record["stage"] == "count"
    assert record["number"] == 2
    assert record["status"] == "done"
    assert record["files"] == {"count": "count.txt"}
    assert record["outputs"]["count.txt"][0] == 9
    assert record["metrics"] == {"placement__macro__count": 6}
    assert record["wall_s"] > 0
    assert 0 < record["cpu_s"] < 10
    assert 5 < record["peak_rss_mib"] < 1000


def test_a_changed_setting_reruns_what_depends_on_it(done: Toy) -> None:
    (done.folder / "design.toml").write_text(DESIGN.replace("2.0", "1.5"))
    result = done.run()
    # The metrics that `total` uses have not changed, so it stands.
    assert result.ran == ("count", "join")
    assert done.reasons == {
        "count": "clock.period_ns changed from 2.0 to 1.5",
        "join": "count changed",
    }


def test_a_changed_source_reruns_what_depends_on_it(done: Toy) -> None:
    (done.folder / "a.v").write_text("module a; wire w;\nendmodule\n")
    assert done.run().ran == NAMES
    assert done.reasons["copy"] == "a.v changed"
    assert done.reasons["count"] == "rtl changed"
    assert done.reasons["total"] == "the metrics of count changed"


def test_equal_outputs_stop_a_rerun(done: Toy) -> None:
    (done.folder / "a.v").write_text("module a; // another comment\nendmodule\n")
    assert done.run().ran == ("copy",)


def test_a_changed_pdk_file_reruns_the_stages_that_use_it(done: Toy) -> None:
    (done.folder / "pdk.txt").write_text("other cells\n")
    assert done.run().ran == ("count",)
    assert "the PDK's" in done.reasons["count"]


@pytest.mark.parametrize("damage", ["write", "truncate", "delete", "same size and time"])
def test_a_damaged_output_is_made_again(done: Toy, damage: str) -> None:
    file = done.run_folder / "03-upper" / "upper.txt"
    status = file.stat()
    text = file.read_text()
    if damage == "delete":
        file.unlink()
    elif damage == "truncate":
        file.write_text(text[:-1])
    else:
        file.write_text("x" + text[1:])
    if damage == "same size and time":
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert done.run().ran == ("upper",)
    assert done.reasons == {"upper": "its file upper.txt is missing or damaged"}
    assert file.read_text() == text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "upper"}'])
def test_a_damaged_record_is_made_again(done: Toy, text: str) -> None:
    (done.run_folder / "03-upper" / "stage.json").write_text(text)
    assert done.run().ran == ("upper",)


def test_a_missing_report_is_written_again_without_a_stage(done: Toy) -> None:
    (done.run_folder / "report.html").unlink()
    assert done.run().ran == ()
    assert (done.run_folder / "report.html").exists()


def test_a_failure_keeps_earlier_results(done: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (done.run_folder / "02-count" / "count.txt").read_text()
    (done.folder / "design.toml").write_text(DESIGN.replace("2.0", "1.5"))
    monkeypatch.setenv("FAKE_FAIL", "count:error")
    result = done.run()
    assert result.status == "failed"
    assert isinstance(result.error, StageFailed)
    assert result.error.message == "count: the toy is broken"
    assert result.error.where == "a.v:1"
    assert result.error.hint == "glue it"
    assert result.error.exit_code == 2
    assert "about to error" in result.error.log_tail
    assert (done.run_folder / "02-count" / "count.txt").read_text() == before
    assert done.stage_json("02-count.failed")["status"] == "failed"
    assert "about to error" in (done.run_folder / "02-count.failed" / "log.txt").read_text()
    states = {state["stage"]: state["state"] for state in done.summary()["stages"]}
    assert states["count"] == "failed"
    assert states["join"] == "out of date"
    assert done.summary()["status"] == "failed"

    assert done.run().status == "failed"
    assert done.reasons["count"] == "it failed last time"
    monkeypatch.delenv("FAKE_FAIL")
    assert done.run().status == "done"
    assert not (done.run_folder / "02-count.failed").exists()


def test_a_change_that_is_taken_back_needs_no_run(
    done: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (done.folder / "design.toml").write_text(DESIGN.replace("2.0", "1.5"))
    monkeypatch.setenv("FAKE_FAIL", "count:error")
    done.run()
    (done.folder / "design.toml").write_text(DESIGN)
    result = done.run()
    assert (result.status, result.ran) == ("done", ())
    assert not (done.run_folder / "02-count.failed").exists()


@pytest.mark.parametrize(
    ("how", "message", "code"),
    [
        ("tool", "no glue", 3),
        ("raise", "ended with exit code 1 and without a result: ValueError: unexpected", 1),
        ("exit", "ended with exit code 7 and without a result", 1),
        ("crash", "ended by SIGSEGV", 1),
        ("memory", "ended by SIGKILL", 1),
        ("peek", "ended with exit code 1", 1),
        ("pdk", "ended with exit code 1", 1),
    ],
)
def test_whatever_happens_in_a_stage_is_an_error_of_that_stage(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, how: str, message: str, code: int
) -> None:
    monkeypatch.setenv("FAKE_FAIL", f"upper:{how}")
    result = toy.run((STAGES[0], STAGES[2]))
    assert result.error is not None
    assert message in result.error.message
    assert result.error.exit_code == code
    assert result.error.hint
    log = (toy.run_folder / "02-upper.failed" / "log.txt").read_text()
    expected = {
        "raise": "ValueError: unexpected",
        "crash": "Segmentation fault",
        "peek": "upper reads design.floorplan, which its STAGE does not declare",
        "pdk": "upper reads pdk.site, which its STAGE does not declare",
    }
    assert expected.get(how, "about to") in log


def test_independent_stages_run_side_by_side(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    class Times(Progress):
        def __init__(self) -> None:
            self.events: list[str] = []

        def started(self, stage: str, reason: str) -> None:
            self.events.append(f"+{stage}")

        def ended(self, record: object) -> None:
            self.events.append(f"-{getattr(record, 'stage', '')}")

    monkeypatch.setenv("FAKE_SLEEP", "count:0.5")
    times = Times()
    run_flow(
        read_design(toy.folder),
        fake_stages.make_pdk(toy.folder / "pdk.txt"),
        toy.run_folder,
        engine="local",
        stages=STAGES,
        progress=times,
    )
    assert times.events.index("-upper") < times.events.index("-count")


def test_a_stage_that_lacks_a_skipped_stages_file_is_skipped(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NO_UPPER", "1")
    result = toy.run()
    status = {record.stage: (record.status, record.note) for record in result.stages}
    assert result.status == "done"
    assert status["upper"] == ("skipped", "no upper tool")
    assert status["join"] == ("skipped", "upper made no upper (no upper tool)")
    assert toy.run().ran == ()


def test_from_runs_a_stage_and_its_dependents_again(done: Toy) -> None:
    assert done.run(again_from="count").ran == ("count", "join", "total")
    assert done.reasons["count"] == "--from count"
    with pytest.raises(InputError, match="no stage cout") as caught:
        done.run(again_from="cout")
    assert caught.value.hint == "did you mean count?"


def test_to_runs_a_stage_and_what_it_needs(toy: Toy) -> None:
    first = toy.run(up_to="upper")
    assert first.ran == ("copy", "upper")
    summary = toy.summary()
    assert (summary["status"], summary["up_to"]) == ("done", "upper")
    states = {stage["stage"]: stage["state"] for stage in summary["stages"]}
    assert states == dict.fromkeys(("copy", "upper"), "done") | dict.fromkeys(
        ("count", "join", "total"), "not run"
    )
    assert toy.run(up_to="upper").ran == ()
    assert toy.run().ran == ("count", "join", "total")
    assert toy.summary()["up_to"] == ""
    assert toy.run(again_from="copy", up_to="count").ran == ("copy", "count")


def test_to_says_which_later_results_no_longer_stand(done: Toy) -> None:
    (done.folder / "a.v").write_text("module other;\nendmodule\n")
    assert done.run(up_to="count").ran == ("copy", "count")
    states = {stage["stage"]: stage["state"] for stage in done.summary()["stages"]}
    # `count` counts words, of which there are as many as before; `join` waits for `upper`.
    assert states == {
        "copy": "done",
        "count": "done",
        "upper": "out of date",
        "join": "out of date",
        "total": "out of date",
    }


def test_to_keeps_what_a_stage_made_alike_again(done: Toy) -> None:
    before = done.summary()
    assert done.run(again_from="upper", up_to="upper").ran == ("upper",)
    summary = done.summary()
    assert [stage["state"] for stage in summary["stages"]] == ["done"] * len(before["stages"])
    assert summary["up_to"] == ""


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"up_to": "cout"}, "no stage cout", "did you mean count?"),
        ({"up_to": "upper", "again_from": "count"}, "upper does not depend on count", "--to count"),
    ],
)
def test_to_another_place_is_refused(
    toy: Toy, options: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        toy.run(**options)
    assert hint in (caught.value.hint or "")
    assert not toy.run_folder.exists()


def test_stages_that_move_keep_their_results(done: Toy) -> None:
    extra = Stage("extra", _does_nothing)
    assert done.run((extra, *STAGES[:4])).ran == ("extra",)
    folders = sorted(p.name for p in done.run_folder.iterdir() if p.is_dir())
    assert folders == ["01-extra", "02-copy", "03-count", "04-upper", "05-join"]


def _does_nothing(ctx: StageContext) -> StageResult:
    return StageResult()


def _gives_what_it_has_not(ctx: StageContext) -> StageResult:
    return StageResult({"rtl": "absent"})


def _reports_an_unknown_metric(ctx: StageContext) -> StageResult:
    return StageResult(metrics={"made__up": 1.0})


def _reports_nan(ctx: StageContext) -> StageResult:
    return StageResult(metrics={"time__wall_s": float("nan")})


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_gives_what_it_has_not, "has not"),
        (_reports_an_unknown_metric, "not in placement_env.metrics"),
        (_reports_nan, "time__wall_s = nan"),
    ],
)
def test_a_stage_that_breaks_its_word_fails(toy: Toy, function: object, message: str) -> None:
    result = toy.run((replace(STAGES[0], run=function),))  # type: ignore[arg-type]
    assert result.status == "failed"
    assert message in (toy.run_folder / "01-copy.failed" / "log.txt").read_text()


def test_graph_of_the_toy_flow() -> None:
    assert needs(STAGES) == {
        "copy": (),
        "count": ("copy",),
        "upper": ("copy",),
        "join": ("count", "upper"),
        "total": ("copy", "count", "upper", "join"),
    }
    assert depending_on("upper", needs(STAGES)) == {"upper", "join", "total"}


def test_stages_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="reads rtl, which no stage before it gives"):
        needs(STAGES[1:])
    with pytest.raises(ValueError, match="both give rtl"):
        needs((STAGES[0], replace(STAGES[0], name="again")))
    with pytest.raises(ValueError, match="two stages are called"):
        needs((STAGES[0], STAGES[0]))


@pytest.mark.parametrize("name", flow.STAGE_MODULES)
def test_a_declaration_read_from_source_is_the_modules_own(name: str) -> None:
    module = importlib.import_module(f"chipflow.stages.{name}")
    read = read_stage(module.__name__)
    assert read.run.__module__ == module.__name__
    assert replace(read, run=module.STAGE.run) == module.STAGE
    assert getattr(module, read.run.__name__) is module.STAGE.run


def test_the_flow_fits_together_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from chipflow import flow, graph\n"
        "graph.needs(flow.load_stages())\n"
        "heavy = {'numpy', 'numba', 'scipy', 'klayout', 'pyosys', 'prefect', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_module_without_a_plain_declaration_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no STAGE"):
        read_stage("chipflow.stage")
    with pytest.raises(ValueError, match="there is no module"):
        read_stage("chipflow.stages.absent")


def test_an_up_to_date_run_is_quick(done: Toy) -> None:
    begin = time.process_time()
    done.run()
    assert time.process_time() - begin < 0.5
