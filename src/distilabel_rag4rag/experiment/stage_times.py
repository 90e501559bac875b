"""How long each stage of a build took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distilabel_rag4rag.runtime.tally import Tally

#: The stages in their order, and what is done in each.
STAGES = {
    "read": "documents to text",
    "chunk": "text to passages",
    "models": "checking and loading models, starting processes",
    "questions": "the LLM writes questions",
    "retrieval": "embedding passages and questions, searching",
    "answers": "the LLM answers",
    "judge": "the judge reads the answers",
    "repair": "flagged answers are asked for and judged again",
    "checks": "the other checks of each row, duplicates and ranks",
    "negatives": "hard negatives are found and checked",
    "export": "files to train on",
}
#: The stages of the pipelines' steps; all other steps are checks.
_STAGE_OF = {
    "ask": "questions",
    "retrieve": "retrieval",
    "answer": "answers",
    "complete": "answers",
    "judge": "judge",
    "repair": "repair",
    "mine": "negatives",
}
#: The steps that embed the passages as they are loaded.
_INDEXING = {"retrieve"}


class StageTimes:
    """Adds up seconds by stage.

    Steps of a pipeline work at the same time, so that the stages' seconds may be more than those
    of the whole.

    Attributes:
        seconds: of each stage so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """Counts the time in the `with` block."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] += time.monotonic() - begin

    @contextmanager
    def run(self, pipeline: object) -> Iterator[None]:
        """Counts the steps of a pipeline that runs in the `with` block.

        What is over until its first step begins to work, and after its last has ended, is the
        stage of models, but for the embedding of the passages, with which retrieval is loaded.
        """
        begin = time.monotonic()
        yield
        whole = time.monotonic() - begin
        tally: Tally = pipeline.tally  # type: ignore[attr-defined]
        worked = [moment for count in tally.steps.values() for moment in count.worked]
        between = (
            max(end for _, end in worked) - min(begin for begin, _ in worked) if worked else 0.0
        )
        embedding = sum(tally.steps[step].loading_seconds for step in _INDEXING & {*tally.steps})
        self.seconds["retrieval"] += embedding
        self.seconds["models"] += max(0.0, whole - between - embedding)
        for step, count in tally.steps.items():
            if count.worked:
                self.seconds[_STAGE_OF.get(step, "checks")] += count.seconds

    def stages(self) -> list[dict[str, Any]]:
        """Name, meaning and seconds of each stage."""
        return [
            {"stage": stage, "meaning": meaning, "seconds": round(self.seconds[stage], 2)}
            for stage, meaning in STAGES.items()
        ]
