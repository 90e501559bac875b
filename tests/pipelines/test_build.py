"""The graph of a build: what its steps are given."""

from distilabel_rag4rag.pipelines.build import build
from distilabel_rag4rag.pipelines.embedded import embeddings
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.testing import ScriptedLLM

ROWS = [{"context": "The kettle was cast in Torgau.", "context_id": "1"}]


def test_repair_judges_as_the_judge_does() -> None:
    given = {"device": "cpu", "max_length": 200, "keep_verdicts": True}
    judge = LettuceDetectJudge(model="some/judge", name="mine", **given)
    pipeline = build(
        ROWS,
        llm=ScriptedLLM(),
        judge=judge,
        embeddings=embeddings(),
        corpus=ROWS,
        repair={"rounds": 2},
    )
    repair = pipeline.dag.get_step("repair")["step"]
    assert (repair.judge_model, repair.judge_settings) == ("some/judge", given)
    changed = build(
        ROWS,
        llm=ScriptedLLM(),
        judge=judge,
        embeddings=embeddings(),
        corpus=ROWS,
        repair={"judge_settings": {"device": "cuda"}},
    )
    assert changed.dag.get_step("repair")["step"].judge_settings == {"device": "cuda"}
