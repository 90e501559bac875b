"""Scores for distillation: of a cross-encoder, of a judge, or of BM25 and an embedder together."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from distilabel_rag4rag.data.bm25 import Bm25
from distilabel_rag4rag.errors import ConfigError, RunFailed, describe
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.training.models import load_retriever

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

#: Teachers that are no cross-encoder. `fusion:MODEL` takes another embedder than the one that is
#: trained, `judge:MODEL` another judge than the packaged one.
FUSION, JUDGE = "fusion", "judge"
#: Negatives that a teacher scores where the rows have none.
NEGATIVES = 7


def with_scores(
    rows: "Dataset",
    teacher: str,
    model: "SentenceTransformer",
    device: str | None = None,
    answers: Mapping[str, str] | None = None,
    passages: Collection[str] = (),
) -> "Dataset":
    """The rows with `score`, a teacher's scores of the positive and of each negative.

    Scores beyond 1 are divided by the largest, so that they are of the size of a cosine.

    Args:
        rows: `anchor`, `positive` and negatives. Rows without negatives get the nearest passages.
        teacher: `fusion`, `fusion:MODEL`, `judge`, `judge:MODEL`, or the folder or Hub id of a
            cross-encoder.
        model: the embedder of `fusion`, and what finds negatives; `fusion:MODEL` names another.
        device: of the cross-encoder.
        answers: question -> its accepted answer, for a judge: a passage scores as high as it
            supports the answer.
        passages: where negatives are looked for.

    Raises:
        ConfigError: if a model cannot be loaded, there are no negatives, or the judge lacks
            answers.
    """
    kind, _, named = teacher.partition(":")
    if kind == JUDGE:
        _check_answers(rows["anchor"], answers or {})
    if kind == FUSION and named:
        model = load_retriever(named, device=device, field="teacher")
    rows = _with_negatives(rows, passages, model)
    texts = [name for name in rows.column_names if name not in ("anchor", "score")]
    scored = [list(values) for values in zip(*(rows[name] for name in texts), strict=True)]
    anchors = list(rows["anchor"])
    if kind == FUSION:
        scores = _fusion(anchors, scored, model)
    elif kind == JUDGE:
        scores = _judge(anchors, scored, answers or {}, named or EMBEDDED)
    else:
        scores = _cross_encoder(anchors, scored, teacher, device)
    largest = max(1.0, float(np.abs(scores).max()))
    kept = rows.remove_columns([name for name in ("score",) if name in rows.column_names])
    return kept.add_column("score", (scores / largest).tolist())


def has_negatives(rows: "Dataset") -> bool:
    """Whether the rows have other texts than anchor and positive."""
    return bool({*rows.column_names} - {"anchor", "positive", "score"})


def _with_negatives(
    rows: "Dataset", passages: Collection[str], model: "SentenceTransformer"
) -> "Dataset":
    """The rows as they are, or with the passages that are nearest to the anchor."""
    from sentence_transformers.util import semantic_search

    if has_negatives(rows):
        return rows
    if len(passages) <= NEGATIVES:
        raise ConfigError(
            "source",
            f"{len(passages)} passages to train on",
            f"more than {NEGATIVES}, since a teacher scores so many negatives for each question",
        )
    texts = list(passages)
    options: dict[str, Any] = {"convert_to_tensor": True, "show_progress_bar": False}
    found = semantic_search(
        model.encode_query(list(rows["anchor"]), **options),
        model.encode_document(texts, **options),
        top_k=NEGATIVES + 1,
    )
    nearest = [
        [text for text in (texts[int(hit["corpus_id"])] for hit in hits) if text != positive]
        for hits, positive in zip(found, rows["positive"], strict=True)
    ]
    for number in range(NEGATIVES):
        rows = rows.add_column(f"negative_{number + 1}", [own[number] for own in nearest])
    return rows


def _cross_encoder(
    anchors: Sequence[str], passages: Sequence[Sequence[str]], teacher: str, device: str | None
) -> Any:
    from sentence_transformers import CrossEncoder

    try:
        encoder = CrossEncoder(teacher, device=device)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "teacher",
            teacher,
            f"'{FUSION}', '{JUDGE}' or a cross-encoder that sentence-transformers loads",
            f"{describe(error, 1)}.",
        ) from error
    pairs = [(anchor, text) for anchor, own in zip(anchors, passages, strict=True) for text in own]
    scores = np.asarray(encoder.predict(pairs, show_progress_bar=False), dtype=float)
    return scores.reshape(len(anchors), -1)


def _check_answers(anchors: Sequence[str], answers: Mapping[str, str]) -> None:
    if without := sum(anchor not in answers for anchor in anchors):
        raise ConfigError(
            "teacher",
            JUDGE,
            "the answer to each question that is trained on",
            f"{without} of {len(anchors)} have none: name the folder of `build`, whose rows hold"
            " them, not that of an export.",
        )


def _judge(
    anchors: Sequence[str],
    passages: Sequence[Sequence[str]],
    answers: Mapping[str, str],
    model: str,
) -> Any:
    """How sure the judge is that a passage supports the question's answer."""
    from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

    judge = LettuceDetectJudge(model=model)
    judge.load()
    rows = [
        {"question": anchor, "contexts": [text], "answer": answers[anchor]}
        for anchor, own in zip(anchors, passages, strict=True)
        for text in own
    ]
    judged = next(judge.process(rows))
    judge.unload()
    if failed := [row["judge_reason"] for row in judged if row["hallucination_score"] is None]:
        raise RunFailed(f"teacher: {len(failed)} passages were not judged: {failed[0]}")
    scores = [1 - row["hallucination_score"] for row in judged]
    return np.asarray(scores, dtype=float).reshape(len(anchors), -1)


def _fusion(
    anchors: Sequence[str], passages: Sequence[Sequence[str]], model: "SentenceTransformer"
) -> Any:
    """The mean of the cosine and of BM25's score, divided by the best one of all passages."""
    distinct = list(dict.fromkeys(text for own in passages for text in own))
    place = {text: number for number, text in enumerate(distinct)}
    options: dict[str, Any] = {"normalize_embeddings": True, "show_progress_bar": False}
    vectors = model.encode_document(distinct, **options)
    queries = model.encode_query(list(anchors), **options)
    index = Bm25(distinct)
    rows = []
    for anchor, query, own in zip(anchors, queries, passages, strict=True):
        places = [place[text] for text in own]
        words = index.scores(anchor)
        rows.append((vectors[places] @ query + words[places] / max(float(words.max()), 1e-9)) / 2)
    return np.asarray(rows, dtype=float)
