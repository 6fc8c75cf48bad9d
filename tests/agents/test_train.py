"""`python -m agents.train` as a user meets it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from agents import floorplanner
from agents.annealing_run import AnnealingRun
from agents.checkpoint import (
    Progress,
    load_checkpoint,
    load_policy,
    newest,
    save_checkpoint,
    save_weights,
)
from agents.policy import GraphPolicy, PolicySize
from agents.teacher import taught_placement
from agents.train import TrainingArguments, main, parse_arguments, train
from agents.training_netlists import load_netlists
from benchmarks import registry
from placement_env.cost.proxy import proxy_cost
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError
from placement_env.formats import bookshelf, ct_protobuf, ct_protobuf_write, plc
from placement_env.legality import hard_overlaps
from placement_env.netlist import NodeKind
from placement_env.synthetic import synthetic_netlist
from tests.agents.flat.test_placer import mixed_design

ROOT = Path(__file__).parents[2]
SHORT: dict[str, Any] = {
    **{"total_steps": 64, "episodes": 4, "num_envs": 2},
    **{"width": 8, "cells": 8, "layers": 1, "device": "cpu", "run_name": "run"},
}


def words_of(arguments: dict[str, Any]) -> list[str]:
    return [
        word for name, value in arguments.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]  # fmt: skip


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(newest(run) / "policy.safetensors")


def test_a_run_leaves_a_whole_folder(tmp_path: Path) -> None:
    record = train(TrainingArguments(**SHORT, out=str(tmp_path)), quiet=True)
    out = tmp_path / "run"
    assert record.folder == out
    netlist, _ = synthetic_netlist()
    ct_protobuf_write.write(tmp_path / "toy.pb.txt", netlist, record.best["toy"])
    read, _ = ct_protobuf.read(tmp_path / "toy.pb.txt")
    read, placed = plc.read(out / "placement.plc", read)
    assert proxy_cost(read, placed).total == pytest.approx(record.best_cost, rel=1e-6)
    assert hard_overlaps(read, placed) == []
    assert json.loads((out / "settings.json").read_text())["total_steps"] == 64
    with (out / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["tag"] for row in rows} >= {"charts/SPS", "losses/entropy", "placement/best_cost"}
    assert [path.name for path in out.iterdir() if "tfevents" in path.name]
    (checkpoint,) = (out / "checkpoints").iterdir()
    assert {path.name for path in checkpoint.iterdir()} == {
        "policy.safetensors",
        "trainer.safetensors",
    }
    assert load_policy(out).size == PolicySize(8, 8, 1)


@pytest.mark.parametrize("phase", ["imitation", "ppo"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, phase: str) -> None:
    """After kill -9 at some checkpoint the resumed run ends with the weights of an unbroken one."""
    arguments: dict[str, Any] = SHORT | {"total_steps": 640, "checkpoint_every": 2}
    if phase == "imitation":
        more = {"imitation_updates": 200, "teacher_moves": 2000, "checkpoint_every": 1}
        arguments |= more | {"total_steps": 64}
    train(TrainingArguments(**arguments, out=str(tmp_path / "whole")), quiet=True)
    run = tmp_path / "killed" / "run"
    command = [sys.executable, "-m", "agents.train", "--out", str(tmp_path / "killed")]
    command += words_of(arguments)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while not list(run.glob("checkpoints/update_????????")) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    last = int(newest(run).name.removeprefix("update_"))
    assert last < (200 if phase == "imitation" else 20)
    subprocess.run([*command, "--resume", str(run)], cwd=ROOT, check=True, capture_output=True)
    whole, resumed = weights_of(tmp_path / "whole" / "run"), weights_of(run)
    for name, weight in whole.items():
        assert torch.equal(weight, resumed[name]), name
    with (run / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    steps = [int(row["step"]) for row in rows if row["tag"] == "charts/SPS"]
    assert steps == [32 * update for update in range(1, arguments["total_steps"] // 32 + 1)]
    imitated = [int(row["step"]) for row in rows if row["tag"] == "imitation/cell_loss"]
    assert imitated == list(range(1, arguments.get("imitation_updates", 0) + 1))


def test_a_run_that_ends_by_the_clock_keeps_its_last_update(tmp_path: Path) -> None:
    longer: dict[str, Any] = {
        "total_steps": 1_000_000,
        "checkpoint_every": 1_000_000,
        "minutes": 0.003,
    }
    train(TrainingArguments(**(SHORT | longer), out=str(tmp_path)), quiet=True)
    with (tmp_path / "run" / "metrics.csv").open() as table:
        updates = sum(row["tag"] == "charts/SPS" for row in csv.DictReader(table))
    assert newest(tmp_path / "run").name == f"update_{updates:08d}"


def test_a_resumed_run_stays_in_its_folder(tmp_path: Path) -> None:
    started: dict[str, Any] = SHORT | {"run_name": "named", "out": str(tmp_path)}
    train(TrainingArguments(**started), quiet=True)
    further: dict[str, Any] = SHORT | {"run_name": "", "total_steps": 128}
    for resume in (tmp_path / "named", newest(tmp_path / "named")):
        record = train(TrainingArguments(**further, resume=str(resume)), quiet=True)
        assert record.folder.samefile(tmp_path / "named")
    with (tmp_path / "named" / "metrics.csv").open() as table:
        steps = [row["step"] for row in csv.DictReader(table) if row["tag"] == "charts/SPS"]
    assert steps == ["32", "64", "96", "128"]


def test_a_new_run_leaves_an_earlier_one_alone(tmp_path: Path) -> None:
    """Of a used folder the oldest checkpoints by number would be deleted: those of the new run."""
    unnamed: dict[str, Any] = SHORT | {"run_name": "", "out": str(tmp_path), "checkpoint_every": 1}
    train(TrainingArguments(**unnamed), quiet=True)
    first = tmp_path / "toy_construct_1"
    before = weights_of(first)
    shorter: dict[str, Any] = unnamed | {"total_steps": 32}
    other = train(TrainingArguments(**shorter), quiet=True)
    assert other.folder == tmp_path / "toy_construct_1-2"
    assert newest(other.folder).name == "update_00000001"
    after = weights_of(first)
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    named: dict[str, Any] = unnamed | {"run_name": "toy_construct_1"}
    with pytest.raises(InputError, match="there is a training run already") as caught:
        train(TrainingArguments(**named), quiet=True)
    assert str(first) in caught.value.hint


def test_a_checkpoint_just_written_is_not_the_one_deleted(tmp_path: Path) -> None:
    policy = GraphPolicy(PolicySize(8, 8, 1))
    optimizer = torch.optim.Adam(policy.parameters())
    for update in (100, 200, 10):
        written = save_checkpoint(tmp_path, policy, optimizer, Progress(update=update))
    assert written.is_dir()


def test_a_resumed_run_has_the_options_that_it_had(tmp_path: Path) -> None:
    """`--resume FOLDER` alone goes on with the run's own netlist, and with what is given beside."""
    begun = words_of(SHORT | {"netlist": "generated:1x0.02", "episodes": 2, "out": str(tmp_path)})
    main(begun)
    run = tmp_path / "run"
    told = parse_arguments(["--resume", str(run), "--total-steps", "128"])
    assert told.netlist == "generated:1x0.02"
    assert (told.episodes, told.total_steps, told.width) == (2, 128, 8)
    assert (told.run_name, told.weights) == ("", "")
    main(["--resume", str(newest(run)), "--total-steps", "128"])
    assert json.loads((run / "settings.json").read_text())["netlist"] == "generated:1x0.02"
    policy = load_policy(run)
    assert load_checkpoint(run, policy, torch.optim.Adam(policy.parameters())).step >= 128


