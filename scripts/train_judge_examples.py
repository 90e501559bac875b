"""Examples for the judge, made by rule from passages, questions and answers.

An example is what LettuceDetect sees: passages, a question and an answer, with a label for every
piece of the answer: SUPPORTED, UNSUPPORTED or UNSURE (left out of the loss of the tokens), and one
for the answer as a whole. A sentence is judged by what the passages say; a few words are judged as
an answer to the question. Every group is new: other passages beside it, other cuts, other phrasing,
and in half of them invented names and numbers in the place of the real ones, in passages, question
and answer alike, so that the judge has to read and cannot recall.
"""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from train_judge_answers import is_right, is_wrong
from train_judge_facts import fact_item
from train_judge_items import Item, Passage
from train_judge_text import (
    MONTH,
    STOP,
    WORD,
    cloze,
    content,
    contradicted,
    entities,
    invented_name,
    kind,
    nudged,
    phrases,
    sentences,
    statement,
)

from distilabel_rag4rag.data.bm25 import Bm25

SUPPORTED, UNSUPPORTED, UNSURE = 0, 1, -1

#: How often a group is about a question of each source; documents ask by rule.
SHARES = {"questions": 0.34, "hallucinated": 0.26, "documents": 0.4}
#: How often a group is about a short invented fact.
FACTS_SHARE = 0.15
#: How many words of evidence a group gets at most; the shortest is one sentence, or a part of it.
BUDGETS = (1, 1, 30, 60, 100, 180, 290)
#: The word before a name says of what sort it is: "in Torgau" and "in Lisbon" are places.
BEFORE_NAME = re.compile(r"\b(at|by|from|in|near|of|to|with) $")


class Piece(NamedTuple):
    """A part of an answer and its label."""

    text: str
    label: int


Pieces = list[Piece]


class Example(NamedTuple):
    """What the judge sees, and what it should say."""

    passages: list[str]
    question: str | None
    answer: Pieces
    kind: str
    unsupported: bool

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.answer)


def rename(examples: list[Example], rng: random.Random, names: list[str]) -> list[Example]:
    """Examples of one group with other names and numbers, the same ones wherever they stood."""
    first = examples[0]
    whole = " ".join([*first.passages, first.question or "", *(e.text for e in examples)])
    found = set(re.findall(r"\b[A-Z][a-z]{2,}\b|\b\d+\b", whole))
    share, mapping = rng.choice([0.3, 0.7, 1.0]), {}
    for word in sorted(found):
        if word.lower() in STOP or rng.random() > share or re.fullmatch(MONTH, word):
            continue
        if not word.isdigit():
            mapping[word] = (
                rng.choice(names) if names and rng.random() < 0.5 else invented_name(rng)
            )
        elif len(word) == 4:
            mapping[word] = str(rng.randint(1050, 2024))
        else:
            low = 10 ** (len(word) - 1)
            mapping[word] = str(rng.randrange(low, low * 10))

    def swap(text: str) -> str:
        return re.sub(r"\b\w+\b", lambda match: mapping.get(match[0], match[0]), text)

    return [
        e._replace(
            passages=[swap(passage) for passage in e.passages],
            question=swap(e.question) if e.question else None,
            answer=[Piece(swap(p.text), p.label) for p in e.answer],
        )
        for e in examples
    ]


def by_words(answer: str, evidence: str) -> Pieces:
    """A wrong answer in pieces: content words that stand nowhere in `evidence` are UNSUPPORTED,
    the rest is UNSURE; of an answer that only reuses words it is not known where it is wrong."""
    known, pieces, end = set(WORD.findall(evidence.lower())), [], 0
    for match in WORD.finditer(answer):
        word = match[0].lower()
        if word in STOP or word in known:
            continue
        pieces += [Piece(answer[end : match.start()], UNSURE), Piece(match[0], UNSUPPORTED)]
        end = match.end()
    return [*pieces, Piece(answer[end:], UNSURE)]


