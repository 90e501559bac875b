"""How often the checks on question and answer flag human answers, and answers to other questions.

    python benchmarks/answer_checks.py squad.json

For each question of a file in SQuAD's form: its own answer, and the answers to all other questions
about the same paragraph that neither hold it nor stand in it. Shares of each that are flagged.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from distilabel_rag4rag import MarkAnswersQuestion, MarkInformative
from distilabel_rag4rag.data.rows import load_rows
from distilabel_rag4rag.utils.text import has_text

Row = dict[str, Any]


def answers(source: str) -> tuple[list[Row], list[Row]]:
    """Questions with their own answers, and with those to others."""
    by_passage: dict[str, list[Row]] = defaultdict(list)
    for row in load_rows(source):
        if has_text(row["human_answer"]):
            by_passage[row["context"]].append({**row, "contexts": row["context"]})
    own = [{**row, "answer": row["human_answer"]} for rows in by_passage.values() for row in rows]
    others = [
        {**row, "answer": other["human_answer"]}
        for rows in by_passage.values()
        for row in rows
        for other in rows
        if not _overlap(row["human_answer"], other["human_answer"])
    ]
    return own, others


def _overlap(one: str, other: str) -> bool:
    one, other = one.casefold(), other.casefold()
    return one in other or other in one


def flagged(mark: Any, rows: Sequence[Row]) -> float:
    """The share of the rows that do not pass."""
    return sum(mark.reason(row) is not None for row in rows) / len(rows)


def main() -> None:
    """Prints the table."""
    own, others = answers(sys.argv[1])
    print(f"| check | {len(own)} own answers | {len(others)} answers to other questions |")
    print("|---|---|---|")
    marks: dict[str, Any] = {
        "informative": MarkInformative(),
        "answers_question, kind alone": MarkAnswersQuestion(margin=1),
    }
    for margin in (0.25, 0.3, 0.35, 0.4, 0.45):
        marks[f"answers_question, margin {margin}"] = MarkAnswersQuestion(margin=margin)
    for name, mark in marks.items():
        print(f"| {name} | {flagged(mark, own):.1%} | {flagged(mark, others):.1%} |")


if __name__ == "__main__":
    main()
