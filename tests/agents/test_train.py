"""`python -m agents.train` as a user meets it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.checkpoint import load_checkpoint, load_weights, save_checkpoint
from agents.policy import policy_for
from agents.train import TrainingArguments, load_netlist, main, parse_arguments, train
from placement_env.cost.proxy import proxy_cost
from placement_env.env import MacroPlacementEnv
from placement_env.errors import InputError
from placement_env.formats import ct_protobuf, ct_protobuf_write, plc
from placement_env.legality import hard_overlaps
from placement_env.synthetic import synthetic_netlist

SHORT: dict[str, Any] = {
    **{"total_steps": 64, "num_steps": 16, "num_envs": 2},
    **{"hidden_size": 8, "graph_layers": 1},
}


def test_a_run_leaves_a_whole_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    record = train(TrainingArguments(**SHORT, out=str(out)), quiet=True)
    assert record.best is not None
    netlist, _ = synthetic_netlist()
    ct_protobuf_write.write(tmp_path / "toy.pb.txt", netlist, record.best)
    read, _ = ct_protobuf.read(tmp_path / "toy.pb.txt")
    read, placed = plc.read(out / "best.plc", read)
    assert proxy_cost(read, placed).total == pytest.approx(record.best_cost, rel=1e-6)
    assert hard_overlaps(read, placed) == []
    assert json.loads((out / "settings.json").read_text())["total_steps"] == 64
    with (out / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["tag"] for row in rows} >= {"charts/SPS", "losses/entropy", "placement/best_cost"}
    assert [path.name for path in out.iterdir() if "tfevents" in path.name]
    files = {path.name for path in (out / "checkpoints" / "last").iterdir()}
    assert files == {"policy.safetensors", "trainer.pt"}


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    first = TrainingArguments(**SHORT, out=str(tmp_path / "run"))
    train(first, quiet=True)
    resume = str(tmp_path / "run" / "checkpoints" / "last")
    longer = {**SHORT, "total_steps": 128}
    train(TrainingArguments(**longer, out=str(tmp_path / "run"), resume=resume), quiet=True)
    with (tmp_path / "run" / "metrics.csv").open() as table:
        steps = sorted({int(row["step"]) for row in csv.DictReader(table)})
    assert steps == [32, 64, 96, 128]


def test_checkpoints_keep_weights_optimizer_and_random_state(tmp_path: Path) -> None:
    env = MacroPlacementEnv(*synthetic_netlist())
    policy, other = (policy_for(env, size=8, layers=1) for _ in range(2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
    policy.critic(torch.ones(1, 24)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path, policy, optimizer, 7)
    drawn = torch.rand(3)
    fresh = torch.optim.Adam(other.parameters(), lr=0.5)
    assert load_checkpoint(tmp_path, other, fresh) == 7
    assert torch.equal(torch.rand(3), drawn)
    for a, b in zip(policy.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert str(fresh.state_dict()) == str(optimizer.state_dict())

    with pytest.raises(InputError, match="do not fit"):
        load_weights(tmp_path, policy_for(env, size=16, layers=1))
    (tmp_path / "trainer.pt").write_bytes(b"junk")
    with pytest.raises(InputError, match="trainer"):
        load_checkpoint(tmp_path, other, fresh)
    (tmp_path / "policy.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(tmp_path, other)
    with pytest.raises(InputError):
        load_weights(tmp_path / "absent", other)


def test_every_argument_is_an_option_with_a_help_text(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    text = capsys.readouterr().out
    for name in TrainingArguments.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in text
    parsed = parse_arguments(["--total-steps", "9", "--learning-rate", "0.5", "--netlist", "x"])
    assert (parsed.total_steps, parsed.learning_rate, parsed.netlist) == (9, 0.5, "x")
    for wrong in (["--num-envs", "0"], ["--no-such"], ["--seed", "x"]):
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
    ],
)
def test_wrong_input_exits_with_2_and_one_error(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "argv", ["train", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error


def test_a_benchmark_is_found_by_name(data_file: Callable[[str], Path]) -> None:
    data_file("tilos/ariane133_ng45/netlist.pb.txt.gz")
    netlist, start = load_netlist("ariane133_ng45")
    env = MacroPlacementEnv(netlist, start)
    assert len(env.order) == 133
    policy = policy_for(env, size=8, layers=1)
    logits, _ = policy({key: torch.from_numpy(part)[None] for key, part in env.reset()[0].items()})
    assert int((logits > -1e7).sum()) == env.action_masks().sum()


@pytest.mark.slow
def test_the_toy_is_learned_within_two_minutes(tmp_path: Path) -> None:
    record = train(TrainingArguments(out=str(tmp_path)), quiet=True)
    assert record.greedy_cost is not None
    assert record.greedy_cost < 0.85 * record.random_cost
    assert np.mean(record.recent[-5:]) < 0.85 * record.random_cost
