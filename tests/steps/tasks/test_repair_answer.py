"""Flagged answers are asked for again; what comes is judged before it counts."""

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from helpers.fresh import fresh
from helpers.openai_server import Odd, OpenAIServer

from distilabel_rag4rag import FailFastPipeline, RepairAnswer, cached
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.testing import ScriptedLLM, VerbatimDetector

PASSAGE = (
    "The great kettle of Torgau was cast in 1712 by Anna Velten, a bell founder. "
    "It holds nine hundred litres and hangs in the market hall."
)
WHO = "Who cast the great kettle of Torgau?"
WHEN = "When was the great kettle of Torgau cast?"
WHERE = "Where does the great kettle hang?"
VERDICT = (
    "hallucinated_spans",
    "hallucination_score",
    "evidence_truncated",
    "evidence_windows",
    "judge_reason",
)


class Lenient:
    """A judge that is pleased by one word and by nothing else."""

    def predict(self, context: Any, answer: str, question: Any = None, **_: Any) -> Any:
        if "certainly" in answer:
            return []
        return [{"start": 0, "end": len(answer), "text": answer, "confidence": 0.9}]


class Failing(ScriptedLLM):
    """An LLM that raises where a prompt holds the word."""

    word: str = WHEN

    def generate(self, inputs: Any, num_generations: int = 1) -> Any:  # type: ignore[override]
        if any(self.word in messages[-1]["content"] for messages in inputs):
            raise ConnectionError("the server is gone")
        return super().generate(inputs, num_generations)


class Several(ScriptedLLM):
    """An LLM that replies with several texts at once, split at bars."""

    def generate(self, inputs: Any, num_generations: int = 1) -> Any:  # type: ignore[override]
        outputs = super().generate(inputs, num_generations)
        for output in outputs:
            output["generations"] = (output["generations"][0] or "").split("|")[:num_generations]
        return outputs


def flagged(question: str, answer: str, **columns: Any) -> dict[str, Any]:
    span = {"start": 0, "end": len(answer), "text": answer, "confidence": 0.97}
    return {
        "question": question,
        "contexts": PASSAGE,
        "answer": answer,
        "hallucinated_spans": [span],
        "hallucination_score": 0.97,
        **columns,
    }


def repaired(rows: list[dict[str, Any]], llm: Any, **settings: Any) -> list[dict[str, Any]]:
    task = RepairAnswer(llm=llm, **{"judge_model": VerbatimDetector(), **settings})
    task.load()
    out = next(task.process([dict(row) for row in rows]))
    task.unload()
    return out


