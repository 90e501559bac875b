"""How well a judge tells supported answers from others; the same sets for tuning and for report.

    python scripts/train_judge_evaluate.py --data DIR --out DIR [--checkpoint DIR]

measures the packaged judge, or another checkpoint, on the eval files, which no training or tuning
has seen, and writes the figures to --out as report.json and report.md.
"""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lettucedetect.detectors.prompt_utils import PromptUtils
from sklearn.metrics import roc_auc_score
from train_judge_data import SUPPORTED, UNSUPPORTED, Example, Maker, Piece
from train_judge_inventions import REPORT_WAYS, invent
from train_judge_items import Item, add_inventions, load_items

Scorer = Callable[[list[Example]], np.ndarray]


def whole(item: Item, answer: str, label: int) -> Example:
    """The item's own passage and question with this answer."""
    return Example([item.passage], item.question, [Piece(answer, label)], "evaluation")


def tuning_sets(items: list[Item], pool: list[Item], seed: int = 0) -> dict[str, list[Example]]:
    """Named sets of examples, each of one label, from `items`; substitutions come from `pool`."""
    maker, rng = Maker(pool, seed), random.Random(seed)
    sets: dict[str, list[Example]] = {
        name: []
        for name in (
            "human", "halueval_right", "halueval_wrong", "elsewhere", "same_passage",
            "sentence", "sentence_altered", "inventions",
        )
    }  # fmt: skip
    for item in items:
        squad = item.group != "halueval"
        right = whole(item, item.answer, SUPPORTED)
        sets["human" if squad else "halueval_right"].append(right)
        sets["halueval_wrong"] += [whole(item, answer, UNSUPPORTED) for answer in item.wrong]
        sets["inventions"] += [whole(item, answer, UNSUPPORTED) for answer in item.inventions]
        if not squad:
            continue
        for name, same in (("elsewhere", False), ("same_passage", True)):
            other = maker.other(item, [item.passage], same)
            if other is not None:
                sets[name].append(whole(item, other, UNSUPPORTED))
        found = [s for s in item.passage.split(". ") if item.answer in s]
        if found:
            sets["sentence"].append(whole(item, found[0], SUPPORTED))
            other = maker.other(item, [item.passage], same=False)
            if other is not None:
                altered = found[0].replace(item.answer, other)
                sets["sentence_altered"].append(whole(item, altered, UNSUPPORTED))
    rng.shuffle(sets["inventions"])
    return sets


def scores(model: Any, tokenizer: Any, examples: list[Example], fast: bool = True) -> np.ndarray:
    """The largest hallucination probability over each answer's tokens, in bfloat16 if `fast`."""
    result = np.zeros(len(examples))
    prompts = [PromptUtils.format_context(e.passages, e.question, "en") for e in examples]
    order = sorted(range(len(examples)), key=lambda i: len(prompts[i]))
    for first in range(0, len(order), 16):
        rows = order[first : first + 16]
        coded = tokenizer(
            [prompts[i] for i in rows],
            [examples[i].text for i in rows],
            truncation="only_first",
            max_length=512,
            padding=True,
            return_offsets_mapping=True,
            return_token_type_ids=False,  # LettuceDetect hands the model none
            return_tensors="pt",
        )
        offsets = coded.pop("offset_mapping")
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            probabilities = model(**coded).logits.float().softmax(-1)[..., 1]
        for place, row in enumerate(rows):
            answer = torch.tensor([part == 1 for part in coded.sequence_ids(place)])
            answer &= offsets[place, :, 1] > offsets[place, :, 0]
            result[row] = float(probabilities[place][answer].max()) if answer.any() else 0.0
    return result


def evaluate(sets: dict[str, list[Example]], score: Scorer) -> dict[str, float]:
    """AUROCs, and shares flagged at 0.5."""
    s = {name: score(examples) for name, examples in sets.items() if examples}

    def auroc(right: str, wrong: str) -> float:
        truth = [0] * len(s[right]) + [1] * len(s[wrong])
        return round(float(roc_auc_score(truth, np.concatenate([s[right], s[wrong]]))), 4)

    figures = {
        "auroc_halueval": auroc("halueval_right", "halueval_wrong"),
        "auroc_elsewhere": auroc("human", "elsewhere"),
        "auroc_same_passage": auroc("human", "same_passage"),
        "auroc_sentence": auroc("sentence", "sentence_altered"),
    }
    if "inventions" in s:
        figures["auroc_inventions"] = auroc("human", "inventions")
    return figures | {
        f"flagged_{name}": round(float((values >= 0.5).mean()), 4) for name, values in s.items()
    }


