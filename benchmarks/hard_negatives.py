"""Which test finds the false negatives among mined negatives? Exact truth by overlapping chunks.

    python benchmarks/hard_negatives.py
    python benchmarks/hard_negatives.py squad-train.json --answers string sentence llm

Documents (the sample world, or files in SQuAD's form) are cut into chunks that overlap. The chunk
in whose middle a human answer stands is the question's passage; the others that hold all of the
same place in the document are known false negatives. The nearest other chunks are the candidates.

The answer that the tests are given is one of

- string: the human answer
- sentence: the sentence of the document in which it stands
- llm: what the packaged LLM answered from the passage, where the judge accepts it

A candidate that states the same fact at another place counts as no false negative here, so that
precision is a lower bound. A false negative holds the human answer's place, so that the recall of
the string is 1 by construction where the answer is the human one. Intervals: 95%, by resampling
of documents.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distilabel_rag4rag import GroundedAnswerGeneration, cached, embedded
from distilabel_rag4rag.data.chunking import chunk_document
from distilabel_rag4rag.data.readers.documents import Document
from distilabel_rag4rag.data.readers.open_table import SAMPLE_WORLD
from distilabel_rag4rag.models.packaged import judge_path
from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.negatives.answer_evidence import (
    as_claim,
    holds_string,
    holds_words,
)
from distilabel_rag4rag.steps.retrieval.build_index import build_index
from distilabel_rag4rag.steps.retrieval.embedder_state import made_with
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex
from distilabel_rag4rag.steps.retrieval.passages import unique_passages

MARGIN, ASKED, RESAMPLES = 0.05, 5, 1000


class Passage(NamedTuple):
    """A chunk and its place."""

    document: int
    start: int
    end: int
    text: str


class Question(NamedTuple):
    """A question, its answer's place, and the sentence in which that stands."""

    document: int
    question: str
    answer: str
    start: int
    sentence: str

    def is_held_by(self, passage: Passage) -> bool:
        end = self.start + len(self.answer)
        same = passage.document == self.document
        return same and passage.start <= self.start and end <= passage.end


class Pair(NamedTuple):
    """A question and a candidate."""

    question: Question
    positive: Passage
    candidate: Passage
    similarity: float
    positive_similarity: float


def read(path: Path, first: int) -> Iterator[tuple[Document, list[Question]]]:
    """Each article as one document, with its questions."""
    from sentencex import segment

    for number, article in enumerate(json.loads(path.read_text("utf-8"))["data"], first):
        text, asked = "", []
        for paragraph in article["paragraphs"]:
            start = len(text)
            text += paragraph["context"] + "\n\n"
            ends = np.cumsum([len(part) for part in segment("en", paragraph["context"])])
            for qa in paragraph["qas"]:
                answer = qa["answers"][0]
                place = answer["answer_start"]
                at = int(np.searchsorted(ends, place, "right"))
                sentence = paragraph["context"][ends[at - 1] if at else 0 : ends[at]].strip()
                asked.append(
                    Question(number, qa["question"], answer["text"], start + place, sentence)
                )
        title = article.get("title")
        yield Document(str(number), title, text.strip(), False, str(path)), asked


