"""A build in sentences, for the terminal."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from distilabel_rag4rag.comparison import formatting
from distilabel_rag4rag.report.funnel import Stage
from distilabel_rag4rag.report.write_build_report import report_values
from distilabel_rag4rag.utils.text import counted


def build_sentences(
    rows: Sequence[Mapping[str, Any]], stages: Sequence[Stage], record: Mapping[str, Any]
) -> list[str]:
    """What was made, how well retrievers find it already, and of an estimate what all would take.

    Args:
        rows, stages, record: as in `write_build_report`.
    """
    values = report_values(rows, stages, record)
    found = []
    if values["repairs"]:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in values["repairs"].items())
        found.append(f"Flagged answers asked for again: {outcomes}.")
    for name, retriever in values["retrievers"].items():
        found.append(
            f"nDCG@10 of {name} on the accepted questions: {formatting.number(retriever.ndcg)};"
            f" {retriever.first:.0%} at rank 1."
        )
    gain = values["smallest_gain"]
    if gain is not None:
        found.append(f"A test split of a tenth of the documents shows gains from {gain:.2f} on.")
    easiness = values["easiness"]
    if easiness.copied is not None:
        found.append(
            f"{easiness.copied:.0%} of a question's content words stand in its passage"
            f" (questions of people on SQuAD: {easiness.human_copied:.0%})."
        )
    if stages_taken := record.get("stages"):
        took = ", ".join(f"{s['stage']} {seconds(s['seconds'])}" for s in stages_taken)
        found.append(f"Time of the stages, which overlap: {took}.")
    if record["settings"].get("estimate"):
        found += _estimate(values["kept"], record)
    return found


def seconds(number: float) -> str:
    """`0.4 s`, `12 s`, `7 min`."""
    if number >= 120:
        return f"{number / 60:.0f} min"
    return f"{number:.0f} s" if number >= 10 else f"{number:.1f} s"


def _estimate(kept: int, record: Mapping[str, Any]) -> list[str]:
    """What all passages, or the rows that are asked for, would take."""
    settings = record["settings"]
    asked, passages = record["passages_asked"], record["passages_to_ask"]
    wanted = settings.get("rows")
    if wanted and kept:
        needed = ceil(wanted * asked / kept)
        if needed <= passages:
            passages = needed
    factor = passages / asked
    tokens = [ceil(factor * record[name]) for name in ("input_tokens", "output_tokens")]
    seconds = factor * record["asking_seconds"]
    lines = [
        f"Estimate for {counted(passages, 'passage')}, from {asked}: about"
        f" {factor * kept:,.0f} rows, {tokens[0]:,} tokens read, {tokens[1]:,} written,"
        f" {seconds / 60:,.0f} minutes."
    ]
    prices = [settings.get("price_input"), settings.get("price_output")]
    if any(price is not None for price in prices):
        money = sum((price or 0) * count / 1e6 for price, count in zip(prices, tokens, strict=True))
        lines.append(f"At the prices given: {money:,.2f}.")
    return lines
