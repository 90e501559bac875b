"""Seeded rows of three arms about invented towns, in clusters that succeed and fail together."""

from typing import Any

import numpy as np

TOWNS = [
    *("Orvelle", "Tarnwick", "Quessby", "Maldrun", "Hesperholt", "Vintry", "Lassombe", "Corrow"),
    *("Dunmeath", "Ylva-on-Sea", "Brackenfell", "Samphire", "Odderby", "Pellinor", "Caldmoor"),
]
FOUNDERS = ["Ines Karoly", "Tobias Wendt", "Maren Okafor", "Luc Adeyemi", "Ivo Branković"]
TRADES = ["salt", "glass", "slate", "indigo", "clocks", "amber"]

#: Per arm: chances of an abstention, of nothing at all, of an invented answer.
CHANCES = {
    "zero_shot": (0.02, 0.01, 0.80),
    "gold_context": (0.04, 0.01, 0.08),
    "rag4rag": (0.07, 0.01, 0.15),
}


def make_rows(passages: int = 40, seed: int = 0, arms: tuple[str, ...] = tuple(CHANCES)) -> list:
    """Three questions per passage and arm, with spans, scores and retrieval."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for p in range(passages):
        facts, context, title = _passage(rng, p)
        shift = rng.normal(0, 0.8)  # a passage is easy or hard for all its questions
        for q, (question, truth) in enumerate(facts):
            for arm in arms:
                rows.append(
                    {
                        "arm": arm,
                        "id": f"q{p:03d}-{q}",
                        "passage_id": f"p{p:03d}",
                        "title": title,
                        "context": context,
                        "question": question,
                        "human_answer": truth,
                        "evidence_truncated": False,
                        "model_name": "synthetic",
                        "input_tokens": 40 if arm == "zero_shot" else 190,
                        **_retrieval(rng, arm, p),
                        **_answer(rng, arm, truth, shift),
                    }
                )
    return rows


def _passage(rng: np.random.Generator, p: int) -> tuple[list[tuple[str, str]], str, str]:
    town = f"{TOWNS[p % len(TOWNS)]}{' ' + 'I' * (p // len(TOWNS)) if p >= len(TOWNS) else ''}"
    founder, trade = FOUNDERS[rng.integers(5)], TRADES[rng.integers(6)]
    year, people = int(rng.integers(1180, 1890)), int(rng.integers(4, 90)) * 100
    context = (
        f"{town} is a market town on the river Ash. It was founded in {year} by {founder}, who "
        f"had lost a lawsuit about a mill and wanted to live where nobody knew of it. For two "
        f"centuries the town lived on {trade}; the old warehouses along the quay are now a "
        f"library & a swimming bath. At the last count {town} had {people} inhabitants."
    )
    facts = [
        (f"When was {town} founded?", str(year)),
        (f"Who founded {town}?", founder),
        (f"What did {town} live on for two centuries?", trade),
    ]
    return facts, context, f"{town}"


def _retrieval(rng: np.random.Generator, arm: str, p: int) -> dict[str, Any]:
    if arm != "rag4rag":
        return {"retrieved_ids": None, "retrieval_scores": None, "source_rank": None}
    rank = int(rng.choice([1, 2, 3, 0], p=[0.85, 0.07, 0.03, 0.05]))
    ids = [f"p{(p + i) % 997:03d}" for i in (101, 202, 303)]
    if rank:
        ids[rank - 1] = f"p{p:03d}"
    return {
        "retrieved_ids": ids,
        "retrieval_scores": sorted(rng.uniform(0.3, 0.9, 3).tolist(), reverse=True),
        "source_rank": rank or None,
    }


def _answer(rng: np.random.Generator, arm: str, truth: str, shift: float) -> dict[str, Any]:
    abstains, fails, invents = CHANCES[arm]
    odds = invents / (1 - invents) * np.exp(shift)
    kind = rng.random()
    row: dict[str, Any] = {
        "answer": None,
        "abstained": False,
        "answer_reason": None,
        "hallucinated_spans": [],
        "hallucination_score": None,
        "judge_reason": "no answer",
        "output_tokens": 12,
    }
    if kind < abstains:
        return row | {"abstained": True, "answer_reason": "the passages hold no answer"}
    if kind < abstains + fails:
        return row | {"answer_reason": "the LLM gave nothing"}
    if kind > 0.99:
        return row | {"answer": truth, "judge_reason": "the judge gave no prediction"}
    row["judge_reason"] = None
    if rng.random() >= odds / (1 + odds):
        faint = float(rng.beta(1, 12)) if rng.random() < 0.4 else 0.0
        return row | {"answer": truth, "hallucination_score": faint}
    invented = str(rng.choice(["1901", "Hugo Marchetti", "tulip bulbs", "the monks of St. Elm"]))
    answer = invented if rng.random() < 0.5 else f"It was {invented}, as far as is known."
    confidence, start = float(rng.beta(9, 1.5)), answer.index(invented)
    span = {"start": start, "end": start + len(invented), "text": invented}
    return row | {
        "answer": answer,
        "hallucinated_spans": [span | {"confidence": confidence}],
        "hallucination_score": confidence,
    }
