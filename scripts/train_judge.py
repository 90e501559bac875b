"""Trains the judge's adapter: LoRA on the packaged MiniLM, for LettuceDetect's prompts.

    python scripts/train_judge.py --data DIR --out DIR --seed 0

DIR of --data holds the SQuAD articles and HaluEval questions named in the model card. Two steps,
the first of which is kept between runs in --out:
1. SmolLM2 answers the training questions closed-book (`train_judge_inventions.py`);
2. the adapter is trained on examples made by rule (`train_judge_data.py`), and a constant is added
   to the classifier's bias so that few right answers of the held-out training items are flagged.
`train_judge_evaluate.py` then measures the checkpoint on the eval files. Nothing here reads them.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lettucedetect.detectors.prompt_utils import PromptUtils
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import nn
from train_judge_data import UNSURE, Example, Maker
from train_judge_evaluate import evaluate, offset_for, scores, tuning_sets
from train_judge_inventions import invent, train_questions
from train_judge_items import add_inventions, held_out, load_items
from transformers import AutoModelForTokenClassification, AutoTokenizer

from distilabel_rag4rag import embedded

WINDOW = 512


def encode(tokenizer: Any, group: list[Example]) -> dict[str, list[Any]]:
    """One row for all answers to one prompt: [CLS] prompt [SEP] answer [SEP] answer [SEP] ...

    Each answer has the positions it would have alone, as LettuceDetect's HallucinationDataset makes
    them, and sees the prompt and itself: the prompt, which is most of the work, is computed once
    for all its answers. Token types are 0 throughout: LettuceDetect hands the model none.
    """
    prompt = PromptUtils.format_context(group[0].passages, group[0].question, "en")
    coded = [
        tokenizer(e.text, add_special_tokens=False, return_offsets_mapping=True) for e in group
    ]
    longest = max(len(answer["input_ids"]) for answer in coded)
    ids = tokenizer(prompt, truncation=True, max_length=WINDOW - longest - 1)["input_ids"]
    row: dict[str, list[Any]] = {
        "input_ids": ids,
        "position_ids": list(range(len(ids))),
        "block": [0] * len(ids),
        "answers": [],
    }
    for number, (example, answer) in enumerate(zip(group, coded, strict=True), 1):
        begin, size = len(row["input_ids"]), len(answer["input_ids"])
        row["answers"].append((begin, labels_of(example, answer["offset_mapping"])))
        row["input_ids"] = [*row["input_ids"], *answer["input_ids"], tokenizer.sep_token_id]
        row["position_ids"] += range(len(ids), len(ids) + size + 1)
        row["block"] += [number if len(group) > 1 else 0] * (size + 1)
    return row


def labels_of(example: Example, offsets: list[tuple[int, int]]) -> list[int]:
    """The label of each token: that of the piece in which it begins."""
    ends, end = [], 0
    for piece in example.answer:
        end += len(piece.text)
        ends.append((end, piece.label))
    return [next(label for end, label in ends if start < end) for start, _ in offsets]


def batches(
    maker: Maker, tokenizer: Any, tokens: int, size: int
) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]]:
    """Batches of rows of like length, at most `tokens` tokens each, `size` answers to a row.

    Yields the model's inputs; for each answer, the places of its tokens in the flattened batch;
    and their labels.
    """
    while True:
        pool = [encode(tokenizer, maker.group(size)) for _ in range(256)]
        pool.sort(key=lambda row: len(row["input_ids"]))
        made: list[list[Any]] = [[]]
        for row in pool:
            if len(row["input_ids"]) * (len(made[-1]) + 1) > tokens and made[-1]:
                made.append([])
            made[-1].append(row)
        maker.rng.shuffle(made)
        yield from map(collate, made)


def collate(rows: list[Any]) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    width = max(len(row["input_ids"]) for row in rows)
    inputs = {
        name: torch.tensor([row[name] + [fill] * (width - len(row[name])) for row in rows])
        for name, fill in (
            ("input_ids", 0), ("position_ids", 0), ("block", -1),
        )
    }  # fmt: skip
    block = inputs.pop("block")
    real = block >= 0
    visible = (block[:, :, None] == block[:, None, :]) | (
        (block[:, None, :] == 0) & real[:, :, None]
    )
    mask = torch.zeros(visible.shape, dtype=torch.bfloat16).masked_fill(~visible, -1e4)
    inputs["attention_mask"] = mask[:, None]
    answers = [
        (number * width + begin, labels)
        for number, row in enumerate(rows)
        for begin, labels in row["answers"]
    ]
    longest = max(len(labels) for _, labels in answers)
    places = [[b + min(i, len(ls) - 1) for i in range(longest)] for b, ls in answers]
    labels = [ls + [UNSURE] * (longest - len(ls)) for _, ls in answers]
    return inputs, torch.tensor(places), torch.tensor(labels)


def loss_of(logits: torch.Tensor, places: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Every answer counts the same: the mean over its labelled tokens, and, because an answer's
    score is its largest token's, the same for the smooth maximum over its tokens."""
    margin = (logits[..., 1] - logits[..., 0]).float().flatten()[places]
    known = labels != UNSURE
    target = (labels == 1).float()
    each = nn.functional.binary_cross_entropy_with_logits(margin, target, reduction="none")
    by_token = (each * known).sum(1) / known.sum(1).clamp(min=1)
    largest = margin.masked_fill(~known, -30.0).logsumexp(1)
    by_answer = nn.functional.binary_cross_entropy_with_logits(
        largest, target.amax(1), reduction="none"
    )
    return (0.6 * by_token + 0.4 * by_answer).mean()


