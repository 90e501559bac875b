"""Progress without a terminal and on one; rates and remaining times of slow batches."""

import io
import re
import time

import pytest
from rich.console import Console

from distilabel_rag4rag.cli import progress as module
from distilabel_rag4rag.cli.progress import ArmState, Bars, Lines, duration, progress

STEPS = ["load", "retrieve", "answer", "complete", "judge", "mark"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_an_arm_says_what_it_does_and_how_long_it_will_take(clock: list[float]) -> None:
    arm = ArmState("rag4rag", STEPS, 300)
    clock[0] += 20
    assert arm.line() == "rag4rag: loading the models, 20 s so far"
    arm.advance("load", 32)
    clock[0] += 5
    assert arm.line() == "rag4rag: embedding, 25 s so far"
    arm.advance("retrieve", 300)
    assert arm.line() == "rag4rag: 25 s so far"
    clock[0] += 45
    arm.advance("answer", 100)
    assert arm.line() == "rag4rag: 100 of 300 questions, 2.0/s, 2 min left"
    clock[0] += 100
    arm.advance("answer", 300)
    arm.advance("judge", 150)
    assert arm.line() == "rag4rag: judging, 150 of 300 questions, 1.0/s, 2 min left"
    arm.advance("judge", 300)
    assert arm.line() == "rag4rag: judging, 300 of 300 questions, 2.0/s"
    clock[0] += 130
    assert arm.summary() == "rag4rag: 300 questions in 5 min"


def test_the_rate_is_that_of_the_whole_run_also_where_batches_are_slow(clock: list[float]) -> None:
    arm = ArmState("zero_shot", ["load", "answer", "judge"], 320)
    arm.advance("load", 320)
    for batch in (1, 2, 3):
        clock[0] += 640  # nothing in between: rich's own rate would have been forgotten
        arm.advance("answer", 32 * batch)
        assert arm.speed() == f"3.0/min, {duration(20 * (320 - 32 * batch))} left"
    assert arm.line() == "zero_shot: 96 of 320 questions, 3.0/min, 1 h 15 min left"


def test_while_a_batch_is_under_way_the_rate_stands_and_the_time_left_runs(
    clock: list[float],
) -> None:
    arm = ArmState("zero_shot", ["load", "answer", "judge"], 30)
    arm.advance("load", 30)
    clock[0] += 10
    arm.advance("answer", 10)
    found = [arm.speed()]
    for _ in range(4):
        clock[0] += 8
        found.append(arm.speed())
    assert found == [
        "1.0/s, 20 s left",
        "1.0/s, 12 s left",
        "1.0/s, 4 s left",
        "1.0/s, 1 min left",  # slower than before: 10 rows in 34 s
        "1.0/s, 1 min left",
    ]


def test_an_arm_whose_answers_are_given_is_judging_from_the_start(clock: list[float]) -> None:
    arm = ArmState("human", ["load", "answer", "complete", "judge", "mark"], 10)
    arm.advance("load", 10)
    arm.advance("answer", 10)
    clock[0] += 2
    arm.advance("judge", 4)
    assert arm.line() == "human: judging, 4 of 10 questions, 2.0/s, 3 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (149, "2 min"), (3900, "1 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_there_are_plain_lines_every_so_often() -> None:
    file = io.StringIO()
    console = Console(file=file, width=20)
    with Lines(4, console, every=0.05) as lines:
        lines.phase("preparing the packaged judge")
        lines.done()
        lines.note("The server [x] does not answer: \x07 `columns.id`.")
        lines.start("rag4rag", STEPS)
        time.sleep(0.12)
        lines.advance("load", 4)
        lines.advance("retrieve", 4)
        lines.advance("answer", 2)
        time.sleep(0.12)
        lines.done()
        lines.phase("writing the report")
        time.sleep(0.12)
    found = file.getvalue().splitlines()
    assert found[:3] == [
        "preparing the packaged judge",
        "The server [x] does not answer: ␇ --column id=....",
        "rag4rag: 4 questions",
    ]
    assert found[3] == "rag4rag: loading the models, 0 s so far"
    assert re.fullmatch(r"rag4rag: 2 of 4 questions, \d+\.\d/s, 0 s left", found[-3])
    assert found[-2:] == ["rag4rag: 4 questions in 0 s", "writing the report"]
    assert "\x1b" not in file.getvalue()


def test_on_a_terminal_there_is_a_bar_per_arm() -> None:
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=True, color_system=None)
    with progress(4, console) as bars:
        assert isinstance(bars, Bars)
        bars.phase("preparing the packaged judge")
        bars.done()
        for arm in ("zero_shot", "rag4rag"):
            bars.start(arm, STEPS)
            bars.advance("load", 4)
            bars.advance("retrieve", 4)
            bars.advance("answer", 4)
            bars.advance("judge", 4)
            bars.done()
    assert set(re.findall(r"(\w+) +━+ 4/4", file.getvalue())) == {"zero_shot", "rag4rag"}


def test_which_of_both_is_chosen_by_the_console() -> None:
    with progress(1, Console(file=io.StringIO())) as watcher:
        assert isinstance(watcher, Lines)
