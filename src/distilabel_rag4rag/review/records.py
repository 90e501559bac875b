"""Rows as records that the server accepts and whose spans the page shows at the right words."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from distilabel_rag4rag.data.values import plain
from distilabel_rag4rag.review.connect import import_argilla
from distilabel_rag4rag.review.page_text import page_text
from distilabel_rag4rag.review.settings import ARM_FIELD, SPAN_LABEL
from distilabel_rag4rag.schema import HUMAN, OLD_ARM_NAMES, REPAIRED
from distilabel_rag4rag.utils.text import has_text, replace_surrogates

if TYPE_CHECKING:
    import pandas as pd
    from argilla import Record, Suggestion

#: Rows of these arms have no answer of an LLM of their own.
NOT_REVIEWED = (HUMAN, REPAIRED, *OLD_ARM_NAMES)
#: The name of the arm where the rows have none.
ONLY_ARM = "answers"
#: Who suggests the spans.
AGENT = "LettuceDetect"


def rows_to_review(rows: Any) -> "tuple[pd.DataFrame, dict[str, int]]":
    """The rows with an answer to review, and how many others there are, by reason.

    Returns:
        A table with `arm`, `id`, `score` (NaN: not judged), `record_id`, and `row`, the row
        itself as plain Python values; and reason -> rows left out.
    """
    import pandas as pd

    dicts = rows.to_dict("records") if hasattr(rows, "iterrows") else rows
    kept: list[dict[str, Any]] = []
    left_out: dict[str, int] = {}
    seen: set[str | None] = set()
    for given in dicts:
        row = {name: _python(value) for name, value in given.items()}
        row["arm"] = str(row.get("arm") or ONLY_ARM)
        reason = _reason(row)
        key = None if reason else record_id(row)
        if key in seen:
            reason = "the same row again"
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        seen.add(key)
        score = row.get("hallucination_score")
        score = min(max(score, 0.0), 1.0) if _is_number(score) else math.nan
        kept.append(
            {
                "arm": replace_surrogates(row["arm"]),
                "id": replace_surrogates(str(row["id"])),
                "score": score,
                "record_id": key,
                "row": row,
            }
        )
    return pd.DataFrame(kept, columns=["arm", "id", "score", "record_id", "row"]), left_out


def _reason(row: dict[str, Any]) -> str | None:
    if row["arm"] in NOT_REVIEWED:
        return f"arm {row['arm']}"
    if row.get("abstained") is True:
        return "abstained"
    if not has_text(row.get("answer")):
        return "no answer"
    if not has_text(row.get("question")) or not has_text(_evidence(row)):
        return "no question or no passage"
    return None if row.get("id") is not None else "no id"


def record_id(row: Mapping[str, Any]) -> str:
    """The same for the same question, passage and answer of an arm, and no hint of the arm.

    A new answer is a new record: what people said of the old one is not said of it.
    """
    parts = [row["arm"], str(row["id"]), row["question"], _evidence(row), row["answer"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def valid_spans(spans: Any, length: int) -> list[dict[str, Any]]:
    """Sorted, not empty, inside the text, not overlapping; confidence in [0, 1] or None."""
    usable = []
    for span in spans if isinstance(spans, list) else []:
        if not isinstance(span, Mapping) or not all(_is_number(span.get(k)) for k in _ENDS):
            continue
        start, end = max(0, int(span["start"])), min(length, int(span["end"]))
        if start < end:
            score = span.get("confidence")
            score = min(max(float(score), 0.0), 1.0) if _is_number(score) else None
            usable.append({"start": start, "end": end, "confidence": score})
    joined: list[dict[str, Any]] = []
    for span in sorted(usable, key=lambda s: (s["start"], s["end"])):
        if joined and span["start"] < joined[-1]["end"]:
            last = joined[-1]
            last["end"] = max(last["end"], span["end"])
            scores = [s for s in (last["confidence"], span["confidence"]) if s is not None]
            last["confidence"] = max(scores, default=None)
        else:
            joined.append(span)
    return joined


_ENDS = ("start", "end")


def to_record(
    sampled: Mapping[Any, Any],
    *,
    threshold: float = 0.5,
    suggest: bool = True,
    show_arm: bool = False,
    show_human_answer: bool = False,
) -> "Record":
    """The record of a row of the sample.

    Args:
        sampled: `row`, `record_id`, `score`, `stratum` and `weight`.
        threshold: the score from which an answer is flagged.
        suggest: with the judge's spans; without, those on the server stay.
        show_arm, show_human_answer: whether the dataset has these fields.
    """
    row, score = sampled["row"], sampled["score"]
    fields = {
        "question": page_text(row["question"], spans=False),
        "passage": page_text(_evidence(row), spans=False),
        "answer": page_text(row["answer"]),
    }
    if show_arm:
        fields[ARM_FIELD] = page_text(row["arm"], spans=False)
    if show_human_answer and has_text(row.get("human_answer")):
        fields["human_answer"] = page_text(row["human_answer"], spans=False)
    retrieval = row.get("retrieval_scores")
    metadata = {
        "score": score,
        "uncertainty": 1 - abs(score - threshold) / max(threshold, 1 - threshold),
        "row_id": str(row["id"]),
        "passage_id": None if row.get("passage_id") is None else str(row["passage_id"]),
        "arm": row["arm"],
        "retrieval_score": retrieval[0] if isinstance(retrieval, list) and retrieval else None,
        "source_rank": row.get("source_rank"),
        "stratum": sampled["stratum"],
        "weight": sampled["weight"],
    }
    typed = {name: _metadata_value(name, value) for name, value in metadata.items()}
    return import_argilla().Record(
        id=sampled["record_id"],
        fields=fields,
        metadata={name: value for name, value in typed.items() if value is not None},
        suggestions=[_suggestion(row)] if suggest else [],
    )


def _metadata_value(name: str, value: Any) -> Any:
    """The server takes no int for a float, no float for an int, and no NaN."""
    if name == "source_rank":
        return int(value) if _is_number(value) else None
    if name in ("score", "uncertainty", "retrieval_score", "weight"):
        return float(value) if _is_number(value) else None
    return replace_surrogates(value) if isinstance(value, str) else value


def _suggestion(row: Mapping[str, Any]) -> "Suggestion":
    spans = valid_spans(row.get("hallucinated_spans"), len(row["answer"]))
    scores = [span["confidence"] for span in spans]
    return import_argilla().Suggestion(
        "spans",
        value=[{"label": SPAN_LABEL, "start": s["start"], "end": s["end"]} for s in spans],
        score=scores if scores and None not in scores else None,
        agent=AGENT,
        type="model",
    )


def _evidence(row: Mapping[str, Any]) -> str:
    """The source passage, against which the judge judges; else the passages given."""
    if has_text(row.get("context")):
        return str(row["context"])
    passages = row.get("contexts") or row.get("retrieved_contexts") or []
    return "\n\n".join(filter(has_text, [passages] if isinstance(passages, str) else passages))


def _python(value: Any) -> Any:
    """Python's own values for NumPy's and pandas', at any depth; None for what is missing."""
    value = plain(value)
    if isinstance(value, list):
        return [_python(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _python(item) for name, item in value.items()}
    return value


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
