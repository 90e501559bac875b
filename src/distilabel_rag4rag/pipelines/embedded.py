"""Models that install with pip: an LLM, an embedder and a judge that need no Hub, key or GPU."""

from collections.abc import Callable
from typing import Any

from distilabel_rag4rag.models.embeddings.embedded_embeddings import EmbeddedEmbeddings
from distilabel_rag4rag.models.llms.embedded_llm import EmbeddedLLM, make_embedded_llm
from distilabel_rag4rag.models.packaged import (
    EMBEDDED,
    embeddings_path,
    judge_path,
    llm_path,
)
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

__all__ = [
    "EMBEDDED",
    "EmbeddedEmbeddings",
    "EmbeddedLLM",
    "embeddings",
    "embeddings_path",
    "judge",
    "judge_path",
    "llm",
    "llm_path",
    "prepare",
]


def llm(**settings: Any) -> EmbeddedLLM:
    """SmolLM2-135M-Instruct, generated in batches, greedy by default.

    Args:
        settings: fields of `EmbeddedLLM`, e.g. `batch_size`; all others go to its `generate`,
            e.g. `max_new_tokens`.
    """
    return make_embedded_llm(**settings)


def embeddings(**settings: Any) -> EmbeddedEmbeddings:
    """all-MiniLM-L6-v2: 384 dimensions, normalised.

    Args:
        settings: fields of `EmbeddedEmbeddings`.
    """
    return EmbeddedEmbeddings(**settings)


def judge() -> LettuceDetectJudge:
    """LettuceDetect with the packaged adapter."""
    return LettuceDetectJudge(model=EMBEDDED)


def prepare(report: Callable[[str], None] = lambda message: None) -> None:
    """Converts everything ahead, so that no later run waits for it.

    Args:
        report: called with a line before each step, e.g. `print`.
    """
    report("converting SmolLM2-135M-Instruct")
    llm_path()
    report("merging the judge's adapter")
    judge_path()
