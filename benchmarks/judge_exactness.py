"""Are the judge's spans LettuceDetect's? Every row of the data, float32, and bfloat16's verdicts.

    python benchmarks/judge_exactness.py --model embedded

Prints per kind of row how many there are, how many spans LettuceDetect finds, how many rows differ
in offsets or text (white space at a span's ends aside, which the judge trims), and the largest
difference of a confidence. Rows that do not fit the model's window are compared under
LettuceDetect's rule, `evidence_rule="every"`, and counted as long. Ends with 1 if a row differs, or
if less than 99% of bfloat16's verdicts are float32's.
"""

import argparse
import sys
from collections import defaultdict
from typing import Any

import torch
from judge_data import Case, cases, halueval, questions, shuffled
from lettucedetect.detectors.prompt_utils import PromptUtils
from lettucedetect.detectors.transformer import TransformerDetector

from distilabel_rag4rag.steps.judging.detectors.spans import tidy
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge


def all_rows() -> list[Case]:
    """Human answers, their sentences, HaluEval's answers and shuffled answers of both splits."""
    rows: list[Case] = []
    for split in ("train", "eval"):
        asked = questions(split)
        kinds = {"human answer", "its sentence"}
        rows += [case for case in cases(asked) if case.kind in kinds]
        rows += [*halueval(split), *shuffled(asked)]
    return rows


def judged(rows: list[Case], model: str, **settings: Any) -> list[dict[str, Any]]:
    """The rows as the step leaves them."""
    judge = LettuceDetectJudge(model=model, **settings)
    judge.load()
    outputs = next(judge.process([case.row() for case in rows]))
    judge.unload()
    return list(outputs)


def resolve(model: str) -> str:
    """The folder or Hub id of a model."""
    if model != "embedded":
        return model
    from distilabel_rag4rag import embedded

    return embedded.judge_path()


def compare(rows: list[Case], model: str) -> dict[str, dict[str, float]]:
    """Per kind: rows, long ones, LettuceDetect's spans, rows that differ, largest difference."""
    fitting = judged(rows, model, precision="float32")
    every = judged(rows, model, precision="float32", evidence_rule="every")
    judge = LettuceDetectJudge(model=model)
    judge.load()
    detector = TransformerDetector(model, max_length=judge._detector.max_length)
    counts: dict[str, dict[str, float]] = defaultdict(
        lambda: {"rows": 0, "long": 0, "spans": 0, "different": 0, "confidence": 0.0}
    )
    for case, alone, grouped in zip(rows, fitting, every, strict=True):
        prompt = PromptUtils.format_context(list(case.contexts), case.question, "en")
        long = len(detector.tokenizer(prompt, case.answer)["input_ids"]) > detector.max_length
        output = grouped if long else alone
        found = detector.predict(list(case.contexts), case.answer, case.question, "spans")
        theirs, ours = tidy(case.answer, found), output["hallucinated_spans"]
        count = counts[case.kind]
        count["rows"] += 1
        count["long"] += long
        count["spans"] += len(theirs)
        places = [[(s["start"], s["end"], s["text"]) for s in spans] for spans in (theirs, ours)]
        gaps = [abs(a["confidence"] - b["confidence"]) for a, b in zip(theirs, ours, strict=False)]
        count["confidence"] = max([count["confidence"], *gaps])
        if places[0] != places[1] or max(gaps, default=0.0) > 1e-4 or output["judge_reason"]:
            count["different"] += 1
            print("differs:", case.answer, theirs, ours, output["judge_reason"])
    return dict(counts)


def agreement(rows: list[Case], model: str) -> float:
    """The share of rows with the same verdict in float32 and bfloat16."""
    verdicts = [
        [bool(row["hallucinated_spans"]) for row in judged(rows, model, precision=precision)]
        for precision in ("float32", "bfloat16")
    ]
    return sum(one == other for one, other in zip(*verdicts, strict=True)) / len(rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="embedded", help="embedded, a folder or a Hub id")
    parser.add_argument("--rows", type=int, help="a sample of so many rows, every nth")
    options = parser.parse_args()
    rows = all_rows()
    rows = rows[:: max(1, len(rows) // options.rows)] if options.rows else rows
    model = resolve(options.model)
    counts = compare(rows, model)
    print(f"{options.model}, torch {torch.__version__}")
    print(f"{'kind':24}{'rows':>7}{'long':>7}{'spans':>7}{'different':>11}{'confidence':>13}")
    for kind, count in counts.items():
        print(
            f"{kind:24}{count['rows']:7}{count['long']:7}{count['spans']:7}{count['different']:11}"
            f"{count['confidence']:13.1e}"
        )
    different = sum(count["different"] for count in counts.values())
    same = agreement(rows, model)
    print(f"{len(rows)} rows, {different} differ; bfloat16 gives {same:.2%} of float32's verdicts")
    return int(different > 0 or same < 0.99)


if __name__ == "__main__":
    sys.exit(main())
