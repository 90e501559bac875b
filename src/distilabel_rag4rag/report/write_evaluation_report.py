"""Writes evaluation.json, report.html and report.md of retrievers on the same queries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from distilabel_rag4rag.comparison import formatting
from distilabel_rag4rag.comparison.rankings import DEPTH, MEASURES, NDCG
from distilabel_rag4rag.comparison.retrieval_evaluation import RetrievalEvaluation, RetrieverPair
from distilabel_rag4rag.report.charts import as_svg, style
from distilabel_rag4rag.report.render import render
from distilabel_rag4rag.utils.atomic import write_whole
from distilabel_rag4rag.utils.text import counted

EVALUATION_FILE = "evaluation.json"
#: Queries of each kind that are shown.
SHOWN = 10
GAIN, LOSS = "#3f8f7a", "#d0563b"


@dataclass(frozen=True)
class ChangedQuery:
    """A query that one retriever answers better than the other.

    Attributes:
        query: its text.
        before, after: nDCG@10 with each.
        passages: relevant ones: text, and rank before and after (None: not among those kept).
        instead: the text that the retriever with the lower figure ranks first, if it is not
            relevant.
    """

    query: str
    before: float
    after: float
    passages: list[tuple[str, int | None, int | None]]
    instead: str | None


def write_evaluation_report(
    evaluations: Sequence[RetrievalEvaluation], record: Mapping[str, Any], out: Path
) -> list[Path]:
    """Writes the report of an evaluation, and its figures as JSON.

    Args:
        evaluations: each is a section.
        record: what was run, such as `settings` and `seconds`; `title` and `sentences`, which
            stand above all, where they are given; `study`, a table of a study.
        out: the folder.

    Returns:
        The files: evaluation.json, report.html and report.md.
    """
    values = {
        "title": record.get("title", "Retrievers on the same queries"),
        "sentences": record.get("sentences", ()),
        "studies": record.get("studies", ()),
        "record": record,
        "measures": MEASURES,
        "sections": [section_values(evaluation, n) for n, evaluation in enumerate(evaluations)],
    }
    content = {
        "record": {name: value for name, value in record.items() if name != "studies"},
        "studies": [study.to_dict() for study in record.get("studies", ())],
        "evaluations": [evaluation.to_dict() for evaluation in evaluations],
    }
    files = {
        EVALUATION_FILE: json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n",
        "report.html": render("evaluation.html.j2", values),
        "report.md": render("evaluation.md.j2", values),
    }
    for name, text in files.items():
        with write_whole(out / name) as part:
            part.write_bytes(text)
    return [out / name for name in files]


def section_values(evaluation: RetrievalEvaluation, number: int = 0) -> dict[str, Any]:
    """What the templates say of one evaluation."""
    pair = evaluation.pairs[-1] if evaluation.pairs else None
    best, worst = changed_queries(evaluation, pair) if pair else ([], [])
    return {
        "evaluation": evaluation,
        "id": f"evaluation-{number}",
        "about": describe_data(evaluation),
        "pair": pair,
        "says": [describe_pair(pair) for pair in evaluation.pairs],
        "chart": Markup(_gains(evaluation, pair, f"gains{number}")) if pair else None,
        "better": best,
        "worse": worst,
    }


def describe_data(evaluation: RetrievalEvaluation) -> str:
    """`307 queries about 12 documents, 364 passages searched`."""
    queries = len(evaluation.data.queries)
    of = "" if evaluation.clusters == queries else f" in {counted(evaluation.clusters, 'cluster')}"
    return (
        f"{counted(queries, 'query', 'queries')}{of},"
        f" {counted(len(evaluation.data.corpus), 'passage')} searched"
    )


def describe_pair(pair: RetrieverPair) -> str:
    """The difference of two retrievers in a sentence that claims no more than was shown."""
    better = counted(pair.better, "query", "queries")
    text = (
        f"{pair.b} against {pair.a}: nDCG@10 {formatting.gain(pair.difference)},"
        f" {better} better and {pair.worse} worse"
    )
    if pair.difference.leaves_out_zero:
        return f"{text}."
    if not pair.smallest_difference:  # too few queries, or all scores are the same
        return f"{text}: no difference is shown."
    return (
        f"{text}: no difference is shown; these queries show one from"
        f" {pair.smallest_difference:.3f} on."
    )


def changed_queries(
    evaluation: RetrievalEvaluation, pair: RetrieverPair, most: int = SHOWN
) -> tuple[list[ChangedQuery], list[ChangedQuery]]:
    """The queries that got better most, and those that got worse most."""
    a, b = (evaluation.scores[name] for name in (pair.a, pair.b))
    gains = {query: b[query][NDCG] - a[query][NDCG] for query in evaluation.data.queries}
    order = sorted(gains, key=lambda query: -gains[query])
    better = [query for query in order[:most] if gains[query] > 1e-9]
    worse = [query for query in order[::-1][:most] if gains[query] < -1e-9]
    return (
        [_changed(evaluation, pair, query) for query in better],
        [_changed(evaluation, pair, query) for query in worse],
    )


def _changed(evaluation: RetrievalEvaluation, pair: RetrieverPair, query: str) -> ChangedQuery:
    data = evaluation.data
    runs = [evaluation.runs[name].get(query, ()) for name in (pair.a, pair.b)]
    figures = [evaluation.scores[name][query][NDCG] for name in (pair.a, pair.b)]
    relevant = data.relevant(query)
    lower = runs[0] if figures[0] < figures[1] else runs[1]
    first = lower[0] if lower and lower[0] not in relevant else None
    passages = [
        (data.corpus.get(key, ""), _rank(runs[0], key), _rank(runs[1], key)) for key in relevant[:3]
    ]
    return ChangedQuery(
        data.queries[query],
        figures[0],
        figures[1],
        passages,
        None if first is None else data.corpus[first],
    )


def _rank(run: Sequence[str], key: str) -> int | None:
    kept = list(run[:DEPTH])
    return kept.index(key) + 1 if key in kept else None


def _gains(evaluation: RetrievalEvaluation, pair: RetrieverPair, name: str) -> str:
    """Each query's gain as a bar, sorted, as SVG."""
    from matplotlib.figure import Figure

    a, b = (evaluation.scores[name] for name in (pair.a, pair.b))
    gains = sorted((b[query][NDCG] - a[query][NDCG] for query in b), reverse=True)
    with style():
        figure = Figure(figsize=(7.2, 2.6), layout="constrained")
        axes = figure.add_subplot()
        colours = [GAIN if gain > 0 else LOSS for gain in gains]
        axes.bar(range(len(gains)), gains, width=1.0, color=colours)
        axes.axhline(0, linewidth=0.8, color="#6f747c")
        axes.set_ylim(-1, 1)
        axes.set_xlabel("queries, sorted")
        axes.set_title("Gain in nDCG@10 of each query")
        return as_svg(figure, name)