def summary(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("answer", "original_answer", "repair_outcome", "repair_reason", "repair_calls")
    return tuple(row[name] for name in names)


@pytest.mark.slow
def test_every_outcome_with_the_packaged_judge(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    replies = {
        WHO: "Anna Velten",
        WHEN: "in the year 1989 by Charlemagne of Paris",
        WHERE: "NOT IN PASSAGES",
    }
    llm = ScriptedLLM(replies=replies, history_path=str(history))
    good = {**flagged("How much does it hold?", "nine hundred litres"), "hallucination_score": 0.0}
    rows = [
        flagged(WHO, "Charlemagne"),
        {**good, "hallucinated_spans": []},
        flagged(WHEN, "1989"),
        flagged(WHERE, "in Paris"),
        {**flagged(WHO, ""), "answer": None, "hallucination_score": None},
    ]
    out = repaired(rows, llm, judge_model="embedded")
    assert [row["question"] for row in out] == [row["question"] for row in rows]
    assert summary(out[0]) == ("Anna Velten", "Charlemagne", "repaired", None, 1)
    assert summary(out[1]) == ("nine hundred litres", None, None, None, 0)
    assert summary(out[2])[:3] == ("1989", "1989", "given up")
    assert out[2]["repair_reason"].startswith("flagged: score ")
    assert summary(out[3]) == (None, "in Paris", "abstained", "abstained", 1)
    assert summary(out[4]) == (None, None, None, None, 0)
    # The columns of the verdict are of the answer that stands beside them.
    judge = LettuceDetectJudge(model="embedded")
    judge.load()
    again = next(judge.process([{**out[0]}, {**out[3]}]))
    judge.unload()
    for one, other in zip(again, (out[0], out[3]), strict=True):
        assert {n: one[n] for n in VERDICT} == {n: other[n] for n in VERDICT}
    assert out[0]["hallucination_score"] < 0.5
    assert (out[3]["hallucination_score"], out[3]["judge_reason"]) == (None, "abstained")
    assert out[2]["hallucination_score"] == 0.97
    # Flagged rows alone were asked about, with their unsupported words named.
    prompts = [json.loads(line)["messages"][-1]["content"] for line in history.open()]
    assert len(prompts) == 3
    assert "This answer is not supported by the passages: Charlemagne" in prompts[0]
    assert "Not in the passages: Charlemagne" in prompts[0]


@pytest.mark.slow
def test_what_pleases_the_judge_alone_is_not_taken() -> None:
    rows = [flagged(WHEN, "1989")]
    [row] = repaired(rows, ScriptedLLM(default="certainly 1990"), judge_model=Lenient())
    assert summary(row) == (
        "1989",
        "1989",
        "given up",
        'not confirmed: not in the evidence: "1990"',
        1,
    )
    [row] = repaired(
        rows,
        ScriptedLLM(default="certainly 1990"),
        judge_model=Lenient(),
        second_judge_model=VerbatimDetector(),
    )
    assert row["repair_reason"] == (
        'not confirmed: second judge: flagged: score 1.000, "certainly 1990"'
    )


def test_a_round_names_the_unsupported_words_of_the_one_before(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    llm = ScriptedLLM(
        replies={"supported by the passages: 1989": "1990", "passages: 1990": "1712"},
        history_path=str(history),
    )
    [row] = repaired([flagged(WHEN, "1989")], llm, rounds=3)
    assert summary(row) == ("1712", "1989", "repaired", None, 2)
    assert len(history.read_text().splitlines()) == 2
    tokens = row["distilabel_metadata"]["statistics_repair_answer_0"]
    assert tokens["output_tokens"] == 2


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("1990|1712|1991", ("1712", "repaired", 3)),
        ("NOT IN PASSAGES|1990|NOT IN PASSAGES", (None, "abstained", 3)),
        ("NOT IN PASSAGES|1990|1991", ("1989", "given up", 3)),
    ],
)
def test_the_best_of_several_replies(texts: str, expected: tuple[Any, ...]) -> None:
    [row] = repaired([flagged(WHEN, "1989")], Several(default=texts), candidates=3)
    assert (row["answer"], row["repair_outcome"], row["repair_calls"]) == expected


def test_the_most_similar_sentence_is_a_labelled_way_out() -> None:
    [row] = repaired([flagged(WHEN, "1989")], ScriptedLLM(default="1990"), fallback="sentence")
    first = PASSAGE.split(". ")[0] + "."
    assert summary(row) == (
        first,
        "1989",
        "sentence",
        'flagged: score 1.000, "1990"',
        1,
    )
    assert (row["hallucination_score"], row["model_name"]) == (0.0, None)


def test_a_failing_request_costs_its_own_row() -> None:
    rows = [flagged(WHO, "Charlemagne"), flagged(WHEN, "1989"), flagged(WHERE, "in Paris")]
    out = repaired(rows, Failing(replies={WHO: "Anna Velten", WHERE: None}))
    assert summary(out[0]) == ("Anna Velten", "Charlemagne", "repaired", None, 1)
    assert summary(out[1]) == (
        "1989",
        "1989",
        "given up",
        "the LLM failed: ConnectionError: the server is gone",
        1,
    )
    assert summary(out[2])[2:4] == ("given up", "the LLM gave nothing")


@pytest.mark.slow
@pytest.mark.parametrize("is_cached", [False, True], ids=["plain", "cached"])
def test_an_llm_on_a_server(is_cached: bool, own_cache: Path) -> None:
    error = {"message": "context length exceeded", "code": "context_length_exceeded"}

    def reply(messages: list[dict[str, Any]]) -> Any:
        return Odd(status=400, error=error) if WHEN in messages[-1]["content"] else "Anna Velten"

    with OpenAIServer(reply) as server:
        llm: Any = OpenAILLM(model="m", base_url=server.base_url, api_key="sk-test")  # type: ignore[arg-type]
        rows = [flagged(WHO, "Charlemagne"), flagged(WHEN, "1989")]
        out = repaired(rows, cached(llm) if is_cached else llm)
        # Asked once together; without the cache's care each row once more.
        assert len(server.history) == (2 if is_cached else 4)
    assert summary(out[0]) == ("Anna Velten", "Charlemagne", "repaired", None, 1)
    assert summary(out[1])[2] == "given up"
    assert out[1]["repair_reason"].startswith("the LLM failed: BadRequestError")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"contexts": []}, "no passages"), ({"question": " "}, "empty question")],
)
def test_rows_that_cannot_be_asked_about(changes: dict[str, Any], reason: str) -> None:
    [row] = repaired([{**flagged(WHEN, "1989"), **changes}], ScriptedLLM(default="1712"))
    assert summary(row) == ("1989", "1989", "given up", reason, 0)