def make_pairs(paths: list[Path], tokens: int, overlap: int, candidates: int) -> list[Pair]:
    """Each question with its nearest chunks other than its own passage."""
    embeddings = embedded.embeddings()
    embeddings.load()
    tokenizer = embeddings._model.tokenizer.backend_tokenizer
    tokenizer.no_truncation()

    def tokenize(text: str) -> list[tuple[int, int]]:
        return tokenizer.encode(text, add_special_tokens=False).offsets

    passages: list[Passage] = []
    questions: list[Question] = []
    for path in paths:
        first = passages[-1].document + 1 if passages else 0
        for document, asked in read(path, first):
            number = int(document.document_id)
            for chunk in chunk_document(document, tokenize, tokens, overlap):
                passages.append(Passage(number, chunk.start, chunk.end, chunk.text))
            questions += asked
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "index")
        texts = unique_passages({"context": passage.text} for passage in passages)
        build_index(folder, texts, embeddings, made_with(embeddings))
        index = PassageIndex.open(folder)
    by_text = {passage.text: passage for passage in passages}
    own = [by_text[text] for text in index.texts]
    vectors = np.asarray(embeddings.encode([q.question for q in questions]), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = []
    for question, hits in zip(questions, index.search(vectors, len(index)), strict=True):
        middle = question.start + len(question.answer) / 2
        holding = [p for p in own if question.is_held_by(p)]
        if not holding:
            continue
        positive = min(holding, key=lambda p: abs((p.start + p.end) / 2 - middle))
        ranked = [(own[n], score) for n, score in zip(*hits, strict=True)]
        similarity = dict(ranked)[positive]
        others = [(p, score) for p, score in ranked if p != positive][:candidates]
        pairs += [Pair(question, positive, p, score, similarity) for p, score in others]
    print(
        f"{len(questions)} questions, {len(own)} chunks of at most {tokens} tokens,"
        f" overlap {overlap}; {len(pairs)} candidates"
    )
    return pairs


def llm_answers(pairs: list[Pair], judge: BatchDetector) -> dict[Question, str]:
    """What the packaged LLM answers from the passage, where the judge finds nothing unsupported."""
    asked = list(dict.fromkeys((pair.question, pair.positive) for pair in pairs))
    task = GroundedAnswerGeneration(llm=cached(embedded.llm(reply_prefix="Answer:")))
    task.load()
    answers = {}
    for first in range(0, len(asked), 64):
        batch = asked[first : first + 64]
        rows = [{"question": q.question, "contexts": [p.text]} for q, p in batch]
        for (question, _), row in zip(batch, next(task.process(rows)), strict=True):
            if row["answer"]:
                answers[question] = row["answer"]
    items = {q: Item((p.text,), answers[q], q.question) for q, p in asked if q in answers}
    verdicts = judge.judge(list(items.values()))
    return {q: answers[q] for q, v in zip(items, verdicts, strict=True) if not v.spans}


Rule = Callable[[list[Pair], dict[Question, str]], np.ndarray]


def rules(judge: BatchDetector) -> dict[str, Rule]:
    """Name -> which pairs are taken for false negatives."""

    def judged(items: list[Item]) -> np.ndarray:
        return np.array([not (v.spans or v.failure) for v in judge.judge(items)])

    def margin(pairs: list[Pair], answers: dict[Question, str]) -> np.ndarray:
        return np.array(
            [
                p.similarity > p.positive_similarity - MARGIN * abs(p.positive_similarity)
                for p in pairs
            ]
        )

    def string(pairs: list[Pair], answers: dict[Question, str]) -> np.ndarray:
        return np.array([holds_string(p.candidate.text, [answers[p.question]]) for p in pairs])

    def words(pairs: list[Pair], answers: dict[Question, str]) -> np.ndarray:
        return np.array(
            [
                holds_words(p.candidate.text, [answers[p.question]], p.question.question)
                for p in pairs
            ]
        )

    def answer(pairs: list[Pair], answers: dict[Question, str]) -> np.ndarray:
        return judged(
            [Item((p.candidate.text,), answers[p.question], p.question.question) for p in pairs]
        )

    def claim(pairs: list[Pair], answers: dict[Question, str]) -> np.ndarray:
        return judged(
            [
                Item(
                    (p.candidate.text,),
                    as_claim(p.question.question, answers[p.question]),
                    p.question.question,
                )
                for p in pairs
            ]
        )

    return {
        "none": lambda pairs, answers: np.zeros(len(pairs), bool),
        "margin 5%": margin,
        "answer's string": string,
        "answer's words": words,
        "judge: answer": answer,
        "judge: question and answer": claim,
    }


def interval(numerators: np.ndarray, denominators: np.ndarray, rng: np.random.Generator) -> str:
    """A ratio of sums, with its interval over the documents that are summed."""
    if not denominators.sum():
        return "-"
    draws = rng.integers(0, len(numerators), (RESAMPLES, len(numerators)))
    sums = numerators[draws].sum(1), denominators[draws].sum(1)
    found = sums[0][sums[1] > 0] / sums[1][sums[1] > 0]
    low, high = np.percentile(found, [2.5, 97.5])
    return f"{numerators.sum() / denominators.sum():.2f} [{low:.2f}, {high:.2f}]"


def line(name: str, pairs: list[Pair], flags: np.ndarray, seconds: float) -> str:
    """A row of the table."""
    rng = np.random.default_rng(0)
    truth = np.array([p.question.is_held_by(p.candidate) for p in pairs])
    documents = np.array([p.question.document for p in pairs])
    ids = np.unique(documents)

    def by_document(mask: np.ndarray) -> np.ndarray:
        return np.array([mask[documents == d].sum() for d in ids])

    kept: dict[Question, list[int]] = {}
    for n, pair in enumerate(pairs):
        own = kept.setdefault(pair.question, [])
        if not flags[n] and len(own) < ASKED:
            own.append(n)
    chosen = [n for own in kept.values() for n in own]
    similarity = np.mean([pairs[n].similarity for n in chosen])
    precision = interval(by_document(truth & flags), by_document(flags), rng)
    recall = interval(by_document(truth & flags), by_document(truth), rng)
    return (
        f"{name:28s} {100 * flags.mean():5.1f}%  {precision:19s} {recall:19s}"
        f" {len(chosen) / len(kept):5.2f} {similarity:6.3f} {100 * truth[chosen].mean():6.2f}%"
        f" {1000 * seconds / len(pairs):8.2f}"
    )


def main() -> None:
    """Prints a table for each kind of answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("squad", nargs="*", type=Path, help="more files in SQuAD's form")
    parser.add_argument("--answers", nargs="+", default=["string", "sentence"])
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--overlap", type=int, default=48)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--questions", type=int, help="a sample of so many; nothing: all")
    parser.add_argument("--without-judge", action="store_true", help="leave out the slow tests")
    arguments = parser.parse_args()
    pairs = make_pairs(
        [SAMPLE_WORLD, *arguments.squad], arguments.tokens, arguments.overlap, arguments.candidates
    )
    if arguments.questions:
        asked = list(dict.fromkeys(pair.question for pair in pairs))
        drawn = set(random.Random(0).sample(asked, min(arguments.questions, len(asked))))
        pairs = [pair for pair in pairs if pair.question in drawn]
    judge = BatchDetector(judge_path())
    for kind in arguments.answers:
        if kind == "llm":
            answers = llm_answers(pairs, judge)
        else:
            answers = {
                p.question: p.question.answer if kind == "string" else p.question.sentence
                for p in pairs
            }
        these = [p for p in pairs if p.question in answers]
        held = sum(p.question.is_held_by(p.candidate) for p in these)
        questions = {p.question for p in these}
        print(
            f"\nanswer: {kind}; {len(questions)} questions, {len(these)} candidates,"
            f" {100 * held / len(these):.1f}% false negatives\n"
            f"{'test':28s} {'flags':>6s}  {'precision':19s} {'recall':19s} {'kept':>5s}"
            f" {'cosine':>6s} {'false':>7s} {'s/1,000':>8s}"
        )
        found: dict[str, Any] = {}
        for name, rule in rules(judge).items():
            if arguments.without_judge and name.startswith("judge"):
                continue
            start = time.perf_counter()
            flags = rule(these, answers)
            seconds = time.perf_counter() - start
            found[name] = flags, seconds
            print(line(name, these, flags, seconds), flush=True)
        for first, second in (
            ("margin 5%", "answer's string"),
            ("margin 5%", "answer's words"),
            ("answer's string", "answer's words"),
            ("margin 5%", "judge: answer"),
        ):
            if second not in found:
                continue
            flags = found[first][0] | found[second][0]
            seconds = found[first][1] + found[second][1]
            print(line(f"{first} or {second}", these, flags, seconds), flush=True)


if __name__ == "__main__":
    main()
