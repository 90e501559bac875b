"""The graph of a build: what its steps are given."""

from typing import Any

from distilabel_rag4rag.pipelines.build import build
from distilabel_rag4rag.pipelines.embedded import embeddings
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.testing import ScriptedLLM

ROWS = [{"context": "The kettle was cast in Torgau.", "context_id": "1"}]


def repair_of(judge: LettuceDetectJudge, **repair: Any) -> Any:
    pipeline = build(
        ROWS,
        llm=ScriptedLLM(),
        judge=judge,
        embeddings=embeddings(),
        corpus=ROWS,
        repair={"rounds": 2, **repair},
    )
    return pipeline.dag.get_step("repair")["step"]


def test_repair_judges_as_the_judge_does() -> None:
    given = {"keep_verdicts": True, "device": "cpu", "max_length": 200}
    judge = LettuceDetectJudge(model="some/judge", name="mine", **given)
    repair = repair_of(judge)
    # In the same order in every process: distilabel's signature of a step depends on it.
    assert list(repair.judge_settings.items()) == sorted(given.items())
    assert (repair.judge_model, repair.rounds) == ("some/judge", 2)
    changed = repair_of(judge, judge_settings={"device": "cuda"})
    assert changed.judge_settings == {**given, "device": "cuda"}