def new_model(rank: int, base: str, start: Path | None) -> Any:
    """The base model with an adapter to train: a new one, or that of an earlier run."""
    model = AutoModelForTokenClassification.from_pretrained(
        base,
        num_labels=2,
        id2label={0: "supported", 1: "hallucinated"},
        # On a CPU dropout costs more than the matrices do, and fused attention is slower backward.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    if start is not None:
        return PeftModel.from_pretrained(model, str(start), is_trainable=True)
    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules=["query", "key", "value", "dense"],
        modules_to_save=["classifier"],
    )
    return get_peft_model(model, config)


def train(model: Any, tokenizer: Any, maker: Maker, options: Any, tune: Any) -> None:
    """AdamW with warm-up and cosine decay; prints the tuning figures on the way.

    Most steps pack several answers to a row, which is several times as fast; a few of them, and
    the last ones, train what inference computes: one answer to a row, where the prompt sees it.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    print(f"{sum(p.numel() for p in parameters):,} parameters are trained", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.rate, total_steps=options.steps, pct_start=0.06
    )
    packed = int(options.steps * options.packed)
    several = batches(maker, tokenizer, options.tokens, 6)
    single = batches(maker, tokenizer, options.tokens, 1)
    start, mean, seen = time.time(), 0.7, 0
    model.train()
    for step in range(1, options.steps + 1):
        alone = step > packed or maker.rng.random() < 0.15
        inputs, places, labels = next(single if alone else several)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(**inputs).logits
        loss = loss_of(logits, places, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        mean, seen = mean + (loss.item() - mean) * 0.02, seen + len(labels)
        if step % 50 == 0:
            print(
                f"step {step} loss {mean:.3f} answers {seen} {time.time() - start:.0f} s",
                flush=True,
            )
        if step % options.look == 0:
            model.eval()
            print(json.dumps(tune(model)), flush=True)
            model.save_pretrained(options.out / "checkpoint")
            model.train()
    model.eval()


def fold_offset(model: Any, offset: float) -> None:
    """Lowers the margin of every token by `offset`, so that 0.5 is a good threshold."""
    with torch.no_grad():
        bias = model.base_model.model.classifier.modules_to_save["default"].bias
        bias[1] -= offset


def save_adapter(model: Any, target: Path) -> None:
    """The adapter in half precision, with no path of this machine and no empty card."""
    model.half().save_pretrained(target)
    (target / "README.md").unlink()
    path = target / "adapter_config.json"
    settings = json.loads(path.read_text())
    settings["base_model_name_or_path"] = "sentence-transformers/all-MiniLM-L6-v2"
    settings["target_modules"].sort()
    settings["modules_to_save"] = ["classifier"]
    path.write_text(json.dumps(settings, indent=2) + "\n")
    for file in target.iterdir():
        file.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--start", type=Path, help="an adapter or checkpoint to train further")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3, help="the largest learning rate")
    parser.add_argument("--tokens", type=int, default=2048, help="tokens per batch")
    parser.add_argument(
        "--packed", type=float, default=0.8, help="share of steps before the last, unpacked ones"
    )
    parser.add_argument("--look", type=int, default=200, help="steps between tuning figures")
    options = parser.parse_args()

    random.seed(options.seed)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    inventions = options.out / "inventions.jsonl"
    for way in invent(train_questions(options.data), inventions):
        print("asked:", way, flush=True)
    items = load_items(options.data, "train")
    add_inventions(items, inventions)
    learn, tune_items = held_out(items)
    sets = tuning_sets(tune_items, items)

    base = embedded.embeddings_path()
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = new_model(options.rank, base, options.start)
    maker = Maker(learn, options.seed, odd=0.25)
    few = {name: examples[:20] for name, examples in sets.items()}
    train(
        model, tokenizer, maker, options,
        lambda m: evaluate(few, lambda examples: scores(m, tokenizer, examples)),
    )  # fmt: skip
    offset = offset_for(sets, lambda examples: scores(model, tokenizer, examples))
    fold_offset(model, offset)
    print(
        "offset",
        round(offset, 3),
        json.dumps(evaluate(sets, lambda e: scores(model, tokenizer, e))),
    )
    save_adapter(model, options.out / "adapter")
    print("written:", options.out / "adapter")


if __name__ == "__main__":
    main()
