"""Progress of an experiment: a bar per arm on a terminal, else a line every so often."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from distilabel_rag4rag.cli.errors import with_options
from distilabel_rag4rag.utils.text import for_terminal

LINE_SECONDS = 30.0


class ArmState:
    """How far an arm is: what it does, how many questions are through, how fast.

    The rate is that of the whole arm since its first row, so that slow batches have one too.
    """

    def __init__(self, arm: str, steps: Sequence[str], total: int) -> None:
        self.arm, self.total = arm, total
        self.rows = dict.fromkeys(steps, 0)
        self.begin = time.monotonic()
        self._first_row = self._last_row = 0.0

    def advance(self, step: str, rows: int) -> None:
        """A step has finished so many rows in all."""
        self._last_row = time.monotonic()
        self._first_row = self._first_row or self._last_row
        self.rows[step] = rows

    @property
    def doing(self) -> str:
        """The phase of the arm in words; empty while the LLM answers."""
        if not any(self.rows.values()):
            return "loading the models"
        if self.rows.get("answer") == 0:
            if self.rows.get("retrieve") == 0:
                return "writing questions" if "ask" in self.rows else "embedding"
            return ""
        return "judging" if self.answered == self.total else ""

    @property
    def answered(self) -> int:
        """Questions that the LLM has answered."""
        return self.rows.get("answer", 0)

    @property
    def completed(self) -> int:
        """Questions through the phase."""
        if self.doing == "writing questions":
            return self.rows["ask"]
        return self.rows.get("judge", 0) if self.doing == "judging" else self.answered

    def speed(self) -> str:
        """`2.1/s, 2 min left`, once there is a rate."""
        if not self.completed:
            return ""
        now, rest = time.monotonic(), self.total - self.completed
        # Up to the last row, so that the figures do not sink while a batch is under way.
        rate = self.completed / max(self._last_row - self._first_row, 1e-3)
        left = rest / rate - (now - self._last_row)
        if left < 0:  # this batch is slower than those before
            left = rest * (now - self._first_row) / self.completed
        per = f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"
        return f"{per}, {duration(left)} left" if rest else per

    def line(self) -> str:
        """`rag4rag: 64 of 307 questions, 2.1/s, 2 min left`."""
        known = f"{self.completed} of {self.total} questions" if self.completed else ""
        since = "" if known else f"{duration(time.monotonic() - self.begin)} so far"
        parts = [self.doing, known, self.speed(), since]
        return f"{self.arm}: " + ", ".join(part for part in parts if part)

    def summary(self) -> str:
        """`rag4rag: 307 questions in 2 min`."""
        return f"{self.arm}: {self.total} questions in {duration(time.monotonic() - self.begin)}"


class Bars:
    """A bar per arm; what is done between the arms has one without an end."""

    def __init__(self, total: int, console: Console) -> None:
        self._total = total
        self._task: TaskID | None = None
        self._arm: ArmState | None = None
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<13}", markup=False),
            BarColumn(bar_width=20),
            _Counts(),
            TimeElapsedColumn(),
            _Speed(),
            console=console,
        )

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def phase(self, what: str) -> None:
        self.done()
        self._task = self._progress.add_task(what, total=None)

    def note(self, text: str) -> None:
        self._progress.console.print(readable(text), style="dim", markup=False, highlight=False)

    def start(self, arm: str, steps: Sequence[str]) -> None:
        self._arm = ArmState(arm, steps, self._total)
        self._task = self._progress.add_task(arm, total=self._total, arm=self._arm)

    def advance(self, step: str, rows: int) -> None:
        if self._task is not None and self._arm is not None:
            self._arm.advance(step, rows)
            self._progress.update(self._task, completed=self._arm.completed)

    def done(self) -> None:
        """An arm's bar stays, full; that of a phase goes."""
        if self._task is not None:
            if self._arm is None:
                self._progress.remove_task(self._task)
            else:
                self._progress.update(self._task, completed=self._total)
        self._task = self._arm = None


class _Counts(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text()


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        arm = task.fields.get("arm")
        if arm is None or task.finished:
            return Text()
        return Text(", ".join(part for part in (arm.doing, arm.speed()) if part), style="dim")


class Lines:
    """A line per phase, per end of an arm, and every so often in between."""

    def __init__(self, total: int, console: Console, every: float = LINE_SECONDS) -> None:
        self._total, self._console, self._every = total, console, every
        self._arm: ArmState | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Lines":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def phase(self, what: str) -> None:
        self._print(what)

    def note(self, text: str) -> None:
        self._print(readable(text))

    def start(self, arm: str, steps: Sequence[str]) -> None:
        self._arm = ArmState(arm, steps, self._total)
        self._print(f"{arm}: {self._total} questions")

    def advance(self, step: str, rows: int) -> None:
        if self._arm is not None:
            self._arm.advance(step, rows)

    def done(self) -> None:
        if self._arm is not None:
            self._print(self._arm.summary())
        self._arm = None

    def _tick(self) -> None:
        while not self._stop.wait(self._every):
            arm = self._arm
            if arm is not None:
                self._print(arm.line())

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(total: int, console: Console | None = None) -> Iterator[Bars | Lines]:
    """Bars on a terminal, lines in a file or a pipe."""
    console = console or Console(stderr=True)
    with (Bars if console.is_terminal else Lines)(total, console) as watcher:
        yield watcher


def readable(note: str) -> str:
    """A note of the library as the terminal's reader knows its settings."""
    return for_terminal(with_options(note))


def duration(seconds: float) -> str:
    """`45 s`, `2 min`, `1 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
