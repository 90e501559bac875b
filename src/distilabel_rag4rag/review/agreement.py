"""How far people agree: kappa on the labels, F1 on the spans."""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from distilabel_rag4rag.review.merge import marked
from distilabel_rag4rag.review.responses import Response


def agreement(responses: Sequence[Response]) -> dict[str, Any]:
    """Agreement on the records that more than one person answered.

    Returns:
        `records`: how many those are. `kappa` and `verdict_kappa`: on hallucinated or not, and on
        the verdicts; Cohen's where the same two people answered all of them, else Fleiss' on the
        records with the most common number of answers (`kappa_records`); `kappa_kind` says which.
        None where it is not defined, as when all say the same. `span_f1`: shared marked
        characters, 2 |A and B| / (|A| + |B|), summed over all pairs of people and records; None
        if no reviewer marked any. `pairs`: the same figures for each two people.
    """
    by_record: dict[str, dict[str, Response]] = defaultdict(dict)
    for response in responses:
        by_record[response.record_id][response.annotator] = response
    shared = [answers for answers in by_record.values() if len(answers) > 1]
    people = sorted({name for answers in shared for name in answers})
    pairs = {}
    for a, b in combinations(people, 2):
        both = [(answers[a], answers[b]) for answers in shared if a in answers and b in answers]
        if both:
            pairs[f"{a}, {b}"] = _pair(both)
    every_pair = [pair for answers in shared for pair in combinations(answers.values(), 2)]
    found: dict[str, Any] = {
        "records": len(shared),
        "kappa_kind": None,
        "kappa": None,
        "verdict_kappa": None,
        "kappa_records": 0,
        "span_f1": _span_f1(every_pair),
        "pairs": pairs,
    }
    if len(people) == 2:
        (only,) = pairs.values()
        found |= {"kappa_kind": "Cohen", "kappa_records": len(shared)}
        found |= {name: only[name] for name in ("kappa", "verdict_kappa")}
    elif shared:
        sizes = [len(answers) for answers in shared]
        most_common = max(sorted(set(sizes), reverse=True), key=sizes.count)
        even = [list(answers.values()) for answers in shared if len(answers) == most_common]
        found |= {
            "kappa_kind": "Fleiss",
            "kappa_records": len(even),
            "kappa": _fleiss([[str(r.hallucinated) for r in answers] for answers in even]),
            "verdict_kappa": _fleiss([[r.verdict for r in answers] for answers in even]),
        }
    return found


def _pair(both: list[tuple[Response, Response]]) -> dict[str, Any]:
    a, b = zip(*both, strict=True)
    return {
        "records": len(both),
        "kappa": _cohen([str(r.hallucinated) for r in a], [str(r.hallucinated) for r in b]),
        "verdict_kappa": _cohen([r.verdict for r in a], [r.verdict for r in b]),
        "span_f1": _span_f1(both),
    }


def _cohen(a: list[Any], b: list[Any]) -> float | None:
    if len({*a, *b}) < 2:  # undefined: where all say the same, so does chance
        return None
    return _defined(cohen_kappa_score(a, b))


def _fleiss(ratings: list[list[Any]]) -> float | None:
    if len({rating for row in ratings for rating in row}) < 2:
        return None
    codes = sorted({str(rating) for row in ratings for rating in row})
    table, _ = aggregate_raters([[codes.index(str(r)) for r in row] for row in ratings])
    return _defined(fleiss_kappa(table))


def _span_f1(pairs: Sequence[tuple[Response, Response]]) -> float | None:
    common = total = 0
    for a, b in pairs:
        places_a, places_b = marked(a.spans), marked(b.spans)
        common += len(places_a & places_b)
        total += len(places_a) + len(places_b)
    return 2 * common / total if total else None


def _defined(kappa: float) -> float | None:
    return None if math.isnan(kappa) else float(kappa)
