"""One label per record from what several people said, with ties left open."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from distilabel_rag4rag.review.responses import Response

Pair = tuple[int, int]


def merge(responses: Sequence[Response], answer: str) -> dict[str, Any]:
    """The gold columns of one record.

    Args:
        responses: the submitted responses, one per person; at least one.
        answer: the original answer.

    Returns:
        `gold_hallucinated`: what more than half say of those who say anything about the answer;
        None on a tie (`gold_tie`), and where no reviewer does. `gold_verdict`:
        the same of the verdicts. `gold_spans`: what at least half of those who agree with
        `gold_hallucinated` marked; None on a tie. `gold_answer`: the correction that most of those
        who wrote one agree on, else the answer itself where it is not hallucinated, else None.
        `gold_question_is_good`, `gold_suggestion` (`accepted`, `edited`, `none` or `mixed`),
        `gold_by`: names, sorted; `gold_at`: the last submission.
    """
    votes = [r.hallucinated for r in responses if r.hallucinated is not None]
    hallucinated = _majority(votes)
    agreeing = [r for r in responses if r.hallucinated == hallucinated]
    suggestions = {r.suggestion for r in responses}
    corrected = _most_common(r.corrected for r in responses if r.corrected)
    return {
        "gold_hallucinated": hallucinated,
        "gold_tie": bool(votes) and hallucinated is None,
        "gold_verdict": _majority(r.verdict for r in responses),
        "gold_spans": None if hallucinated is None else merged_spans(agreeing, answer),
        "gold_answer": corrected or (answer if hallucinated is False else None),
        "gold_question_is_good": _majority(
            r.question_is_good for r in responses if r.question_is_good is not None
        ),
        "gold_suggestion": suggestions.pop() if len(suggestions) == 1 else "mixed",
        "gold_by": sorted(r.annotator for r in responses),
        "gold_at": max(r.at for r in responses),
    }


def merged_spans(responses: Sequence[Response], answer: str) -> list[dict[str, Any]]:
    """Runs of characters that at least half of the responses mark."""
    votes = [0] * (len(answer) + 1)  # the last place ends a run that reaches the end
    for response in responses:
        for place in marked(response.spans):
            votes[place] += 1
    spans, start = [], None
    for place, count in enumerate(votes):
        inside = count > 0 and 2 * count >= len(responses)
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            spans.append({"start": start, "end": place, "text": answer[start:place]})
            start = None
    return spans


def marked(spans: Iterable[Pair]) -> set[int]:
    """The places that some span covers."""
    return {place for start, end in spans for place in range(start, end)}


def _majority(votes: Iterable[Any]) -> Any:
    """What more than half say, or None."""
    counts = Counter(votes)
    if not counts:
        return None
    vote, count = counts.most_common(1)[0]
    return vote if 2 * count > counts.total() else None


def _most_common(texts: Iterable[str]) -> str | None:
    """The text said most often; None if two are said equally often."""
    counts = Counter(texts).most_common(2)
    is_tie = len(counts) == 2 and counts[0][1] == counts[1][1]
    return None if not counts or is_tie else counts[0][0]
