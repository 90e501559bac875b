"""How well does a judge tell supported answers from others? Tables by kind of error.

    python benchmarks/judge_quality.py
    python benchmarks/judge_quality.py --model embedded KRLabsOrg/tinylettuce-ettin-17m-en-v1

Rows come from the eval files in the folder that RAG4RAG_DATA names, and from the package's sample
world; no model of this package was trained on either. Every kind of error is set against the
supported answers it was made from: phrases against human answers, altered sentences against the
sentences as they stand. Beside the judges stand two checks without one: the words that the evidence
holds, and embedding similarity. Intervals resample questions. The tables are those of
`rag4rag judge evaluate`, which does the same on labels of yours; --rows writes ours as such a file.

--answers names a rows.parquet of `rag4rag compare` on the same eval file: the zero-shot answers in
it that hold neither the human answer nor stand in the passage are one more kind, "closed-book", and
the answers to the passage that share no word with the human answer another, "grounded, wrong".

--part: "look" and "once" are halves of the eval files (every second article by name, every second
question of HaluEval). The second half is for figures of a finished judge alone.
"""

import argparse
import json
from pathlib import Path

import pyarrow.parquet as pq
from judge_data import Case, cases, data_folder, halueval, part_of, questions, sample_world

from distilabel_rag4rag.comparison.judge_quality import measure_quality
from distilabel_rag4rag.comparison.statistics import Resampling
from distilabel_rag4rag.data.judge_labels import LabelledAnswer
from distilabel_rag4rag.data.word_support import function_words, words_of
from distilabel_rag4rag.experiment.judge_answers import (
    judge_answers,
    similar_to_evidence,
    words_supported,
)
from distilabel_rag4rag.report.judge_tables import quality_tables

#: The supported answers that each kind of error is set against.
AGAINST = {
    "same passage": "human answer",
    "from elsewhere": "human answer",
    "closed-book": "human answer",
    "grounded, wrong": "human answer",
    "sentence altered": "its sentence",
    "HaluEval hallucinated": "HaluEval right",
}


def given(path: Path, arm: str, kind: str) -> list[Case]:
    """The wrong answers of an arm of a comparison."""
    return [
        Case(kind, (row["context"],), row["question"], row["answer"], False, None)
        for row in pq.read_table(path).to_pylist()
        if row["arm"] == arm and row["answer"] and is_wrong(row)
    ]


def is_wrong(row: dict[str, str]) -> bool:
    """From memory: neither the human answer nor in the passage. With the passage: no word of the
    human answer beyond those of the question."""
    answer, human = row["answer"].lower(), row["human_answer"].lower()
    if row["arm"] == "zero_shot":
        return human not in answer and answer.strip(" .") not in row["context"].lower()
    said, right, asked = (
        {word for word, _, _ in words_of(text)} - function_words("en")
        for text in (answer, human, row["question"])
    )
    return bool(right - asked) and not said & (right - asked)


def labelled(case: Case) -> LabelledAnswer:
    spans = None if case.wrong is None and not case.supported else case.wrong or ()
    against = AGAINST.get(case.kind)
    unsupported = not case.supported
    return LabelledAnswer(
        case.kind, case.contexts, case.question, case.answer, unsupported, spans, against
    )


def sources(answers: Path | None, limit: int | None, part: str) -> dict[str, list[LabelledAnswer]]:
    """The rows by where they are from."""
    found = {"the sample world": list(cases(sample_world()[:limit]))}
    if data_folder() is not None:
        rows = [*cases(questions("eval")[:limit]), *halueval("eval")]
        if answers is not None:
            rows += given(answers, "zero_shot", "closed-book")
            rows += given(answers, "gold_context", "grounded, wrong")
        parts = part_of("eval")
        rows = [case for case in rows if part == "all" or parts.get(case.question) == part]
        found = {f"SQuAD and HaluEval, eval files, part: {part}": rows, **found}
    return {name: [labelled(case) for case in rows] for name, rows in found.items()}


def write_rows(answers: list[LabelledAnswer], path: Path) -> None:
    """As JSON lines for `rag4rag judge evaluate --labels`."""
    with path.open("w", encoding="utf-8") as file:
        for answer in answers:
            row = {
                "kind": answer.kind,
                "against": answer.against,
                "contexts": answer.contexts,
                "question": answer.question,
                "answer": answer.answer,
                "hallucinated": answer.unsupported,
            }
            if answer.spans is not None:
                row["labels"] = [{"start": start, "end": end} for start, end in answer.spans]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", nargs="*", default=["embedded"], help="embedded, folders or Hub ids"
    )
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--answers", type=Path, help="rows.parquet of rag4rag compare")
    parser.add_argument("--limit", type=int, help="questions per source")
    parser.add_argument("--part", choices=("look", "once", "all"), default="all")
    parser.add_argument("--rows", type=Path, help="file to write the rows of the eval files to")
    options = parser.parse_args()
    for name, answers in sources(options.answers, options.limit, options.part).items():
        print(f"\n# {name}, threshold {options.threshold}\n", flush=True)
        if options.rows is not None:
            write_rows(answers, options.rows)
            return
        verdicts = [judge_answers(answers, model, options.threshold) for model in options.model]
        verdicts += [words_supported(answers), similar_to_evidence(answers)]
        qualities = {v.judge: measure_quality(answers, v, Resampling()) for v in verdicts}
        for table in quality_tables(qualities):
            print(table.markdown(), flush=True)


if __name__ == "__main__":
    main()
