"""Training examples for the judge, made by rule from the training files and SmolLM2's inventions.

An example is what LettuceDetect sees: passages, a question and an answer, with a label for every
piece of the answer: SUPPORTED, UNSUPPORTED or UNSURE (left out of the loss). Every call of
`Maker.group` makes new ones: other passages, other cuts, other phrasing, and in most of them
invented names and numbers in the place of the real ones, in passages, question and answer alike,
so that the judge has to read and cannot recall.
"""

import random
import re
from collections import defaultdict
from typing import NamedTuple

from train_judge_items import Item
from train_judge_text import (
    MONTH,
    STOP,
    WORD,
    cloze,
    content,
    entities,
    invented_name,
    kind,
    nudged,
    plain_words,
    sentences,
    statement,
)

SUPPORTED, UNSUPPORTED, UNSURE = 0, 1, -100


class Piece(NamedTuple):
    """A part of an answer and its label."""

    text: str
    label: int


Pieces = list[Piece]


class Example(NamedTuple):
    """What the judge sees, and what it should say."""

    passages: list[str]
    question: str
    answer: list[Piece]
    source: str

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.answer)

    @property
    def unsupported(self) -> bool:
        return any(piece.label == UNSUPPORTED for piece in self.answer)


def rename(examples: list[Example], rng: random.Random, names: list[str]) -> list[Example]:
    """Examples of one group with other names and numbers, the same ones wherever they stood."""
    first = examples[0]
    whole = " ".join([*first.passages, first.question, *(e.text for e in examples)])
    found = set(re.findall(r"\b[A-Z][a-z]{2,}\b|\b\d+\b", whole))
    share, mapping = rng.choice([0.3, 0.7, 1.0]), {}
    for word in sorted(found):
        if word.lower() in STOP or rng.random() > share or re.fullmatch(MONTH, word):
            continue
        if not word.isdigit():
            mapping[word] = rng.choice(names) if rng.random() < 0.5 else invented_name(rng)
        elif len(word) == 4:
            mapping[word] = str(rng.randint(1050, 2024))
        else:
            low = 10 ** (len(word) - 1)
            mapping[word] = str(rng.randrange(low, low * 10))

    def swap(text: str) -> str:
        return re.sub(r"\b\w+\b", lambda match: mapping.get(match[0], match[0]), text)

    passages, question = [swap(passage) for passage in first.passages], swap(first.question)
    return [
        Example(passages, question, [Piece(swap(p.text), p.label) for p in e.answer], e.source)
        for e in examples
    ]


def by_words(answer: str, evidence: str) -> list[Piece]:
    """A wrong answer in pieces: content words that stand nowhere in `evidence` are UNSUPPORTED,
    the rest is UNSURE; an answer that only reuses words is UNSUPPORTED as a whole."""
    known, pieces, end = set(WORD.findall(evidence.lower())), [], 0
    for match in WORD.finditer(answer):
        word = match[0].lower()
        if word in STOP or word in known:
            continue
        pieces += [Piece(answer[end : match.start()], UNSURE), Piece(match[0], UNSUPPORTED)]
        end = match.end()
    return [*pieces, Piece(answer[end:], UNSURE)] if pieces else [Piece(answer, UNSUPPORTED)]


