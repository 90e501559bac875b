"""How well a judge tells supported answers from others; the same sets for tuning and for report."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lettucedetect.detectors.prompt_utils import PromptUtils
from sklearn.metrics import roc_auc_score
from train_judge_data import SUPPORTED, UNSUPPORTED, Example, Item, Maker, Piece

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


def scores(model: Any, tokenizer: Any, examples: list[Example]) -> np.ndarray:
    """The largest hallucination probability over the tokens of each answer."""
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
            return_tensors="pt",
        )
        offsets = coded.pop("offset_mapping")
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
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


def offset_for(sets: dict[str, list[Example]], score: Scorer, share: float = 0.04) -> float:
    """The margin that `share` of the right answers exceed."""
    right = np.concatenate([score(sets[name]) for name in ("human", "halueval_right", "sentence")])
    limit = float(np.clip(np.quantile(right, 1 - share), 1e-4, 1 - 1e-4))
    return math.log(limit / (1 - limit))
