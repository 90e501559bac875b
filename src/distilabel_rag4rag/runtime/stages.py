"""Steps are loaded in stages: a stage begins when all the steps of the one before have ended.

distilabel counts the loaded replicas of a step up and down in one number, so that a stage whose
first replica is done before the last has loaded never begins; it ends one replica of a step and
waits for the others; and it asks no generator of a later stage for rows.
"""

import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from distilabel.pipeline import Pipeline

if TYPE_CHECKING:
    from distilabel.pipeline.batch_manager import _BatchManager

POLL_SECONDS = 0.02


class StagedPipeline(Pipeline):
    """The part of `FailFastPipeline` that loads and ends steps; not for use by itself."""

    _batch_manager: "_BatchManager"
    _load_queue: Any
    _stop_called: bool
    _exception: Any
    _events: Counter[tuple[str, str]]

    def _init_steps_load_status(self) -> None:
        self._events = Counter()

    def _run_load_queue_loop(self) -> None:
        """Count the replicas of each step that were loaded, unloaded, or failed to load."""
        while (event := self._load_queue.get()) is not None:
            self._events[event["name"], event["status"]] += 1

    def _is_step_running(self, step_name: str) -> bool:
        """Whether a replica of it is loaded; no step of a failed run is waited for."""
        loaded, ended = (self._events[step_name, status] for status in ("loaded", "unloaded"))
        return self._exception is None and loaded > ended

    def _run_stage_steps_and_wait(self, stage: int) -> bool:
        """Whether all the replicas of a stage were loaded; distilabel looks every 2.5 s."""
        steps = self._steps_to_be_loaded_in_stage(stage)
        self._run_steps(steps)
        wanted = {step: self.dag.get_step_replica_count(step) for step in steps}
        while not self._stop_called:
            if any(self._events[step, "load_failed"] for step in steps):
                return False
            if all(self._events[step, "loaded"] >= count for step, count in wanted.items()):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _update_stage(self) -> bool:
        """Load the next stage, and ask its generators for their first rows."""
        loaded = super()._update_stage()
        if loaded:
            self._request_initial_batches()
        return loaded

    def _wait_current_stage_to_finish(self) -> None:
        """End all the replicas of a stage: a last batch ends only the one that gets it."""
        stages, _ = self._get_steps_load_stages()
        steps = stages[self._current_stage]
        self._end(steps)
        while not self._stop_called and any(map(self._is_step_running, steps)):
            time.sleep(POLL_SECONDS)

    def _notify_steps_to_stop(self) -> None:
        """End whatever still waits for rows at the end of a run."""
        self._end(self.dag)

    def _end(self, steps: Iterable[str]) -> None:
        for step in filter(self._is_step_running, steps):
            for _ in range(self.dag.get_step_replica_count(step)):
                self._send_to_step(step, None)
