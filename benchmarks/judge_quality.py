"""How well does a judge tell supported answers from others? A table by kind of error.

    python benchmarks/judge_quality.py --model embedded
    python benchmarks/judge_quality.py --model KRLabsOrg/tinylettuce-ettin-17m-en-v1 \\
        --model KRLabsOrg/lettucedect-base-modernbert-en-v1 --labels mine.jsonl

Rows come from ../shared/data's eval files where they are, and from the package's sample world; no
model of this package was trained on either. Every kind of error is set against the supported
answers it was made from: phrases against human answers, altered sentences against the sentences as
they stand. AUROC and the rates at the threshold are over answers; span precision, recall and F1
over characters of the unsupported answers, where it is known which part is wrong.

--labels names JSON lines with answer, contexts (or context), question (optional), kind (optional)
and either labels, a list of {start, end} (empty: supported), or hallucinated, true or false.
--answers names a rows.parquet of `rag4rag compare`: the zero-shot answers in it that hold neither
the human answer nor stand in the passage are one more kind, "closed-book".

The last table is about evidence that does not fit the window: the source passage among others, one
window against groups joined by "any" (supported where any group supports it) and by "every".
"""

import argparse
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow.parquet as pq
from judge_data import Case, cases, data_folder, halueval, questions, sample_world
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    field_validator,
    model_validator,
)
from sklearn.metrics import roc_auc_score

from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

#: The supported answers that each kind of error is set against.
AGAINST = {
    "same passage": "human answer",
    "from elsewhere": "human answer",
    "closed-book": "human answer",
    "sentence altered": "its sentence",
    "HaluEval hallucinated": "HaluEval right",
}


def judged(rows: Iterable[Case], model: str, **settings: Any) -> list[dict[str, Any]]:
    """The rows as the step leaves them; rows that could not be judged end the benchmark."""
    judge = LettuceDetectJudge(model=model, **settings)
    judge.load()
    outputs: list[dict[str, Any]] = next(judge.process([case.row() for case in rows]))
    judge.unload()
    failed = [row["judge_reason"] for row in outputs if row["judge_reason"]]
    if failed:
        raise SystemExit(f"{len(failed)} rows were not judged: {failed[0]}")
    return outputs


class LabelledSpan(BaseModel):
    start: int
    end: int