def test_the_mark_is_of_the_new_answer() -> None:
    mark = {"keep_row_after_grounding": False, "grounding_reason": "hallucinated"}
    row = flagged(WHEN, "1989", **mark, hallucination_score=0.3)
    [out] = repaired([row], ScriptedLLM(default="1712"))
    assert (out["keep_row_after_grounding"], out["grounding_reason"]) == (True, None)
    [out] = repaired([row], ScriptedLLM(default="NOT IN PASSAGES"))
    assert out["grounding_reason"] == "no answer: abstained"
    [out] = repaired([row], ScriptedLLM(default="1990"))
    assert out["keep_row_after_grounding"] is False


def test_settings_that_cannot_be_used() -> None:
    llm = ScriptedLLM()
    with pytest.raises(ConfigError, match="judge_settings: found \\['colour'\\]"):
        RepairAnswer(llm=llm, judge_settings={"colour": 1}).load()
    with pytest.raises(ConfigError, match="set candidates"):
        RepairAnswer(llm=llm, num_generations=4).load()
    with pytest.raises(ValueError, match="rounds"):
        RepairAnswer(llm=llm, rounds=-1)


def run_pipeline(fail_fast: bool, folder: str) -> list[dict[str, Any]]:
    """The rows of a pipeline that was saved and loaded again."""
    llm = cached(ScriptedLLM(replies={WHO: "Anna Velten"}, default="1712"), folder=folder)
    rows = [flagged(WHO, "Charlemagne"), flagged(WHEN, "1989")]
    kind: Any = FailFastPipeline if fail_fast else Pipeline
    with kind(name="repair") as pipeline:
        RepairAnswer(name="repair", llm=llm, judge_model="embedded", rounds=2)
    file = Path(folder) / "pipeline.yaml"
    pipeline.save(file, format="yaml")
    distiset = kind.from_yaml(file).run(dataset=Dataset.from_list(rows), use_cache=False)
    return [dict(row) for row in distiset["default"]["train"]]


@pytest.mark.slow
@pytest.mark.parametrize("fail_fast", [False, True], ids=["stock", "fail fast"])
def test_a_saved_pipeline_repairs(fail_fast: bool, tmp_path: Path) -> None:
    rows = fresh(run_pipeline, fail_fast, str(tmp_path))
    found = {row["question"]: (row["answer"], row["repair_outcome"]) for row in rows}
    assert found == {WHO: ("Anna Velten", "repaired"), WHEN: ("1712", "repaired")}
