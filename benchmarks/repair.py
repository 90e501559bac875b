"""What repair makes of flagged answers: how many pass, how many are right, what it costs.

    rag4rag compare squad-eval-12-articles.json --arms rag4rag --out RUN
    python benchmarks/repair.py RUN/rows.parquet
    python benchmarks/repair.py RUN/rows.parquet --scripted-perfect

The flagged rows of one arm are repaired with the packaged LLM (another by --llm-model) and the
packaged judge, in four ways: asked again once, three rounds, the best of four replies, and with
the most similar sentence as the way out. --scripted-perfect asks an LLM that replies with the human
answer instead: that is no measurement of a model, but of the machinery around it.

"first judge" is the share of flagged rows for which the judge passed a new answer of the LLM,
"confirmed" the share for which the second check (its words stand in the evidence) passed it too.
Exact match and F1 against the human answers are over all flagged rows, the answers that were given
up as they were and abstentions as no answer; "right" is the share of the new answers with an F1 of
at least 0.5, "holds" the share that contains a human answer.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from distilabel_rag4rag import EmbeddedLLM, RepairAnswer, cached
from distilabel_rag4rag.comparison.metrics import lenient_scores, squad_scores
from distilabel_rag4rag.testing import ScriptedLLM

SAMPLING = {"do_sample": True, "temperature": 0.8, "top_p": 0.95}
WAYS: dict[str, dict[str, Any]] = {
    "asked again": {},
    "three rounds": {"rounds": 3},
    "best of 4": {"candidates": 4},
    "best of 4, or a sentence": {"candidates": 4, "fallback": "sentence"},
}


def flagged_rows(path: Path, arm: str, limit: int | None) -> tuple[int, list[dict[str, Any]]]:
    """How many rows the arm has, and those that are flagged and have a human answer."""
    rows = [row for row in pq.read_table(path).to_pylist() if row["arm"] == arm]
    for row in rows:
        row["contexts"] = row["context"]
        row["human_answers"] = row["human_answers"] or [row["human_answer"]]
    flagged = [
        row
        for row in rows
        if (row["hallucination_score"] or 0) >= 0.5 and row["human_answers"] != [None]
    ]
    if not flagged:
        raise SystemExit(f"{path}: found {len(rows)} rows of {arm!r}, none flagged")
    return len(rows), flagged[:limit]


def repair(
    rows: list[dict[str, Any]], llm: Any, judge: str, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows after repair."""
    task = RepairAnswer(llm=llm, judge_model=judge, **settings)
    task.load()
    out: list[dict[str, Any]] = next(task.process([dict(row) for row in rows]))
    task.unload()
    return out


def figures(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, float]:
    """The figures of one way."""
    golds = [row["human_answers"] for row in before]
    exact_before, f1_before = squad_scores([row["answer"] for row in before], golds)
    exact, f1 = squad_scores([row["answer"] for row in after], golds)
    lenient, holds = lenient_scores([row["answer"] for row in after], golds)
    outcomes = np.array([row["repair_outcome"] for row in after])
    confirmed = outcomes == "repaired"
    refused = np.array([(row["repair_reason"] or "").startswith("not confirmed") for row in after])
    new = confirmed | (outcomes == "sentence")
    calls = sum(row["repair_calls"] for row in after)
    return {
        "first judge": float((confirmed | refused).mean()),
        "confirmed": float(confirmed.mean()),
        "sentence": float((outcomes == "sentence").mean()),
        "abstained": float((outcomes == "abstained").mean()),
        "given up": float((outcomes == "given up").mean()),
        "EM before": float(exact_before.mean()),
        "EM": float(exact.mean()),
        "F1 before": float(f1_before.mean()),
        "F1": float(f1.mean()),
        "right": float((lenient[new] >= 0.5).mean()) if new.any() else float("nan"),
        "holds": float(holds[new].mean()) if new.any() else float("nan"),
        "calls per flagged": calls / len(after),
        "calls per repaired": calls / confirmed.sum() if confirmed.any() else float("inf"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path, help="rows.parquet of `rag4rag compare`")
    parser.add_argument("--arm", default="rag4rag")
    parser.add_argument("--limit", type=int, help="flagged rows that are repaired")
    parser.add_argument("--llm-model", default="embedded")
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--scripted-perfect", action="store_true")
    options = parser.parse_args()
    number, rows = flagged_rows(options.rows, options.arm, options.limit)
    # Prompts hold questions with single spaces.
    answers = {
        f"Question: {' '.join(row['question'].split())}": row["human_answers"][0] for row in rows
    }
    table: dict[str, dict[str, float]] = {}
    ways = {"scripted: the human answer": {}} if options.scripted_perfect else WAYS
    # Ways that ask the same share the replies.
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in ways.items():
            sampling = SAMPLING if settings.get("candidates", 1) > 1 else {}
            llm: Any = EmbeddedLLM(
                model=options.llm_model, generation_kwargs={"max_new_tokens": 32, **sampling}
            )
            if options.scripted_perfect:
                llm = ScriptedLLM(replies=answers)
            start = time.perf_counter()
            after = repair(rows, cached(llm, folder=folder), options.judge, settings)
            table[name] = figures(rows, after)
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    print(f"\n{len(rows)} flagged of {number} rows of {options.arm}, judge {options.judge}\n")
    print(f"{'':20}" + "".join(f"{name:>28}" for name in table))
    for figure in next(iter(table.values())):
        print(f"{figure:20}" + "".join(f"{own[figure]:28.3f}" for own in table.values()))


if __name__ == "__main__":
    main()