class Maker:
    """Makes examples from items; everything random comes from one seed.

    `odd` is the share of substitutions of any kind instead of the right answer's own.
    """

    def __init__(self, items: list[Item], seed: int, odd: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.odd = odd
        self.squad = [item for item in items if item.group != "halueval"]
        self.halueval = [item for item in items if item.group == "halueval"]
        self.passages = list(dict.fromkeys((item.group, item.passage) for item in items))
        self.answers = defaultdict(list)
        for item in items:
            self.answers[kind(item.answer)].append(item.answer)
        for _, passage in self.passages:
            for span in entities(passage):
                self.answers[kind(passage[slice(*span)])].append(passage[slice(*span)])
            for span in plain_words(passage)[::5]:
                self.answers["phrase"].append(passage[slice(*span)])
        self.names = sorted(
            {w for _, p in self.passages for w in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b", p)}
        )

    def group(self, size: int) -> list[Example]:
        """`size` answers to one question with the same passages, about half of them supported."""
        draw = self.rng.random()
        item = self.rng.choice(self.squad if draw < 0.34 else self.halueval)
        if draw > 0.76:
            item = self.cloze_item()
        # Now and then the passages do not hold the answer, and the right one is unsupported.
        lost = self.rng.random() < 0.07
        passages = self.foreign_passages(item) if lost else self.evidence(item)
        right = [(self.right, 5), (self.sentence, 2), (self.window, 1)]
        wrong = [(self.elsewhere, 3), (self.same_passage, 3), (self.altered, 2), (self.foreign, 1)]
        if item.wrong:
            wrong.append((self.halueval_wrong, 6))
        if item.inventions:
            wrong.append((self.invention, 5))
        if lost:
            right, wrong = [(self.window, 1)], [(self.misplaced, 4), (self.foreign, 1)]
        made: list[Example] = []
        while len(made) < size:
            makers, weights = zip(*(right if self.rng.random() < 0.5 else wrong), strict=True)
            maker = self.rng.choices(makers, weights)[0]
            pieces = maker(item, passages)
            if pieces is None or not "".join(piece.text for piece in pieces).strip():
                pieces = self.foreign(item, passages)
            made.append(Example(passages, item.question, pieces, maker.__name__))
        return rename(made, self.rng, self.names) if self.rng.random() < 0.6 else made

    # -- questions and evidence -------------------------------------------------------------

    def cloze_item(self) -> Item:
        """An item made by rule: a question about one entity of one sentence."""
        while True:
            group, passage = self.rng.choice(self.passages)
            sentence = self.rng.choice(sentences(passage) or [passage])
            spans = entities(sentence) if self.rng.random() < 0.85 else plain_words(sentence)
            if spans:
                start, end = self.rng.choice(spans)
                question = cloze(sentence, start, end, self.rng)
                return Item(group, passage, question, sentence[start:end], sentence=sentence)

    def evidence(self, item: Item) -> list[str]:
        """The item's passage, whole or cut around the answer, alone or among others."""
        passage = item.passage
        if self.rng.random() < (0.65 if item.group != "halueval" or item.sentence else 0.0):
            parts = sentences(passage)
            marker = item.sentence or item.answer
            place = next((i for i, s in enumerate(parts) if marker in s), None)
            if place is not None:
                first = max(0, place - self.rng.randint(0, 2))
                passage = " ".join(parts[first : place + 1 + self.rng.randint(0, 2)])
        passages = [passage]
        if self.rng.random() < 0.2:
            passages += self.foreign_passages(item)
            self.rng.shuffle(passages)
        return passages

    def foreign_passages(self, item: Item) -> list[str]:
        """One or two excerpts that do not hold the answer."""
        wanted, result = item.answer.lower(), []
        while len(result) < self.rng.randint(1, 2):
            parts = sentences(self.rng.choice(self.passages)[1])
            first = self.rng.randrange(max(1, len(parts)))
            text = " ".join(parts[first : first + self.rng.randint(1, 3)])
            if text and wanted not in text.lower():
                result.append(text)
        return result

    # -- supported --------------------------------------------------------------------------

    def right(self, item: Item, passages: list[str]) -> Pieces:
        return self.phrased(item, passages, item.answer, SUPPORTED)

    def phrased(self, item: Item, passages: list[str], answer: str, label: int) -> Pieces:
        """The answer alone, or in a sentence."""
        draw, rest = self.rng.random(), UNSURE if label else SUPPORTED
        if draw < 0.45:
            return [Piece(answer, label)]
        if draw < 0.57:
            answer = answer[0].upper() + answer[1:].rstrip(".")
            return [Piece(answer, label), Piece(".", rest)]
        before, after = statement("" if item.sentence else item.question, answer, self.rng)
        if self.rng.random() < 0.3:
            after = f"{after.rstrip('.')}, {self.clause(passages)}."
        return [Piece(before, rest), Piece(answer, label), Piece(after, rest)]

    def clause(self, passages: list[str]) -> str:
        """Some words of the evidence in a row."""
        words = self.rng.choice(passages).split()
        first = self.rng.randrange(max(1, len(words) - 3))
        return " ".join(words[first : first + self.rng.randint(3, 9)]).rstrip(".,;")

    def sentence(self, item: Item, passages: list[str]) -> Pieces | None:
        """The sentence that holds the answer, or a clause of it."""
        found = [s for p in passages for s in sentences(p) if item.answer in s]
        if not found:
            return None
        text = item.sentence if item.sentence in found else found[0]
        if self.rng.random() < 0.5:
            words, place = text.split(), len(text[: text.find(item.answer)].split())
            size = len(item.answer.split())
            first = max(0, place - self.rng.randint(0, 8))
            text = " ".join(words[first : place + size + self.rng.randint(0, 8)])
        return [Piece(text, SUPPORTED)]

    def window(self, item: Item, passages: list[str]) -> Pieces:
        """Any sentence of the evidence, whatever the question."""
        parts = [s for p in passages for s in sentences(p)] or passages
        return [Piece(self.rng.choice(parts), SUPPORTED)]

    # -- unsupported ------------------------------------------------------------------------

    def other(self, item: Item, passages: list[str], same: bool) -> str | None:
        """Another answer of the same kind: from the same evidence, or from nowhere in it."""
        wanted, right = kind(item.answer), set(content(item.answer))
        if not same and self.rng.random() < self.odd:
            wanted = self.rng.choice(sorted(self.answers))
        text = " ".join(passages)
        if wanted in ("number", "year") and not same and self.rng.random() < 0.4:
            return nudged(item.answer, text, self.rng)
        pool = self.answers[wanted]
        if same:
            spans = plain_words(text) if wanted in ("phrase", "clause") else entities(text)
            pool = [text[slice(*span)] for span in spans]
        for _ in range(12):
            other = self.rng.choice(pool) if pool else ""
            words = set(content(other)) or set(WORD.findall(other.lower()))
            if not words or kind(other) != wanted or words & right:
                continue
            if same and not words & set(content(item.question)):
                return other
            if not same and other.lower() not in text.lower():
                return other
        return None

    def elsewhere(self, item: Item, passages: list[str], same: bool = False) -> Pieces | None:
        """The right kind of answer, from another passage, or with a digit changed."""
        other = self.other(item, passages, same)
        return self.phrased(item, passages, other, UNSUPPORTED) if other else None

    def same_passage(self, item: Item, passages: list[str]) -> Pieces | None:
        """The right kind of answer, from the evidence, to another question."""
        return self.elsewhere(item, passages, same=True)

    def misplaced(self, item: Item, passages: list[str]) -> Pieces:
        """The right answer where the evidence does not hold it."""
        return self.phrased(item, passages, item.answer, UNSUPPORTED)

    def altered(self, item: Item, passages: list[str]) -> Pieces | None:
        """The sentence of the answer with one thing changed: only that is UNSUPPORTED."""
        found = [s for p in passages for s in sentences(p) if item.answer in s]
        other = self.other(item, passages, same=self.rng.random() < 0.25)
        if not found or not other:
            return None
        before, _, after = found[0].partition(item.answer)
        if self.rng.random() < 0.5:
            before = " ".join(before.split(" ")[-self.rng.randint(2, 8) :])
            after = " ".join(after.split(" ")[: self.rng.randint(2, 8)])
        return [Piece(before, SUPPORTED), Piece(other, UNSUPPORTED), Piece(after, SUPPORTED)]

    def foreign(self, item: Item, passages: list[str]) -> Pieces:
        """A sentence, or the beginning of one, that stands in other passages."""
        text = " ".join([*passages, item.question])
        while True:
            parts = sentences(self.rng.choice(self.passages)[1])
            words = self.rng.choice(parts).split() if parts else []
            sentence = " ".join(words[: self.rng.randint(4, 30)])
            if sentence and sentence not in text:
                return by_words(sentence, text)

    def halueval_wrong(self, item: Item, passages: list[str]) -> Pieces:
        """What HaluEval's authors had a model make up."""
        return by_words(self.rng.choice(item.wrong), " ".join([*passages, item.question]))

    def invention(self, item: Item, passages: list[str]) -> Pieces:
        """What SmolLM2 made up."""
        return by_words(self.rng.choice(item.inventions), " ".join([*passages, item.question]))
