"""What an LLM answers to the training questions, with and without the passage.

Small LLMs are wrong in the ways that the judge has to notice. The steps are those of
`rag4rag compare`; what was answered is kept in the user's cache, so a second run does not ask.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from train_judge_items import Item
from train_judge_text import WORD, content

from distilabel_rag4rag import ClosedBookAnswerGeneration, GroundedAnswerGeneration
from distilabel_rag4rag.experiment.few_shot import plain_answer_settings
from distilabel_rag4rag.experiment.models import Models
from distilabel_rag4rag.experiment.settings import ModelSettings
from distilabel_rag4rag.models.packaged import EMBEDDED


def ask(items: Sequence[Item], llm: str, report: Callable[[str], None]) -> None:
    """Puts the LLM's answers into the items: from memory in a few words and in a sentence, and
    from the passage in a few words.

    Args:
        items: the questions.
        llm: "embedded", or CLASS:MODEL as `--llm` of the command line.
        report: called with a line after each way.
    """
    if not items:
        return
    models = Models(ModelSettings(llm=llm))
    plain: dict[str, Any] = plain_answer_settings() if llm == EMBEDDED else {}
    memory = models.llm("Answer:")
    for way, task in (
        ("closed_book", ClosedBookAnswerGeneration(llm=memory, style="short")),
        ("closed_book", ClosedBookAnswerGeneration(llm=memory, style="sentence")),
        ("grounded", GroundedAnswerGeneration(llm=models.llm(), abstain=False, **plain)),
    ):
        rows = [{"question": item.question, "contexts": item.passage} for item in items]
        task.load()
        answered = next(task.process(rows))
        task.unload()
        given = 0
        for item, row in zip(items, answered, strict=True):
            if row["answer"]:
                given += 1
                getattr(item, way).append(row["answer"])
        report(f"{way}, {task.style}: {given} answers to {len(items)} questions")


def is_wrong(answer: str, item: Item) -> bool:
    """Whether an answer shares nothing with the right one; doubtful ones are not."""
    if not content(answer) and not re.search(r"\d", answer):
        return False
    right = set(content(item.answer)) or set(WORD.findall(item.answer.lower()))
    asked = set(content(item.question))
    return not (right - asked or right) & set(WORD.findall(answer.lower()))


def is_right(answer: str, item: Item) -> bool:
    """Whether an answer holds all words of the right one, in a row."""
    said, right = (" ".join(WORD.findall(text.lower())) for text in (answer, item.answer))
    return f" {right} " in f" {said} "
