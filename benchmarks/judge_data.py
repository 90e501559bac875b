"""Rows for the judge's benchmarks, made by rule: what is supported, what is not, and where.

The SQuAD and HaluEval files are looked for in the folder that the environment's RAG4RAG_DATA names;
without them the sample world of the package is all there is.
"""

import json
import os
import random
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Question(NamedTuple):
    """A person's question about a passage."""

    article: str
    passage: str
    question: str
    answer: str


class Case(NamedTuple):
    """An answer to judge. `wrong` are its unsupported parts, None where they are not known."""

    kind: str
    contexts: tuple[str, ...]
    question: str
    answer: str
    supported: bool
    wrong: tuple[tuple[int, int], ...] | None = ()

    def row(self) -> dict[str, object]:
        """The judge's input columns."""
        return {
            "answer": self.answer,
            "contexts": list(self.contexts),
            "question": self.question,
        }


def data_folder() -> Path | None:
    """Where the SQuAD and HaluEval files are, or None."""
    named = os.environ.get("RAG4RAG_DATA")
    if named and not Path(named).is_dir():
        raise SystemExit(f"RAG4RAG_DATA: found {named!r}, expected a folder")
    return Path(named) if named else None


def squad(path: Path) -> list[Question]:
    """The questions of a file in SQuAD's format."""
    return [
        Question(article.get("title", str(number)), paragraph["context"], qa["question"], text)
        for number, article in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"])
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
        for text in [qa["answers"][0]["text"]]
    ]


def sample_world() -> list[Question]:
    """The questions of the world that the package ships."""
    return squad(Path(str(files("distilabel_rag4rag.data") / "sample_world" / "sample_world.json")))


def questions(split: str) -> list[Question]:
    """SQuAD's questions of "train" or "eval", or of the sample world without the data folder."""
    folder = data_folder()
    return squad(folder / f"squad-{split}-12-articles.json") if folder else sample_world()


def halueval(split: str) -> Iterator[Case]:
    """HaluEval's right and hallucinated answers, both turns; none without the data folder."""
    folder = data_folder()
    for path in sorted(folder.glob(f"halueval-qa-*-{split}-*.jsonl")) if folder else []:
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            for column, supported in (("right_answer", True), ("hallucinated_answer", False)):
                kind = "HaluEval right" if supported else "HaluEval hallucinated"
                contexts = (row["knowledge"],)
                yield Case(kind, contexts, row["question"], row[column], supported, None)


def part_of(split: str) -> dict[str, str]:
    """Question -> "look" or "once": every second article by name, and of HaluEval every second
    question in the file's order."""
    asked = questions(split)
    articles = sorted({item.article for item in asked})
    parts = {item.question: ("look", "once")[articles.index(item.article) % 2] for item in asked}
    known = dict.fromkeys(case.question for case in halueval(split))
    return {question: ("look", "once")[n % 2] for n, question in enumerate(known)} | parts


def answer_type(answer: str) -> str:
    """A coarse type, so that a substitution is of the same kind as what it replaces."""
    if re.fullmatch(r"\D*\d{4}\D*", answer):
        return "year"
    if re.search(r"\d", answer):
        return "number"
    return "name" if re.match(r"(the |The )?[A-ZÀ-Þ]", answer) else "phrase"


def sentence_of(passage: str, answer: str) -> str | None:
    """The sentence of the passage in which the answer stands, or None."""
    sentences = re.split(r"(?<=[.!?]) +(?=[A-Z])", passage)
    return next((sentence for sentence in sentences if answer in sentence), None)


def cases(asked: list[Question], seed: int = 0) -> Iterator[Case]:
    """Per question its answer and its answer's sentence (supported), and substitutions of both."""
    rng = random.Random(seed)
    for item in asked:
        evidence = (item.passage,)
        yield Case("human answer", evidence, item.question, item.answer, True)
        alike = [
            other
            for other in asked
            if answer_type(other.answer) == answer_type(item.answer)
            and other.answer.lower() not in item.answer.lower()
            and item.answer.lower() not in other.answer.lower()
        ]
        here = [other.answer for other in alike if other.passage == item.passage]
        away = [
            other.answer
            for other in alike
            if other.article != item.article and other.answer.lower() not in item.passage.lower()
        ]
        sentence = sentence_of(item.passage, item.answer)
        if sentence:
            yield Case("its sentence", evidence, item.question, sentence, True)
        if here:
            text = rng.choice(here)
            yield Case("same passage", evidence, item.question, text, False, ((0, len(text)),))
        if away:
            text = rng.choice(away)
            yield Case("from elsewhere", evidence, item.question, text, False, ((0, len(text)),))
        if away and sentence:
            text, at = rng.choice(away), sentence.index(item.answer)
            altered = sentence.replace(item.answer, text, 1)
            wrong = ((at, at + len(text)),)
            yield Case("sentence altered", evidence, item.question, altered, False, wrong)


def shuffled(asked: list[Question], seed: int = 0) -> Iterator[Case]:
    """Each question with the answer of another, as it comes."""
    answers = [item.answer for item in asked]
    random.Random(seed).shuffle(answers)
    for item, answer in zip(asked, answers, strict=True):
        supported = answer.lower() in item.passage.lower()
        yield Case("shuffled", (item.passage,), item.question, answer, supported, None)
