"""The questions and passages to train on, from the files that a user names.

All three kinds of source are optional, and any of them is enough: questions with the passages that
answer them, questions with hallucinated answers in HaluEval's form, and plain documents.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from distilabel_rag4rag.data.corpus import read_corpus
from distilabel_rag4rag.data.rows import load_rows
from distilabel_rag4rag.data.words import word_offsets

#: The longest passage that a document is cut into, in words and signs.
PASSAGE_WORDS = 280
#: Of this many documents, or of HaluEval's questions, one is for tuning.
FOLDS = 5


@dataclass
class Item:
    """A question with a right answer and the passage that holds it."""

    source: str  # questions | hallucinated | documents
    document: str
    passage: str
    question: str
    answer: str
    wrong: list[str] = field(default_factory=list)  # given as hallucinated
    closed_book: list[str] = field(default_factory=list)  # an LLM's, without the passage
    grounded: list[str] = field(default_factory=list)  # an LLM's, with the passage
    others: list[str] = field(default_factory=list)  # answers to the passage's other questions
    sentence: str = ""  # of a question made by rule: where the answer stands


class Passage(NamedTuple):
    """A passage and where it is from."""

    source: str
    document: str
    text: str


def read_questions(files: Iterable[Path]) -> list[Item]:
    """Questions with their passages, in any form that `rag4rag compare` reads."""
    items = []
    for file in files:
        for row in load_rows(str(file)):
            if row["human_answer"] and row["answerable"] is not False:
                document = str(row["title"] or row["passage_id"])
                question = row["question"].strip()
                items.append(
                    Item("questions", document, row["context"], question, row["human_answer"])
                )
    for item in items:
        item.others = [
            other.answer
            for other in items
            if other.passage == item.passage and other.question != item.question
        ]
    return items


def read_hallucinated(files: Iterable[Path]) -> list[Item]:
    """HaluEval's questions, each once, with all the hallucinated answers that the files give."""
    items: dict[str, Item] = {}
    for file in sorted(files):
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            question = row["question"].strip()
            if question not in items:
                # Its passages follow each other without a space.
                text = re.sub(r"(?<=[a-z0-9)\"])\.(?=[A-Z\"])", ". ", row["knowledge"].strip())
                answer = row["right_answer"].strip()
                items[question] = Item("hallucinated", question, text, question, answer)
            items[question].wrong.append(row["hallucinated_answer"].strip())
    return list(items.values())


def read_passages(items: Sequence[Item], documents: Sequence[Path]) -> list[Passage]:
    """The passages of the questions and of the documents, each once."""
    passages = [Passage(item.source, item.document, item.passage) for item in items]
    if documents:
        for row in read_corpus(list(documents), word_offsets, PASSAGE_WORDS).passages:
            if row["keep_row_after_passage"]:
                passages.append(Passage("documents", row["document_id"], row["context"]))
    return list({passage.text: passage for passage in passages}.values())


def held_out(passages: Iterable[Passage], fold: int) -> set[str]:
    """The documents that nothing is trained on: of each source every fifth by name."""
    by_source: dict[str, set[str]] = {}
    for passage in passages:
        by_source.setdefault(passage.source, set()).add(passage.document)
    return {name for names in by_source.values() for name in sorted(names)[fold::FOLDS]}
