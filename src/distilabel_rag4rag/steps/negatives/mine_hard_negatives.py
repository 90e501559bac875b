"""MineHardNegatives: question and corpus -> similar passages that do not answer."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps import GlobalStep, StepInput
from pydantic import Field, PrivateAttr

from distilabel_rag4rag.data.duplicates import near_duplicate_groups
from distilabel_rag4rag.data.groups import id_of, passages_overlap
from distilabel_rag4rag.data.identity import normalised
from distilabel_rag4rag.data.readers.open_table import PlainSource, open_table
from distilabel_rag4rag.data.rows import load_passages
from distilabel_rag4rag.models.packaged import EMBEDDED
from distilabel_rag4rag.models.tokenizers import tokenizer_of
from distilabel_rag4rag.schema import EMPTY_QUESTION, NEGATIVE_COLUMNS
from distilabel_rag4rag.steps.negatives.evidence_check import (
    Candidate,
    Check,
    EvidenceCheck,
    answers_of,
    make_check,
)
from distilabel_rag4rag.steps.retrieval.embedding import DECIMALS, Vectors, embed, embed_each
from distilabel_rag4rag.steps.retrieval.index_base import Indexing
from distilabel_rag4rag.steps.retrieval.passage_index import Hits, PassageIndex
from distilabel_rag4rag.steps.retrieval.passages import unique_passages
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import counted, has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput

PLACE_COLUMNS = ("document_id", "start", "end")

# Why a candidate is no negative.
OWN_DUPLICATE = "nearly the same as the passage"
OVERLAPS = "overlaps with the passage"
TOO_SIMILAR = "too similar"
HOLDS_ANSWER = "holds the answer"
NOT_JUDGED = "not judged"


@dataclass
class _Search:
    """A row, its candidates, best first, and what became of them."""

    row: dict[str, Any]
    answers: tuple[str, ...]
    candidates: list[tuple[int, float, bool]]
    left_out: Counter[str]
    negatives: list[tuple[int, float]] = field(default_factory=list)
    positives: list[int] = field(default_factory=list)
    tested: int = 0

    def take(self, wanted: int) -> list[tuple[int, float, bool]]:
        """The next candidates, so many that there may be enough negatives among them."""
        missing = wanted - len(self.negatives)
        taken = []
        while missing > 0 and self.tested < len(self.candidates):
            taken.append(self.candidates[self.tested])
            missing -= not taken[-1][2]
            self.tested += 1
        return taken


@public
class MineHardNegatives(Indexing, GlobalStep):
    """Add to each row passages that are similar to its question and do not answer it.

    The `pool` passages nearest to the question are candidates, without the row's own passage,
    other passages of the same question, near-duplicates and overlapping chunks of these. A
    candidate is a negative if its cosine is at least `relative_margin` below that of the row's
    passage (NV-Retriever's positive-aware margin, with the least similar passage where a question
    has several), and if it does not hold the accepted answer, which is what
    `false_negative_check` tests:

    - "answer_words", the default: it holds the names and numbers of an answer, and four fifths
      of its content words (`data.word_support`).
    - "answer_string": one of the answers stands in it, as whole words.
    - "judge": LettuceDetect finds nothing unsupported in the answer.
    - "judge_claim": the same of question and answer as one sentence.
    - "none": no test.

    Testing candidates for the answer with an LLM was published as RLHN and ARHN. Rows are kept
    also where there are fewer negatives than asked; `negatives_reason` says why, and the log says
    how many candidates each criterion took.

    Attributes:
        embeddings: any distilabel `Embeddings`; it embeds questions and passages.
        corpus: the passages: a list of rows or a `Dataset` with `context`, and `passage_id`,
            `document_id`, `start` and `end` where they are, or a file of such rows. The rows' own
            passages belong to it in any case; `None` is these alone.
        query_prompt: an instruction put before each question. Defaults to `""`.
        passage_prompt: the same for passages. Defaults to `""`.
        index_factory: `"auto"`, exact up to 200,000 passages, or a string of faiss's index
            factory. Defaults to `"auto"`.
        search_parameters: how thoroughly an approximate index is searched, as faiss's parameters,
            such as `"nprobe=128"`; see `FaissRetrieve`.
        index_dir: where the index is kept; `None` is a folder in the user's cache.
        false_negative_check: how a candidate is tested for the answer; see above.
        further_positives: whether candidates that hold the answer become further positives,
            also those above the margin. Defaults to `False`: they are left out.
        judge: the model of the tests by judge: "embedded", a folder or a Hub id.
        near_duplicate: the least likeness of near-duplicates. Defaults to `0.8`.

    Runtime parameters:
        - `num_negatives`: negatives per row. Defaults to `5`.
        - `pool`: how many candidates are looked at. Defaults to `50`.
        - `relative_margin`: how far below the passage's cosine a negative's must be, as a share
            of it. `None` is no limit. Defaults to `0.05`.
        - `encode_batch_size`: how many texts one call of the embedder gets. Defaults to `64`.

    Input columns:
        - question (`str`): the question.
        - context (`str`): the passage that answers it.
        - passage_id (`str`, optional): its id.
        - answer (`str`, optional): the accepted answer.
        - human_answer (`str`, optional): a person's answer.
        - human_answers (`List[str]`, optional): the same, several answers.

    Output columns:
        - negatives (`List[str]`): the passages, the most similar first.
        - negative_ids (`List[str]`): their ids.
        - negative_scores (`List[float]`): their cosines with the question.
        - positive_score (`float`): that of the row's own passage, or None.
        - further_positives (`List[str]`): other passages that hold the answer; none unless
            `further_positives` is set.
        - further_positive_ids (`List[str]`): their ids.
        - negatives_reason (`str`): why there are fewer than `num_negatives`, or None.

    Categories:
        - embedding

    References:
        - [NV-Retriever](https://arxiv.org/abs/2407.15831)
        - [RLHN](https://arxiv.org/abs/2505.16967)
        - [ARHN](https://arxiv.org/abs/2604.11092)

    Citations:
        ```
        @misc{nvretriever2024,
            title={NV-Retriever: Improving text embedding models with effective hard-negative
                mining},
            year={2024},
            eprint={2407.15831},
            archivePrefix={arXiv},
            primaryClass={cs.IR}
        }
        ```

    Examples:
        The passage that also names the answer is no negative:

        ```python
        from distilabel_rag4rag import MineHardNegatives, embedded

        mine = MineHardNegatives(
            embeddings=embedded.embeddings(),
            corpus=[
                {"passage_id": "a", "context": "The first album of Beyoncé came out in 2003."},
                {"passage_id": "b", "context": "In 2003 Beyoncé began to sing alone."},
                {"passage_id": "c", "context": "Her sister Solange is a singer too."},
            ],
            num_negatives=1,
        )
        mine.load()
        row = {
            "question": "When did the first album of Beyoncé come out?",
            "context": "The first album of Beyoncé came out in 2003.",
            "answer": "2003",
        }
        row = next(mine.process([row]))[0]
        assert row["negative_ids"] == ["c"]
        ```
    """

    corpus: PlainSource = None
    false_negative_check: Check = "answer_words"
    further_positives: bool = False
    judge: str = EMBEDDED
    near_duplicate: float = Field(default=0.8, gt=0, le=1)
    num_negatives: RuntimeParameter[int] = Field(default=5, ge=1, description="Negatives per row.")
    pool: RuntimeParameter[int] = Field(
        default=50, ge=1, description="How many candidates are looked at."
    )
    relative_margin: RuntimeParameter[float] | None = Field(
        default=0.05,
        ge=0,
        le=1,
        description="How far below the passage's cosine a negative's must be, as a share of it.",
    )

    _check: EvidenceCheck | None = PrivateAttr(default=None)

    @property
    def inputs(self) -> "StepColumns":
        """Question and passage; answers are optional."""
        optional = ("passage_id", "answer", "human_answer", "human_answers")
        return {"question": True, "context": True, **dict.fromkeys(optional, False)}

    @property
    def outputs(self) -> "StepColumns":
        """The columns that are added."""
        return [column.name for column in NEGATIVE_COLUMNS]

    def load(self) -> None:
        """Loads the embedder, and the judge where it is needed."""
        super().load()
        self._check = self._apart(self._make_check)

    def _make_check(self) -> EvidenceCheck:
        return make_check(self.false_negative_check, self.judge, device=None)

    def unload(self) -> None:
        """Frees the embedder, the judge and the index."""
        self._check = None
        super().unload()

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Adds the negatives to each row, in order.

        Args:
            inputs: all rows.

        Yields:
            The same rows with the output columns.
        """
        self._apart(self._mine, inputs)
        yield inputs

    def _mine(self, rows: list[dict[str, Any]]) -> None:
        records = list(self._corpus_records())
        passages = unique_passages(chain(records, rows))
        for row in rows:
            row.update(_empty())
        if not len(passages):
            for row in rows:
                row["negatives_reason"] = EMPTY_QUESTION if _no_question(row) else "no passage"
            return
        index = self._build_or_reuse(passages)
        places = {id_of(record): record for record in chain(rows, records)}
        known = [
            {name: places.get(own_id, {}).get(name) for name in PLACE_COLUMNS} | {"context": text}
            for own_id, text in index.passages("passage_id", "context")
        ]
        searches = list(self._searches(rows, index, known))
        self._test(searches, known)
        for search in searches:
            self._write(search, index)
        self._log(rows, searches)

    def _corpus_records(self) -> Iterator[dict[str, Any]]:
        """The corpus's passages with their ids and places."""
        if self.corpus is None:
            return
        if isinstance(self.corpus, list):
            yield from self.corpus
            return
        tokenize = tokenizer_of(self.embeddings)
        table = open_table(self.corpus, questions=False, tokenize=tokenize)
        names = [name for name in ("passage_id", *PLACE_COLUMNS) if name in table.columns]
        places = {}
        if "passage_id" in names:
            places = {str(record["passage_id"]): record for record in table.rows(names)}
        for passage in load_passages(self.corpus, tokenize=tokenize):
            yield {**places.get(str(passage["passage_id"]), {}), **passage}

    def _searches(
        self, rows: list[dict[str, Any]], index: PassageIndex, known: list[dict[str, Any]]
    ) -> Iterator[_Search]:
        """The candidates of each row that has a question, a passage and what it is tested with."""
        sources = self._sources_in(index)
        own: dict[str, dict[int, None]] = {}
        for row in rows:
            if not _no_question(row):
                positions = own.setdefault(normalised(row["question"]), {})
                positions.update(dict.fromkeys(sources.positions(row) or ()))
        questions = list(own)
        vectors, faults = embed_each(
            self.embeddings,
            questions,
            self.query_prompt,
            self.encode_batch_size,  # type: ignore[arg-type]
            index.manifest.dimension,
        )
        most = max((len(positions) for positions in own.values()), default=0)
        hits = index.search(vectors, self.pool + most) if questions else []  # type: ignore[operator]
        missed = self._vectors_of_missed(own, hits, index)
        number = {question: n for n, question in enumerate(questions)}
        groups = near_duplicate_groups(
            [passage["context"] for passage in known], self.near_duplicate
        )
        for row in rows:
            answers = answers_of(row)
            row["negatives_reason"] = reason = self._cannot(row, own, faults, number, answers)
            if reason is not None:
                continue
            n = number[normalised(row["question"])]
            scores = dict(zip(*hits[n], strict=True))
            positives = own[questions[n]]
            for position in positives:
                if position not in scores:
                    scores[position] = round(float(missed[position] @ vectors[n]), DECIMALS)
            row["positive_score"] = scores[next(iter(sources.positions(row) or positives))]
            yield self._search(row, answers, positives, scores, known, groups)

    def _cannot(
        self,
        row: Mapping[str, Any],
        own: Mapping[str, Any],
        faults: Mapping[int, str],
        number: Mapping[str, int],
        answers: tuple[str, ...],
    ) -> str | None:
        """Why a row gets no negatives."""
        if _no_question(row):
            return EMPTY_QUESTION
        question = normalised(row["question"])
        if not own[question]:
            return "no passage"
        if fault := faults.get(number[question]):
            return f"the embedder '{self.embeddings.model_name}' gave {fault} for the question"
        if not answers and self.false_negative_check != "none":
            return "no answer to test candidates with"
        return None

    def _vectors_of_missed(
        self, own: Mapping[str, Any], hits: list[Hits], index: PassageIndex
    ) -> dict[int, Vectors]:
        """The vectors of questions' own passages that are not among their hits."""
        missed = {
            position: None
            for positives, found in zip(own.values(), hits, strict=True)
            for position in set(positives) - set(found.positions)
        }
        if not missed:
            return {}
        texts = [index.passage(position)[1] for position in missed]
        vectors = embed(self.embeddings, texts, self.passage_prompt, self.encode_batch_size)  # type: ignore[arg-type]
        return dict(zip(missed, vectors, strict=True))

    def _search(
        self,
        row: dict[str, Any],
        answers: tuple[str, ...],
        positives: Mapping[int, None],
        scores: Mapping[int, float],
        known: list[dict[str, Any]],
        groups: list[int],
    ) -> _Search:
        least = min(scores[position] for position in positives)
        limit = None if self.relative_margin is None else least - self.relative_margin * abs(least)  # type: ignore[operator]
        candidates = []
        left_out: Counter[str] = Counter()
        ranked = [item for item in scores.items() if item[0] not in positives]
        for position, score in ranked[: self.pool]:  # type: ignore[misc]
            above = limit is not None and score > limit
            if any(groups[position] == groups[p] for p in positives):
                left_out[OWN_DUPLICATE] += 1
            elif any(passages_overlap(known[position], known[p]) for p in positives):
                left_out[OVERLAPS] += 1
            elif above and not self.further_positives:
                left_out[TOO_SIMILAR] += 1
            else:
                candidates.append((position, score, above))
        return _Search(row, answers, candidates, left_out)

    def _test(self, searches: list[_Search], known: list[dict[str, Any]]) -> None:
        """Tests as many candidates as are needed, those of all rows together."""
        assert self._check is not None, "load() makes the check"
        while True:
            taken = [
                (search, *candidate)
                for search in searches
                for candidate in search.take(self.num_negatives)  # type: ignore[arg-type]
            ]
            if not taken:
                return
            verdicts = self._check(
                [
                    Candidate(search.row["question"], search.answers, known[position]["context"])
                    for search, position, _, _ in taken
                ]
            )
            for (search, position, score, above), holds in zip(taken, verdicts, strict=True):
                if holds is None:
                    search.left_out[NOT_JUDGED] += 1
                elif holds:
                    search.left_out[HOLDS_ANSWER] += 1
                    search.positives.append(position)
                elif above:
                    search.left_out[TOO_SIMILAR] += 1
                else:
                    search.negatives.append((position, score))

    def _write(self, search: _Search, index: PassageIndex) -> None:
        found = [(*index.passage(position), score) for position, score in search.negatives]
        search.row.update(
            negatives=[text for _, text, _ in found],
            negative_ids=[own_id for own_id, _, _ in found],
            negative_scores=[score for _, _, score in found],
        )
        if self.further_positives:
            positives = [index.passage(position) for position in search.positives]
            search.row["further_positives"] = [text for _, text in positives]
            search.row["further_positive_ids"] = [own_id for own_id, _ in positives]
        if len(found) < self.num_negatives:  # type: ignore[operator]
            reasons = ", ".join(f"{count} {reason}" for reason, count in search.left_out.items())
            search.row["negatives_reason"] = (
                f"{len(found)} of {self.num_negatives}: {reasons or 'no more candidates'}"
            )

    def _log(self, rows: list[dict[str, Any]], searches: list[_Search]) -> None:
        left_out = sum((search.left_out for search in searches), Counter())
        for reason, count in left_out.most_common():
            self._logger.info(f"{counted(count, 'candidate')} left out: {reason}")
        few = sum(row["negatives_reason"] is not None for row in rows)
        if few:
            self._logger.warning(
                f"{few} of {counted(len(rows), 'row')} have fewer than {self.num_negatives}"
                " negatives; `negatives_reason` says why"
            )


def _empty() -> dict[str, Any]:
    lists = ("negatives", "negative_ids", "negative_scores")
    lists += ("further_positives", "further_positive_ids")  # type: ignore[assignment]
    return {
        **{name: [] for name in lists},
        "positive_score": None,
        "negatives_reason": None,
    }


def _no_question(row: Mapping[str, Any]) -> bool:
    return not has_text(row.get("question"))
