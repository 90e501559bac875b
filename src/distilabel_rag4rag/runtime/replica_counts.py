"""How many replicas of each step are loaded."""

from collections import Counter
from collections.abc import Iterable, Mapping


class ReplicaCounts:
    """How many replicas of each step were loaded, were unloaded, or failed to load.

    distilabel counts them up and down in one number, so that a stage whose first replica is done
    before its last has loaded never begins.
    """

    def __init__(self) -> None:
        self._events: Counter[tuple[str, str]] = Counter()

    def add(self, step: str, status: str) -> None:
        """Count a replica that is "loaded", "unloaded" or "load_failed"."""
        self._events[step, status] += 1

    def is_running(self, step: str) -> bool:
        """Whether a replica of the step is loaded."""
        return self._events[step, "loaded"] > self._events[step, "unloaded"]

    def have_loaded(self, replicas: Mapping[str, int]) -> bool:
        """Whether so many replicas of each step were loaded."""
        return all(self._events[step, "loaded"] >= count for step, count in replicas.items())

    def any_failed(self, steps: Iterable[str]) -> bool:
        """Whether a replica of one of the steps failed to load."""
        return any(self._events[step, "load_failed"] for step in steps)
