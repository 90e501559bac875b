"""Answers in tables of Markdown."""

import re

from distilabel_rag4rag.schema import NOT_UNDERSTOOD, NOTHING_LEFT
from distilabel_rag4rag.steps.tasks.replies.context import Context
from distilabel_rag4rag.steps.tasks.replies.json_replies import answer_in
from distilabel_rag4rag.steps.tasks.replies.languages import kind_of
from distilabel_rag4rag.steps.tasks.replies.passages import words
from distilabel_rag4rag.steps.tasks.replies.reply import NoAnswerError

_RULE = re.compile(r"[\s|:+\-=]+")


def from_table(text: str, context: Context) -> str:
    """The cell of a Markdown table that holds the answer."""
    lines = [line.strip() for line in text.strip().split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.startswith("|") for line in lines[:2]):
        return text
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|") and not _RULE.fullmatch(line)
    ]
    if not table:
        raise NoAnswerError(NOTHING_LEFT)
    header = [_is_answer(cell) for cell in table[0]]
    if len(table) > 1 and sum(header) == 1 and all(len(row) == len(header) for row in table):
        cells = [row[header.index(True)] for row in table[1:]]
    elif rows := [row for row in table if len(row) == 2 and _is_answer(row[0])]:
        cells = [row[1] for row in rows]
    elif {len(row) for row in table} == {1} and len(table) == 1:
        cells = table[0]
    else:
        raise NoAnswerError(NOT_UNDERSTOOD)
    return answer_in(list(cells), context)


def _is_answer(cell: str) -> bool:
    return kind_of(words(cell)) in ("answer", "response")