class LabelledRow(BaseModel):
    """A line of a user's own labels; see the head of this file."""

    model_config = ConfigDict(populate_by_name=True)

    answer: Annotated[str, Field(min_length=1)]
    contexts: list[str] = Field(min_length=1, validation_alias=AliasChoices("contexts", "context"))
    question: str | None = None
    kind: str = "labelled"
    labels: list[LabelledSpan] | None = None
    hallucinated: StrictBool | None = None

    @field_validator("contexts", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_labelled(self) -> "LabelledRow":
        if self.labels is None and self.hallucinated is None:
            raise ValueError("expected `labels` or `hallucinated`")
        if any(not 0 <= s.start < s.end <= len(self.answer) for s in self.labels or ()):
            raise ValueError("a label lies outside the answer")
        return self

    def case(self) -> Case:
        spans = self.labels
        wrong = None if spans is None else tuple((span.start, span.end) for span in spans)
        supported = not (self.hallucinated if spans is None else spans)
        kind = self.kind + (" supported" if supported else "")
        return Case(kind, tuple(self.contexts), self.question, self.answer, supported, wrong)


def labelled(path: Path) -> list[Case]:
    """The cases of a file of labels; a kind without supported answers is set against all others."""
    cases, number = [], 0
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    cases.append(LabelledRow.model_validate_json(line).case())
    except OSError as error:
        raise SystemExit(f"--labels: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SystemExit(f"--labels: {path}, line {number}: {where} {first['msg']}") from None
    if not cases:
        raise SystemExit(f"--labels: {path} holds no rows")
    supported = {case.kind for case in cases if case.supported}
    for kind in {case.kind for case in cases} - supported:
        if f"{kind} supported" not in supported:
            cases += [c._replace(kind=f"{kind} supported") for c in cases if c.kind in supported]
    return cases


def closed_book(path: Path) -> list[Case]:
    """The wrong zero-shot answers of a comparison."""
    rows = pq.read_table(path).to_pylist()
    return [
        Case("closed-book", (row["context"],), row["question"], row["answer"], False, None)
        for row in rows
        if row["arm"] == "zero_shot"
        and row["answer"]
        and row["human_answer"].lower() not in row["answer"].lower()
        and row["answer"].strip(" .").lower() not in row["context"].lower()
    ]


def characters(case: Case, row: dict[str, Any]) -> tuple[int, int, int]:
    """Characters found and wrong, found, and wrong."""
    found = {n for span in row["hallucinated_spans"] for n in range(span["start"], span["end"])}
    wrong = {n for start, end in case.wrong or () for n in range(start, end)}
    return len(found & wrong), len(found), len(wrong)


def share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def f1(precision: float, recall: float) -> float:
    return share(2 * precision * recall, precision + recall)


def table(rows: list[Case], model: str, threshold: float) -> None:
    """Prints, per kind of error, how well it is separated from its supported answers."""
    # Below the lowest threshold every token is in a span: the score is its largest probability.
    highest = [row["hallucination_score"] for row in judged(rows, model, threshold=0.0)]
    outputs = judged(rows, model, threshold=threshold)
    kinds: dict[str, list[int]] = {}
    for number, case in enumerate(rows):
        kinds.setdefault(case.kind, []).append(number)
    flagged = np.array([bool(row["hallucinated_spans"]) for row in outputs])
    scores = np.array(highest)

    print(f"{'supported':26}{'rows':>6}{'false alarms':>14}")
    for kind, numbers in kinds.items():
        if rows[numbers[0]].supported:
            print(f"{kind:26}{len(numbers):6}{flagged[numbers].mean():14.1%}")
    header = ("AUROC", "precision", "recall", "F1", "span P", "span R", "span F1")
    print(f"\n{'unsupported':26}{'rows':>6}" + "".join(f"{name:>10}" for name in header))
    for kind, wrong in kinds.items():
        if rows[wrong[0]].supported:
            continue
        right = kinds.get(AGAINST.get(kind, kind + " supported"), [])
        truth = [0] * len(right) + [1] * len(wrong)
        auroc = roc_auc_score(truth, scores[right + wrong]) if right else float("nan")
        precision = share(flagged[wrong].sum(), flagged[wrong].sum() + flagged[right].sum())
        recall = float(flagged[wrong].mean())
        figures = [auroc, precision, recall, f1(precision, recall)]
        if rows[wrong[0]].wrong is not None:
            sums = np.sum([characters(rows[n], outputs[n]) for n in wrong], axis=0)
            found, covered = share(sums[0], sums[1]), share(sums[0], sums[2])
            figures += [found, covered, f1(found, covered)]
        print(f"{kind:26}{len(wrong):6}" + "".join(f"{figure:10.3f}" for figure in figures))


def long_evidence(asked: list[Case], model: str, passages: int, window: int, seed: int = 0) -> None:
    """The source passage at a random place among others, in windows too small for all of them."""
    rng = random.Random(seed)
    texts = sorted({case.contexts[0] for case in asked})
    kinds = ("human answer", "from elsewhere")
    alone = [case for case in asked if case.kind in kinds and len(case.contexts[0]) < 2 * window]
    among: list[Case] = []
    for case in alone:
        # Not those that hold the answer: it would not be wrong any longer.
        apart = [text for text in texts if case.answer.lower() not in text.lower()]
        apart = [text for text in apart if text not in case.contexts]
        others = rng.sample(apart, min(passages - 1, len(apart)))
        place = rng.randrange(len(others) + 1)
        evidence = (*others[:place], *case.contexts, *others[place:])
        among.append(case._replace(contexts=evidence))
    judgements = {
        "the source passage alone": judged(alone, model, max_length=window),
        f"among {passages}, any": judged(among, model, max_length=window, evidence_rule="any"),
        f"among {passages}, every": judged(among, model, max_length=window, evidence_rule="every"),
    }
    print(f"\n{f'window of {window} tokens':26}" + "".join(f"{f'flagged: {k}':>26}" for k in kinds))
    for name, outputs in judgements.items():
        shares = [
            np.mean([bool(r["hallucinated_spans"]) for r, c in pairs if c.kind == kind])
            for pairs in [list(zip(outputs, alone, strict=True))]
            for kind in kinds
        ]
        print(f"{name:26}" + "".join(f"{value:26.1%}" for value in shares))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", action="append", help="embedded (default), a folder or a Hub id; repeatable"
    )
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--labels", type=Path, help="JSON lines with labels of your own")
    parser.add_argument("--answers", type=Path, help="rows.parquet of rag4rag compare")
    parser.add_argument("--limit", type=int, help="questions per source")
    parser.add_argument("--passages", type=int, default=10, help="in the test of long evidence")
    parser.add_argument("--window", type=int, default=512, help="tokens in that test")
    options = parser.parse_args()
    sources = {"the sample world": list(cases(sample_world()[: options.limit]))}
    if data_folder() is not None:
        squad = list(cases(questions("eval")[: options.limit]))
        turns = list(halueval("eval"))
        turns = turns[: 2 * options.limit] if options.limit else turns
        if options.answers:
            squad += closed_book(options.answers)
        sources = {"SQuAD and HaluEval, eval files": squad + turns, **sources}
    if options.labels:
        sources = {str(options.labels): labelled(options.labels)}
    for model in options.model or ["embedded"]:
        for name, rows in sources.items():
            print(f"\n== {model} on {name}, threshold {options.threshold}\n")
            table(rows, model, options.threshold)
            if not options.labels:
                long_evidence(rows, model, options.passages, options.window)


if __name__ == "__main__":
    main()