def offset_for(sets: dict[str, list[Example]], score: Scorer) -> float:
    """The margin halfway between what 96% of the right answers stay under and what 90% of the
    wrong ones (substitutions from elsewhere, closed-book answers) exceed."""
    right = np.concatenate([score(sets[name]) for name in ("human", "halueval_right", "sentence")])
    wrong = np.concatenate([score(sets[name]) for name in ("elsewhere", "inventions")])
    limits = np.clip([np.quantile(right, 0.96), np.quantile(wrong, 0.1)], 1e-4, 1 - 1e-4)
    return float(np.log(limits / (1 - limits)).mean())


ROWS = (
    ("HaluEval: right or hallucinated", "auroc_halueval"),
    ("SQuAD: human answer, or one of its kind from elsewhere", "auroc_elsewhere"),
    ("SQuAD: human answer, or one of its kind from the same passage", "auroc_same_passage"),
    ("SQuAD: the answer's sentence, or the same with the answer changed", "auroc_sentence"),
    ("SQuAD: human answer, or SmolLM2's closed-book one", "auroc_inventions"),
)
FLAGGED = (
    ("human answers (SQuAD)", "flagged_human"),
    ("right answers (HaluEval)", "flagged_halueval_right"),
    ("sentences of the passage that hold the answer", "flagged_sentence"),
    ("hallucinated answers (HaluEval)", "flagged_halueval_wrong"),
    ("answers of the same kind from elsewhere", "flagged_elsewhere"),
    ("answers of the same kind from the same passage", "flagged_same_passage"),
    ("sentences with the answer changed", "flagged_sentence_altered"),
    ("wrong closed-book answers of SmolLM2", "flagged_inventions"),
)


def closed_book(items: list[Item], folder: Path, count: int, seed: int) -> list[Item]:
    """`count` SQuAD items with what SmolLM2 answers closed-book, kept in `folder`."""
    squad = [item for item in items if item.group != "halueval"]
    chosen = random.Random(seed).sample(squad, count)
    path = folder / "eval-inventions.jsonl"
    for way in invent([item.question for item in chosen], path, REPORT_WAYS):
        print("asked:", way, flush=True)
    add_inventions(items, path)
    return chosen


def by_way(items: list[Item], path: Path) -> dict[str, list[Example]]:
    """The wrong closed-book answers of each way of asking."""
    asked = {item.question: item for item in items}
    sets: dict[str, list[Example]] = {}
    for row in map(json.loads, path.open()):
        item = asked[row["question"].strip()]
        if row["answer"] in item.inventions:
            sets.setdefault(row["way"], []).append(whole(item, row["answer"], UNSUPPORTED))
    return sets


def same_as_lettucedetect(path: str, examples: list[Example], values: np.ndarray) -> float:
    """The largest difference between our batched scores and LettuceDetect's own."""
    from lettucedetect.models.inference import HallucinationDetector

    detector = HallucinationDetector(method="transformer", model_path=path, max_length=512)
    own = [
        # The last token is the separator, which is no part of the answer.
        max(t["prob"] for t in detector.predict(e.passages, e.text, e.question)[:-1])
        for e in examples
    ]
    return float(np.abs(np.array(own) - values).max())


def main() -> None:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    from distilabel_rag4rag import embedded

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--checkpoint", help="the judge's folder; without it, the packaged one")
    parser.add_argument("--questions", type=int, default=100, help="asked closed-book")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.checkpoint or embedded.judge_path()
    model = AutoModelForTokenClassification.from_pretrained(path).eval()
    tokenizer = AutoTokenizer.from_pretrained(path)

    def score(examples: list[Example]) -> np.ndarray:
        return scores(model, tokenizer, examples, fast=False)

    items = load_items(options.data, "eval")
    chosen = closed_book(items, options.out, options.questions, options.seed)
    sets = tuning_sets(items, items, options.seed)
    ways = by_way(chosen, options.out / "eval-inventions.jsonl")
    figures: dict[str, Any] = evaluate(sets, score)
    figures["flagged_by_way"] = {w: float((score(e) >= 0.5).mean()) for w, e in ways.items()}
    figures["size"] = {name: len(examples) for name, examples in sets.items()}
    figures["difference_to_lettucedetect"] = same_as_lettucedetect(
        path, sets["human"][:20], score(sets["human"][:20])
    )
    (options.out / "report.json").write_text(json.dumps(figures, indent=1))
    table = ["| separated | AUROC |", "|---|---|"]
    table += [f"| {text} | {figures[name]:.3f} |" for text, name in ROWS]
    table += ["", "| flagged at 0.5 | answers | share |", "|---|---|---|"]
    for text, name in FLAGGED:
        count = figures["size"][name.removeprefix("flagged_")]
        table.append(f"| {text} | {count} | {figures[name]:.1%} |")
    for way, share in figures["flagged_by_way"].items():
        table.append(f"| ... of them, asked as `{way}` | {len(ways[way])} | {share:.1%} |")
    (options.out / "report.md").write_text("\n".join(table) + "\n")
    print("\n".join(table))
    print("largest difference to LettuceDetect:", figures["difference_to_lettucedetect"])


if __name__ == "__main__":
    main()