class Maker:
    """Makes examples from items and passages; everything random comes from one seed."""

    def __init__(self, items: Sequence[Item], passages: Sequence[Passage], seed: int) -> None:
        self.rng = random.Random(seed)
        self.items = defaultdict(list)
        for item in items:
            self.items[item.source].append(item)
        self.passages = list(passages)
        self.by_source = defaultdict(list)
        for passage in self.passages:
            self.by_source[passage.source].append(passage)
        shares = {
            source: share
            for source, share in SHARES.items()
            if source == "documents" or self.items[source]
        }
        self.sources, self.shares = list(shares), list(shares.values())
        self.answers = defaultdict(list)
        self.names_after = defaultdict(list)
        for item in items:
            self.answers[kind(item.answer)].append(item.answer)
        for passage in self.passages:
            text = passage.text
            spans = entities(text)[:40]
            for start, end in spans:
                if kind(text[start:end]) == "name" and (found := BEFORE_NAME.search(text[:start])):
                    self.names_after[found[1]].append(text[start:end])
            for start, end in [*spans, *phrases(text)[::5]]:
                self.answers[kind(text[start:end])].append(text[start:end])
        self.names = sorted(
            {w for p in self.passages for w in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b", p.text)}
        )
        index = Bm25([passage.text for passage in self.passages])
        self.near = {p.text: index.nearest(p.text, 8)[1:] for p in self.passages}

    # -- a group of answers to one prompt -----------------------------------------------------

    def group(self, size: int) -> list[Example]:
        """`size` answers to one question with the same passages, about half of them supported."""
        source = self.rng.choices(self.sources, self.shares)[0]
        given = self.items[source]
        by_rule = source == "documents" and (not given or self.rng.random() < 0.7)
        if self.rng.random() < FACTS_SHARE:
            item = fact_item(self.rng)
        else:
            item = self.cloze_item() if by_rule else self.rng.choice(given)
        draw = self.rng.random()
        # Now and then the passages do not hold the answer, or there is no question.
        lost, unasked = draw < 0.06, draw > 0.96
        passages = self.foreign_passages(item, 150) if lost else self.evidence(item)
        right, wrong = self.makers(item)
        if lost:
            right, wrong = [(self.window, 1)], [(self.misplaced, 4), (self.foreign, 1)]
        elif unasked:
            right = [(self.window, 3), (self.sentence, 1)]
            wrong = [(self.contradiction, 2), (self.altered, 2), (self.foreign, 1)]
        made = [self.example(item, passages, right, wrong) for _ in range(size)]
        if unasked:
            made = [example._replace(question=None) for example in made]
        return rename(made, self.rng, self.names) if self.rng.random() < 0.5 else made

    def makers(self, item: Item):  # type: ignore[no-untyped-def]
        """The makers of supported and of unsupported answers, each with its weight."""
        right = [(self.right, 5), (self.sentence, 2), (self.window, 1)]
        wrong = [
            (self.elsewhere, 3), (self.same_passage, 4), (self.altered, 2),
            (self.contradiction, 1.5), (self.foreign, 1),
        ]  # fmt: skip
        if item.wrong:
            wrong.append((self.hallucinated, 6))
        if item.closed_book:
            wrong.append((self.closed_book, 4))
        if item.grounded:
            right.append((self.grounded_right, 1))
            wrong.append((self.grounded_wrong, 2))
        return right, wrong

    def example(self, item: Item, passages: list[str], right, wrong) -> Example:  # type: ignore[no-untyped-def]
        """One answer: half of them supported."""
        for _ in range(100):
            is_wrong_one = self.rng.random() < 0.5
            makers, weights = zip(*(wrong if is_wrong_one else right), strict=True)
            maker = self.rng.choices(makers, weights)[0]
            pieces = maker(item, passages)
            if pieces is not None and "".join(piece.text for piece in pieces).strip():
                return Example(passages, item.question, pieces, maker.__name__, is_wrong_one)
        return Example(passages, item.question, self.window(item, passages), "window", False)

    # -- questions and evidence -------------------------------------------------------------

    def cloze_item(self, passage: Passage | None = None) -> Item:
        """A question made by rule, about one name, number or phrase of one sentence."""
        while True:
            source = self.rng.choice(sorted(self.by_source))
            chosen = passage or self.rng.choice(self.by_source[source])
            sentence = self.rng.choice(sentences(chosen.text) or [chosen.text])
            spans = entities(sentence) if self.rng.random() < 0.7 else phrases(sentence)
            if spans:
                start, end = self.rng.choice(spans)
                question = cloze(sentence, start, end, self.rng)
                answer = sentence[start:end]
                return Item(
                    "documents", chosen.document, chosen.text, question, answer, sentence=sentence
                )
            if passage is not None:
                return Item("documents", chosen.document, chosen.text, sentence, sentence)

    def evidence(self, item: Item) -> list[str]:
        """The item's passage, cut around the answer where it is long, alone or among others."""
        budget = self.rng.choice(BUDGETS)
        alone = self.rng.random() < 0.55
        own = self.excerpt(item, budget if alone else max(40, budget // 2))
        left = budget - len(own.split())
        if alone or left < 30:
            return [own]
        passages = [own, *self.foreign_passages(item, left)]
        self.rng.shuffle(passages)
        return passages

    def excerpt(self, item: Item, words: int) -> str:
        """The sentences around the answer, at most so many words where there is a choice."""
        parts = sentences(item.passage)
        marker = item.sentence or item.answer
        place = next((i for i, part in enumerate(parts) if marker in part), None)
        if item.source == "hallucinated" or place is None or len(item.passage.split()) <= words:
            return item.passage  # HaluEval's answers need all of it
        first = last = place
        while True:
            wider = [(first - 1, last), (first, last + 1)]
            fitting = [
                (a, b)
                for a, b in wider
                if a >= 0 and b < len(parts)
                and sum(len(part.split()) for part in parts[a : b + 1]) <= words
            ]  # fmt: skip
            if not fitting:
                text = " ".join(parts[first : last + 1])
                return self.around(text, item.answer) if words == 1 else text
            first, last = self.rng.choice(fitting)

    def around(self, sentence: str, answer: str) -> str:
        """A part of the sentence, with the answer in it, or every second time the whole."""
        before, _, after = sentence.partition(answer)
        if self.rng.random() < 0.5 or answer not in sentence:
            return sentence
        left, right = before.split(" "), after.split(" ")
        left = left[-self.rng.randint(3, 9) :]
        right = right[: self.rng.randint(1, 6)]
        text = " ".join(left) + answer + " ".join(right)
        return f"{text[0].upper()}{text[1:].rstrip(' .,;:')}."

    def foreign_passages(self, item: Item, words: int) -> list[str]:
        """Excerpts that do not hold the answer, half of them of passages that are alike."""
        wanted, found = item.answer.lower(), []
        for _ in range(12):
            if words < 25 or len(found) == 5:
                break
            parts = sentences(self.other_passage(item).text)
            if not parts:
                continue
            first = self.rng.randrange(len(parts))
            chosen = parts[first : first + self.rng.randint(1, 4)]
            text = " ".join(" ".join(chosen).split()[:words])
            if text and wanted not in text.lower():
                found.append(text)
                words -= len(text.split())
        return found or [self.rng.choice(self.passages).text[:400]]

    def other_passage(self, item: Item) -> Passage:
        """Another passage; every second time one that shares words with the item's."""
        near = self.near.get(item.passage)
        if near and self.rng.random() < 0.5:
            return self.passages[self.rng.choice(near)]
        return self.rng.choice(self.by_source[self.rng.choice(sorted(self.by_source))])

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
        if self.rng.random() < 0.2:
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

    def grounded_right(self, item: Item, passages: list[str]) -> Pieces | None:
        """What the LLM answered from the passage, where it holds the right answer and no word
        that the passage does not."""
        known = set(WORD.findall(" ".join([item.passage, item.question]).lower()))
        found = [a for a in item.grounded if is_right(a, item) and set(content(a)) <= known]
        return [Piece(self.rng.choice(found), SUPPORTED)] if found else None

    # -- unsupported ------------------------------------------------------------------------

    def other(self, item: Item, passages: list[str], same: bool) -> str | None:
        """Another answer of the same kind: from the same evidence, or from nowhere in it."""
        wanted, right = kind(item.answer), set(content(item.answer))
        if not same and self.rng.random() < 0.25:
            wanted = self.rng.choice(sorted(self.answers))
        text = " ".join(passages)
        if wanted in ("number", "year") and not same and self.rng.random() < 0.4:
            return nudged(item.answer, text, self.rng)
        pool = self.answers[wanted]
        before = BEFORE_NAME.search(item.passage.partition(item.answer)[0])
        if wanted == "name" and before and self.rng.random() < 0.6:
            pool = self.names_after[before[1]]
        if same:
            spans = phrases(text) if wanted in ("phrase", "clause") else entities(text)
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

    def elsewhere(self, item: Item, passages: list[str]) -> Pieces | None:
        """The right kind of answer, from another passage, or with a digit changed."""
        other = self.other(item, passages, same=False)
        return self.phrased(item, passages, other, UNSUPPORTED) if other else None

    def same_passage(self, item: Item, passages: list[str]) -> Pieces | None:
        """What stands in the evidence but answers another question."""
        text, right = " ".join(passages), set(content(item.answer))
        given = [o for o in item.others if o in text and not set(content(o)) & right]
        if given and self.rng.random() < 0.5:
            other: str | None = self.rng.choice(given)
        else:
            other = self.other(item, passages, same=True)
        return self.phrased(item, passages, other, UNSUPPORTED) if other else None

    def misplaced(self, item: Item, passages: list[str]) -> Pieces:
        """The right answer where the evidence does not hold it."""
        return self.phrased(item, passages, item.answer, UNSUPPORTED)

    def altered(self, item: Item, passages: list[str]) -> Pieces | None:
        """The sentence of the answer with the answer changed: only that is UNSUPPORTED."""
        found = [s for p in passages for s in sentences(p) if item.answer in s]
        other = self.other(item, passages, same=self.rng.random() < 0.25)
        if not found or not other:
            return None
        before, _, after = found[0].partition(item.answer)
        return self.cut(before, other, after)

    def contradiction(self, item: Item, passages: list[str]) -> Pieces | None:
        """A sentence of the evidence with a negation, a unit or a comparative changed."""
        parts = [s for p in passages for s in sentences(p)]
        changed = contradicted(self.rng.choice(parts), self.rng) if parts else None
        return self.cut(*changed) if changed else None

    def cut(self, before: str, new: str, after: str) -> Pieces:
        """A sentence with something new in it, whole or a part of it."""
        if self.rng.random() < 0.5:
            before = " ".join(before.split(" ")[-self.rng.randint(3, 9) :])
            after = " ".join(after.split(" ")[: self.rng.randint(3, 9)])
        return [Piece(before, SUPPORTED), Piece(new, UNSUPPORTED), Piece(after, SUPPORTED)]

    def foreign(self, item: Item, passages: list[str]) -> Pieces | None:
        """A sentence of another passage, or its beginning, with a word that is not here."""
        text = " ".join([*passages, item.question])
        parts = sentences(self.other_passage(item).text)
        words = self.rng.choice(parts).split() if parts else []
        pieces = by_words(" ".join(words[: self.rng.randint(4, 30)]), text)
        return pieces if any(piece.label == UNSUPPORTED for piece in pieces) else None

    def hallucinated(self, item: Item, passages: list[str]) -> Pieces:
        """What the file of questions gives as hallucinated."""
        return by_words(self.rng.choice(item.wrong), " ".join([*passages, item.question]))

    def closed_book(self, item: Item, passages: list[str]) -> Pieces | None:
        """What the LLM made up without the passage."""
        found = [answer for answer in item.closed_book if is_wrong(answer, item)]
        evidence = " ".join([*passages, item.question])
        return by_words(self.rng.choice(found), evidence) if found else None

    def grounded_wrong(self, item: Item, passages: list[str]) -> Pieces | None:
        """What the LLM answered with the passage at hand, wrongly: not a sentence of it, which
        is supported whatever was asked."""
        text = " ".join(item.passage.split())
        found = [
            answer
            for answer in item.grounded
            if is_wrong(answer, item) and not (len(answer.split()) > 5 and answer[:-1] in text)
        ]
        evidence = " ".join([*passages, item.question])
        return by_words(self.rng.choice(found), evidence) if found else None


def tuning_examples(maker: Maker, seed: int) -> list[Example]:
    """Of every item, or of every passage where there are none, an answer of each kind, judged
    against the whole passage."""
    maker.rng.seed(seed)
    items = [item for source in SHARES for item in maker.items[source]]
    documents = maker.rng.sample(
        maker.by_source["documents"], min(100, len(maker.by_source["documents"]))
    )
    items += [maker.cloze_item(passage) for passage in documents]
    made = []
    for item in items:
        passages = [item.passage]
        plain = Example(passages, item.question, [Piece(item.answer, SUPPORTED)], "right", False)
        made.append(plain._replace(kind=f"{item.source}: right"))
        for kinds, unsupported in zip(maker.makers(item), (False, True), strict=True):
            for make, _ in kinds:
                if make.__name__ in ("right", "window"):
                    continue
                pieces = make(item, passages)
                if pieces is None:
                    continue
                name = f"{item.source}: {make.__name__}"
                if make.__name__ in ("elsewhere", "same_passage"):  # the words alone
                    pieces = [piece for piece in pieces if piece.label == UNSUPPORTED]
                made.append(Example(passages, item.question, pieces, name, unsupported))
    return made
