"""Runs that are killed go on where they stopped, and end with the rows of an undisturbed run."""

import json
import random
import signal
import time
from pathlib import Path

import pytest
from helpers.fork_server import Program
from helpers.fresh import start_program
from helpers.interrupted_run import ARM_ROWS

pytestmark = pytest.mark.faults

SCRIPT = Path(__file__).parents[1] / "helpers" / "interrupted_run.py"
KILLS = 10


def asked(folder: Path) -> int:
    """How often the LLM was asked."""
    history = folder / "history.jsonl"
    return len(history.read_text().splitlines()) if history.exists() else 0


def started(folder: Path) -> Program:
    folder.mkdir(exist_ok=True)
    return start_program(SCRIPT, folder, "arm", out=folder)


@pytest.mark.timeout(300)
def test_killed_ten_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """kill -9 at ten random moments of the rag4rag arm."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert started(whole).wait(120) == 0
    chance = random.Random(7)
    for _ in range(KILLS):
        run = started(killed)
        goal = asked(killed) + chance.randint(1, 35)
        while asked(killed) < goal:
            assert run.poll() is None
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.2))
        run.send_signal(signal.SIGKILL)
        run.wait()
    before = asked(killed)
    assert started(killed).wait(120) == 0
    with capsys.disabled():
        print(f"\nkilled {KILLS} times: asked {asked(killed)} times for {ARM_ROWS} rows")
    assert before < ARM_ROWS
    assert (killed / "rows.json").read_text() == (whole / "rows.json").read_text()
    assert [row["id"] for row in json.loads((killed / "rows.json").read_text())] == [
        f"q{n}" for n in range(ARM_ROWS)
    ]
    assert asked(whole) == ARM_ROWS
    assert asked(killed) <= ARM_ROWS + KILLS