def test_a_run_resumed_from_an_older_checkpoint_drops_the_newer_one(tmp_path: Path) -> None:
    """By its number it would be taken for the last one of the run."""
    longer: dict[str, Any] = SHORT | {"checkpoint_every": 1, "out": str(tmp_path)}
    train(TrainingArguments(**longer), quiet=True)
    older, newer = sorted((tmp_path / "run" / "checkpoints").iterdir())
    fewer: dict[str, Any] = longer | {"total_steps": 32, "run_name": ""}
    train(TrainingArguments(**fewer, resume=str(older)), quiet=True)
    assert newest(tmp_path / "run").name == older.name
    assert not newer.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--netlist", "toy"], "--netlist generated:1x0.02, not toy"),
        (["--mode", "improve"], "--mode construct, not improve"),
        (["--imitation-updates", "5"], "no way back to the imitation"),
    ],
)
def test_a_resumed_run_stays_what_it_was(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main(words_of(SHORT | {"netlist": "generated:1x0.02", "out": str(tmp_path)}))
    before = weights_of(tmp_path / "run")
    with pytest.raises(SystemExit) as caught:
        main([*words, "--resume", str(tmp_path / "run")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "--weights" in error
    after = weights_of(tmp_path / "run")
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_the_steps_after_an_imitation_are_kept(tmp_path: Path) -> None:
    taught = {"imitation_updates": 60, "teacher_moves": 2000, "out": str(tmp_path)}
    main(words_of(SHORT | taught | {"total_steps": 0}))
    run = tmp_path / "run"
    imitated = weights_of(run)
    further: dict[str, Any] = SHORT | {"total_steps": 64, "checkpoint_every": 1, "run_name": ""}
    train(TrainingArguments(**further, resume=str(run)), quiet=True)
    assert newest(run).name == "update_00000062"
    trained = weights_of(run)
    assert any(not torch.equal(weight, trained[name]) for name, weight in imitated.items())


def test_the_size_of_given_weights_is_the_run_s(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", GraphPolicy(PolicySize(16, 4, 2)))
    words = words_of(SHORT | {"weights": tmp_path / "w.safetensors", "out": str(tmp_path)})
    main(words)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert [settings[name] for name in ("width", "cells", "layers")] == [16, 4, 2]
    main(["--resume", str(tmp_path / "run"), "--total-steps", "96"])
    assert load_policy(tmp_path / "run").size == PolicySize(16, 4, 2)


def test_the_greedy_cost_is_of_the_last_step(tmp_path: Path) -> None:
    longer: dict[str, Any] = {"total_steps": 1_000_000, "minutes": 0.003}
    train(TrainingArguments(**(SHORT | longer), out=str(tmp_path)), quiet=True)
    with (tmp_path / "run" / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    (greedy,) = (int(row["step"]) for row in rows if row["tag"] == "placement/greedy_cost")
    assert greedy == max(int(row["step"]) for row in rows if row["tag"] == "charts/SPS")


def test_an_interrupted_lesson_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C in the search: what it had is not what so many moves teach."""
    (toy,) = load_netlists("toy")

    def interrupted(self: AnnealingRun, moves: int, progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(AnnealingRun, "count", interrupted)
    with pytest.raises(KeyboardInterrupt):
        taught_placement(toy, moves=1000, seed=1, folder=tmp_path / "teachers")
    assert list(tmp_path.rglob("*.npz")) == []


def test_a_run_that_blows_up_stops_with_a_sound_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    wild: dict[str, Any] = {"learning_rate": 1e38, "max_grad_norm": 1e38, "checkpoint_every": 1}
    calm: dict[str, Any] = SHORT | {"total_steps": 32, "checkpoint_every": 1, "out": str(tmp_path)}
    train(TrainingArguments(**calm), quiet=True)
    words = words_of(SHORT | wild | {"total_steps": 640, "out": str(tmp_path)})
    with pytest.raises(SystemExit) as caught:
        main([*words, "--resume", str(tmp_path / "run")])
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "not finite" in error
    assert "--learning-rate" in error
    kept = weights_of(tmp_path / "run")
    assert all(bool(torch.isfinite(weight).all()) for weight in kept.values())


def test_the_best_placement_is_the_best_for_the_objective(tmp_path: Path) -> None:
    arguments = TrainingArguments(**SHORT, objective="hpwl", out=str(tmp_path))
    record = train(arguments, quiet=True)
    netlist, _ = synthetic_netlist()
    cost = proxy_cost(netlist, record.best["toy"])
    assert record.best_cost == pytest.approx(cost.wirelength, rel=1e-9)


def test_two_processes_train_one_policy(tmp_path: Path) -> None:
    """`torchrun` with gloo: one run folder, and each process has played its share."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    command += ["2", "-m", "agents.train", "--out", str(tmp_path), *words_of(SHORT)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 process(es)" in done.stdout
    assert done.stdout.count("likeliest actions") == 1
    with (tmp_path / "run" / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert sorted({int(row["step"]) for row in rows}) == [32, 64]  # of both together
    alone = tmp_path / "alone"
    train(TrainingArguments(**SHORT, out=str(alone)), quiet=True)
    together, other = weights_of(tmp_path / "run"), weights_of(alone / "run")
    assert all(bool(torch.isfinite(weight).all()) for weight in together.values())
    assert any(not torch.equal(weight, other[name]) for name, weight in together.items())


def test_many_netlists_each_have_their_best_placement(tmp_path: Path) -> None:
    arguments = SHORT | {"netlist": "toy,generated:1x0.02", "tasks": 2}
    record = train(TrainingArguments(**arguments, out=str(tmp_path)), quiet=True)
    assert record.best_costs.keys() == {"toy", "generated:1x0.02"}
    assert record.best_cost == pytest.approx(np.mean(list(record.best_costs.values())))
    found = sorted(file.parent.name for file in tmp_path.rglob("placement.plc"))
    assert found == ["generated:1x0.02", "toy"]
    checkpoint = tmp_path / "run"
    policy = load_policy(checkpoint)
    progress = load_checkpoint(checkpoint, policy, torch.optim.Adam(policy.parameters()))
    assert progress.best_costs == record.best_costs


def test_it_improves_placements_as_well(tmp_path: Path) -> None:
    arguments = TrainingArguments(**SHORT, out=str(tmp_path), mode="improve")
    record = train(arguments, quiet=True)
    assert len(record.recent_returns) == 1  # episodes of 16 steps
    netlist, _ = synthetic_netlist()
    assert hard_overlaps(netlist, record.best["toy"]) == []


def test_it_improves_a_floorplan(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    """Blocks alone, at 15 % white space, from a placement of the floorplanner's."""
    data_file("floorplan/gsrc/n10/n10.hardblocks.gz")
    benchmark = registry.load("n10")
    ports = benchmark.placements["initial"]
    placed = floorplanner.place(benchmark.netlist, ports, budget_s=1.0, seed=1, from_nothing=True)
    start = benchmark.write(tmp_path, placed)
    arguments: dict[str, Any] = SHORT | {"netlist": "n10", "start": str(start), "mode": "improve"}
    record = train(TrainingArguments(**arguments, objective="hpwl", out=str(tmp_path)), quiet=True)
    _, read = benchmark.read(tmp_path / "run" / start.name)
    assert hard_overlaps(benchmark.netlist, read) == []
    assert read.x_um == pytest.approx(record.best["n10"].x_um, abs=1e-3)


def test_a_flat_netlist_is_trained_on_wherever_its_rows_begin(tmp_path: Path) -> None:
    """A .plc says how large the canvas is, and not where."""
    flat, start = mixed_design(cells=100, macros=3)
    assert flat.rows is not None
    assert min(flat.rows.x_um.min(), flat.rows.y_um.min()) > 0
    bookshelf.write(tmp_path / "flat.aux", flat, start)
    name = str(tmp_path / "flat.aux")
    arguments: dict[str, Any] = SHORT | {"netlist": name}
    record = train(TrainingArguments(**arguments, out=str(tmp_path)), quiet=True)
    (given,) = load_netlists(name)
    for placement in (given.start, record.best[name]):
        port = given.netlist.nodes_of(NodeKind.PORT)
        canvas = given.netlist.canvas
        assert (canvas.left_um, canvas.bottom_um) == (0, 0)
        assert placement.x_um[port].min() == pytest.approx(0)
        assert placement.x_um[port].max() == pytest.approx(canvas.width_um)
        assert placement.y_um[port].max() == pytest.approx(canvas.height_um)
    ct_protobuf_write.write(tmp_path / "flat.pb.txt", given.netlist, given.start)
    read, _ = ct_protobuf.read(tmp_path / "flat.pb.txt")
    read, placed = plc.read(tmp_path / "run" / "placement.plc", read)
    assert proxy_cost(read, placed).total == pytest.approx(record.best_cost, rel=1e-6)


def test_checkpoints_keep_weights_and_optimizer(tmp_path: Path) -> None:
    policy, other = (GraphPolicy(PolicySize(8, 8, 1)) for _ in range(2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
    policy.critic(torch.ones(1, 25)).sum().backward()
    optimizer.step()
    progress = Progress(update=3, step=7, best_costs={"a": 0.1 + 0.2}, imitated=5, rows=4)
    for update in (1, 2, 3):
        folder = save_checkpoint(tmp_path, policy, optimizer, replace(progress, update=update))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "update_00000007",
        "update_00000008",
    ]
    fresh = torch.optim.Adam(other.parameters(), lr=0.5)
    assert load_checkpoint(tmp_path, other, fresh) == progress
    for a, b in zip(policy.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    ours, theirs = fresh.state_dict()["state"], optimizer.state_dict()["state"]
    assert ours.keys() == theirs.keys()
    assert len(ours) >= 4
    for weight, moments in theirs.items():
        assert ours[weight].keys() == moments.keys()
        assert all(torch.equal(ours[weight][key], value) for key, value in moments.items())

    with pytest.raises(InputError, match=r'"width": 8.*"width": 16') as caught:
        load_checkpoint(folder, GraphPolicy(PolicySize(16, 8, 1)), fresh)
    assert "--width" in caught.value.hint
    (folder / "trainer.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(tmp_path, other, fresh)
    (folder / "policy.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        load_policy(tmp_path)
    with pytest.raises(InputError, match="no checkpoint here"):
        load_policy(folder.parent.parent)
    with pytest.raises(InputError, match="cannot be read"):
        load_policy(tmp_path / "absent.safetensors")


def test_weights_of_another_architecture_name_both(tmp_path: Path) -> None:
    file = tmp_path / "old.safetensors"
    about = {"size": json.dumps({"width": 8, "cells": 8, "layers": 1, "version": 0})}
    save_file({"a": torch.zeros(1)}, file, metadata=about)
    with pytest.raises(InputError, match="architecture 0, this chipflow uses architecture 1"):
        load_policy(file)
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(InputError, match="no known architecture"):
        load_policy(file)
    about = {
        "size": json.dumps({"width": 8, "cells": 8, "layers": 1, "version": PolicySize.version})
    }
    save_file({"a": torch.zeros(1)}, file, metadata=about)
    with pytest.raises(InputError, match="do not fit"):
        load_policy(file)


def test_every_argument_is_an_option_with_a_help_text(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    text = capsys.readouterr().out
    for name in TrainingArguments.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in text
    parsed = parse_arguments(["--total-steps", "9", "--learning-rate", "0.5", "--netlist", "x"])
    assert (parsed.total_steps, parsed.learning_rate, parsed.netlist) == (9, 0.5, "x")
    for wrong in (
        *(["--num-envs", "0"], ["--no-such"], ["--seed", "x"], ["--total-steps", "0"]),
        *(["--seed", "-1"], ["--learning-rate", "nan"], ["--imitation-batch", "0"]),
        *(["--curriculum", "2"], ["--weights", "a", "--resume", "b"]),
    ):
        with pytest.raises(SystemExit) as caught:
            parse_arguments(wrong)
        assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--netlist", "ariane134_ng45"], "ariane133_ng45"),
        (["--netlist", "no/such.pb.txt"], "no/such.pb.txt"),
        (["--device", "no-such-device"], "device"),
        (["--resume", "no/such"], "no/such"),
        (["--weights", "no/such.safetensors"], "no/such.safetensors"),
        (["--mode", "destroy"], "'construct' or 'improve'"),
        (["--netlist", "toy", "--start", "no/such.plc"], "brings its own placement"),
        (["--out", "/dev/null/runs"], "/dev/null"),
    ],
)
def test_wrong_input_exits_with_2_and_one_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_netlists_are_found_by_name(data_file: Callable[[str], Path]) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    data_file("iccad04/ibm01/ibm01.aux.gz")
    found = load_netlists("toy, ariane133_ng45,generated:3-4x0.1,optimum:4:2,ibm01")
    assert [one.name for one in found] == [
        *("toy", "ariane133_ng45", "generated:3x0.1", "generated:4x0.1", "optimum:4:2", "ibm01")
    ]
    assert [one.is_placed for one in found] == [False, True, True, True, True, False]
    grouped = found[-1].netlist
    assert len(grouped.nodes_of(NodeKind.STANDARD_CELL)) == 0
    assert 300 < len(grouped.nodes_of(NodeKind.SOFT_MACRO)) < 900
    for one in found:
        env = MacroPlacementEnv(one.netlist, one.start)
        env.reset()
        assert len(env.board.order) >= 8
    for wrong in (
        *("generated:4-3", "generated:1x0", "generated:x", "generated:1x1.2.3"),
        *("optimum:1:0", "optimum:4:2-1", "variant:ibm01:5-2"),
    ):
        with pytest.raises(InputError):
            load_netlists(wrong)


@pytest.mark.slow
def test_the_toy_is_learned_within_three_minutes(tmp_path: Path) -> None:
    """The mean return rises by at least twice the distance that the first one has to random."""
    began = time.monotonic()
    arguments = TrainingArguments(out=str(tmp_path), seed=1)
    record = train(arguments, quiet=True)
    assert time.monotonic() - began < 180
    assert record.greedy_cost is not None
    assert record.greedy_cost < 0.85 * record.random_cost
    first, last = record.recent_returns[0], np.mean(record.recent_returns[-5:])
    assert last - first >= 2 * abs(first - record.random_return)
    assert last - first > 0.15
