"""Rows that any corpus gives without an LLM: what gains as much is no merit of the data.

| placebo | pairs |
|---|---|
| shuffled | a question with the passage of another one |
| echo | a question with its own content words |
| inverse_cloze | a sentence with the rest of its passage |
| title | a title, with its headings, and the passage below it |
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilabel_rag4rag.data.bm25 import terms
from distilabel_rag4rag.data.chunking import sentences_of
from distilabel_rag4rag.data.groups import passage_groups
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.utils.text import has_text

Pair = tuple[str, str]
Passage = Mapping[str, Any]

SHUFFLED, ECHO, INVERSE_CLOZE, TITLE = PLACEBOS = ("shuffled", "echo", "inverse_cloze", "title")
#: Words that a sentence must have to stand for a question.
FEWEST_WORDS = 4


@dataclass(frozen=True)
class TrainingSet:
    """Rows to train on, and what they are.

    Attributes:
        name: such as `echo`.
        about: what the pairs are, in words.
        pairs: anchor and positive.
        is_data: whether it is what the study is about, and no placebo.
    """

    name: str
    about: str
    pairs: list[Pair]
    is_data: bool = False


def placebos(pairs: Sequence[Pair], passages: Sequence[Passage], seed: int) -> list[TrainingSet]:
    """The placebos for some rows; as many rows each, or fewer where the corpus gives no more.

    Args:
        pairs: question and passage of each row of the data.
        passages: `context`, `title` and `heading_path` of all that may be trained on.
        seed: of what is drawn.
    """
    own = {passage for _, passage in pairs}
    order = list(passages)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda passage: passage["context"] not in own)  # the data's own come first
    made = [
        TrainingSet(SHUFFLED, "question, passage of another one", shuffled(pairs, seed)),
        TrainingSet(ECHO, "question, its own content words", echo(q for q, _ in pairs)),
        TrainingSet(
            INVERSE_CLOZE,
            "sentence, rest of its passage",
            inverse_cloze(order, len(pairs), seed),
        ),
        TrainingSet(TITLE, "title and headings, passage", titles(order, len(pairs))),
    ]
    return [placebo for placebo in made if placebo.pairs]


def shuffled(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Each question with the passage of another; none keeps its own."""
    rng = random.Random(seed)
    positives = [passage for _, passage in pairs]
    rng.shuffle(positives)
    for number, (_, own) in enumerate(pairs):
        if positives[number] != own:
            continue
        others = [
            other
            for other, (_, theirs) in enumerate(pairs)
            if positives[other] != own and theirs != positives[number]
        ]
        if others:
            other = rng.choice(others)
            positives[number], positives[other] = positives[other], positives[number]
    return [
        (question, passage)
        for (question, own), passage in zip(pairs, positives, strict=True)
        if passage != own
    ]


def echo(questions: Iterable[str]) -> list[Pair]:
    """Each question with its words but for the function words."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    ignored = set(STOPWORDS_EN_PLUS)
    found = []
    for question in questions:
        words = terms(question)
        content = [word for word in words if word not in ignored] or words
        if content:
            found.append((question, " ".join(content)))
    return found


def inverse_cloze(passages: Sequence[Passage], count: int, seed: int) -> list[Pair]:
    """A sentence of each passage with the rest of it; further ones where there are too few."""
    rng = random.Random(seed)
    left = []
    for passage in passages:
        sentences = [text for text in sentences_of(passage["context"]) if has_text(text)]
        long = [n for n, text in enumerate(sentences) if len(text.split()) >= FEWEST_WORDS]
        if len(sentences) > 1 and long:
            rng.shuffle(long)
            left.append((sentences, long))
    found: list[Pair] = []
    while left and len(found) < count:
        for sentences, long in left[: count - len(found)]:
            chosen = long.pop()
            rest = " ".join(sentences[:chosen] + sentences[chosen + 1 :])
            found.append((sentences[chosen].strip(), rest))
        left = [item for item in left if item[1]]
    return found


def titles(passages: Sequence[Passage], count: int) -> list[Pair]:
    """The title of each passage, with its headings, and the passage."""
    found: dict[Pair, None] = {}
    for passage in passages:
        heading = list(dict.fromkeys(_headings(passage)))
        if heading:
            found.setdefault((" ".join(heading), passage["context"]))
    return list(found)[:count]


def _headings(passage: Passage) -> Iterator[str]:
    path = passage.get("heading_path")
    for text in (passage.get("title"), *(path if isinstance(path, list | tuple) else ())):
        if has_text(text):
            yield text


def passages_to_train_on(
    passages: Sequence[Passage], held_out: Sequence[RetrievalData]
) -> list[Passage]:
    """The passages that do not belong together with what a held-out split asks about.

    Args:
        passages: `passage_id`, as in the sets, `context`, `document_id`, `title`, `start`, `end`.
        held_out: the validation and test splits.
    """
    asked = {key for data in held_out for query in data.queries for key in data.relevant(query)}
    groups = passage_groups(passages)
    pairs = list(zip(passages, groups, strict=True))
    closed = {group for passage, group in pairs if passage["passage_id"] in asked}
    return [passage for passage, group in pairs if group not in closed]
