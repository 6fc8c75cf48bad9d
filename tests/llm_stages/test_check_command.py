"""`chipflow llm check`, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from chipflow.commands.llm import llm
from tests.llm_stages.fake_server import serve

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "assign y = ~a;"


def check(*arguments: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if "API_KEY" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "chipflow.cli", "llm", "check", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_prints_latency_tokens_and_cost() -> None:
    with serve(ANSWER) as server:
        run = ["check", "openai/any", "--api-base", server.api_base]
        out = CliRunner().invoke(llm, run).output
        assert "answered by fake-1" in out
        assert "11 in, 7 out" in out
        assert "$0.000000" in out
        assert ANSWER in out
        code, out, err = check("openai/any", "--api-base", server.api_base, "--json")
    report = json.loads(out)
    assert (code, err, len(server.requests)) == (0, "", 2)
    assert (report["prompt_tokens"], report["completion_tokens"]) == (11, 7)
    assert report["latency_s"] > 0
    assert report["cost_usd"] == 0


def test_an_error_exits_with_4_and_says_what_to_do() -> None:
    code, out, err = check("openai/x", "--api-base", "http://127.0.0.1:9/v1")
    assert (code, out) == (4, "")
    assert "error: nothing answers" in err
    assert "try: start the server" in err
    assert "Traceback" not in err
