"""One failing request, or one odd reply, costs its own row alone; the row says why."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from distilabel.models import OpenAILLM
from distilabel.models.llms import LLM
from distilabel.pipeline import Pipeline
from helpers.fresh import fresh
from helpers.openai_server import Odd, OpenAIServer

from distilabel_rag4rag import FailFastPipeline, LoadRows, cached, embedded, load_rows, pipelines
from distilabel_rag4rag.testing import ScriptedLLM

pytestmark = pytest.mark.slow

ROWS = 64
TOO_LONG = {"message": "context length exceeded", "code": "context_length_exceeded"}
PAIR = "## Positive\n\nTorgau\n\n## Negative\n\nUlm"
#: Late rows, so that the first 50 of a pipeline's buffer know nothing of them.
ODD: dict[int, tuple[Odd, str]] = {
    57: (
        Odd(status=400, error=TOO_LONG),
        "the LLM failed: BadRequestError (context_length_exceeded): "
        "Error code: 400 - context length exceeded",
    ),
    58: (
        Odd(None, finish_reason="content_filter"),
        "the LLM gave nothing (finish reason: content_filter)",
    ),
    59: (Odd([{"type": "image_url"}]), "the LLM gave no text: found image_url"),
    60: (Odd("x", choices=0), "the LLM gave nothing: 0 of 1 replies"),
}
PARTS, NO_USAGE, TWO = 61, 62, 63


@cache
def questions() -> list[str]:
    return [row["question"] for row in load_rows(limit=ROWS)]


def reply(messages: list[dict[str, Any]]) -> Any:
    text = messages[-1]["content"]
    row = next(n for n, question in enumerate(questions()) if question in text)
    good = PAIR if "## Anchor" in text else "Torgau"
    if row == PARTS:
        return Odd([{"type": "text", "text": good[:3]}, {"type": "text", "text": good[3:]}])
    if row == NO_USAGE:
        return Odd(good, usage=False)
    if row == TWO:
        return Odd(good, choices=2)
    return ODD[row][0] if row in ODD else good


def run(name: str, base_url: str, folder: str, safe: bool) -> list[dict[str, Any]]:
    pipeline = pipelines.ARMS[name](
        LoadRows(limit=ROWS),
        llm=OpenAILLM(model="m", base_url=base_url, api_key="sk-test"),  # type: ignore[arg-type]
        judge=embedded.judge(),
        batch_size=16,
        pipeline_class=FailFastPipeline if safe else Pipeline,
    )
    pipeline._cache_dir = Path(folder)
    pipeline.max_failed = 0.9  # type: ignore[attr-defined]
    return list(pipeline.run(use_cache=False)["default"]["train"])


@pytest.mark.parametrize(("name", "safe"), [("zero_shot", False), ("gold_context", True)])
def test_the_row_says_why(own_cache: Path, tmp_path: Path, name: str, safe: bool) -> None:
    with OpenAIServer(reply) as server:
        rows = fresh(run, name, server.base_url, str(tmp_path), safe)
    assert [row["question"] for row in rows] == questions()
    for number, row in enumerate(rows):
        reason = ODD[number][1] if number in ODD else None
        assert row["answer_reason"] == reason, number
        assert row["answer"] == (None if reason else "Torgau"), number
        assert row["abstained"] is False
    for number in (57, NO_USAGE):
        assert (rows[number]["input_tokens"], rows[number]["output_tokens"]) == (None, None)
    assert rows[PARTS]["output_tokens"] > 0


@pytest.mark.parametrize("name", pipelines.ARMS)
def test_an_arm_asks_any_llm_so(name: str) -> None:
    settings = {"embeddings": embedded.embeddings()} if name == "rag4rag" else {}

    def asked(llm: LLM) -> LLM:
        arm = pipelines.ARMS[name](LoadRows(limit=2), llm=llm, judge=embedded.judge(), **settings)
        return arm.dag.get_step("answer")["step"].llm

    plain, kept = ScriptedLLM(), cached(ScriptedLLM(), repetition=3)
    assert asked(plain).dump() == cached(plain, enabled=False).dump()
    assert asked(kept).dump() == kept.dump()
