"""Where do the seconds of a comparison go whose replies cost nothing?

    python benchmarks/fixed_cost.py                  # the sample world, three runs
    python benchmarks/fixed_cost.py questions.json
    python benchmarks/fixed_cost.py --kept           # the verdicts are kept too, as in a second run

All arms with the packaged embedder and judge; the LLM replies from a script, at once, as one does
whose replies are all kept. Each run is a process of its own. With --kept a run before those that
are timed leaves replies and verdicts in the user's cache.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence


class Clock:
    """Adds up the seconds of each part of an experiment."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._part, self._begin = "", 0.0

    def begin(self, part: str) -> None:
        now = time.perf_counter()
        if self._part:
            self.seconds[self._part] = self.seconds.get(self._part, 0.0) + now - self._begin
        self._part, self._begin = part, now

    def phase(self, what: str) -> None:
        self.begin(what)

    def note(self, text: str) -> None:
        pass

    def start(self, arm: str, steps: Sequence[str]) -> None:
        self.begin(arm)

    def advance(self, step: str, rows: int) -> None:
        pass

    def done(self) -> None:
        self.begin("between the parts")


def run_once(source: str | None, kept: bool) -> dict[str, float]:
    """Seconds by part; of an arm, the judge's work apart from the rest."""
    clock = Clock()
    clock.begin("importing distilabel, reading the questions")
    from distilabel_rag4rag.experiment.experiment import Experiment
    from distilabel_rag4rag.experiment.settings import Settings

    settings = Settings(
        source=source,
        llm="distilabel_rag4rag.testing.ScriptedLLM",
        llm_set={"default": "## Positive\n\nThe answer is 1712.\n\n## Negative\n\nNone."},
        max_failed=1.0,
        cache=kept,
    )
    with tempfile.TemporaryDirectory() as out:
        experiment = Experiment(settings, out)
        clock.begin("importing the report")
        experiment.run(clock)
        clock.begin("")
    for arm, pipeline in experiment.pipelines.items():
        judging = pipeline.tally.steps["judge"].seconds
        clock.seconds[f"{arm}: judging"] = judging
        clock.seconds[f"{arm}: all else"] = clock.seconds.pop(arm) - judging
    return clock.seconds


def main() -> None:
    """Run some times and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kept", action="store_true", help="read what an earlier run has kept")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_once(options.source, options.kept)))
        return
    command = [sys.executable, __file__, "--one", *([options.source] if options.source else [])]
    if options.kept:
        command.append("--kept")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    runs = []
    for _ in range(options.repeat):
        begin = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        runs[-1]["all"] = time.perf_counter() - begin
    for part in runs[0]:
        seconds = [run.get(part, 0.0) for run in runs]
        spread = f"({min(seconds):.1f}-{max(seconds):.1f})"
        print(f"{part:45} {statistics.median(seconds):5.1f} s  {spread}")


if __name__ == "__main__":
    main()
