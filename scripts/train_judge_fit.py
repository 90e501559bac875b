"""Trains the judge's adapter on a file of examples: LoRA on a small encoder.

    python scripts/train_judge_fit.py --examples out/judge/examples.npz --base DIR --out out/judge

The second half of `train_judge.py`, alone: it needs torch, transformers, peft and scikit-learn and
nothing of this package, so that the examples can be carried to a machine with a GPU.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn
from transformers import AutoModelForTokenClassification

UNSURE = -1
TRAINING, TUNING = 0, 1
#: Of the answers that the score is calibrated for, so many are unsupported. With this share the
#: threshold of 0.5 flags few right answers of the tuning data.
PRIOR = 0.08
#: What stands in the evidence but answers another question is left out of the calibration: no
#: threshold that passes right answers catches it.
NOT_CALIBRATED = ("same_passage", "grounded_wrong")


class Answer(NamedTuple):
    """An answer's tokens, a label per token, and what it is."""

    ids: np.ndarray
    labels: np.ndarray
    unsupported: bool
    kind: str


class Group(NamedTuple):
    """A prompt's tokens and the answers to it."""

    prompt: np.ndarray
    answers: list[Answer]


def read_examples(file: Path) -> tuple[list[Group], list[Group]]:
    """The groups to train on, and those to tune with."""
    data = dict(np.load(file))
    kinds = data["kinds"].tolist()
    prompts = np.split(data["prompt_ids"].astype(np.int64), data["prompt_ends"][:-1])
    ids = np.split(data["answer_ids"].astype(np.int64), data["answer_ends"][:-1])
    labels = np.split(data["answer_labels"], data["answer_ends"][:-1])
    groups = [Group(prompt, []) for prompt in prompts]
    for number, group in enumerate(data["answer_group"]):
        kind = kinds[data["answer_kind"][number]]
        unsupported = bool(data["answer_unsupported"][number])
        groups[group].answers.append(Answer(ids[number], labels[number], unsupported, kind))
    parts: tuple[list[Group], list[Group]] = ([], [])
    for group, part in zip(groups, data["group_part"], strict=True):
        parts[part].append(group)
    return parts


def encode(group: Group) -> dict[str, Any]:
    """One row for all answers to one prompt: [CLS] prompt [SEP] answer [SEP] answer [SEP] ...

    Each answer has the positions it would have alone, and sees the prompt and itself: the prompt,
    which is most of the work, is computed once for all its answers. Token types are 0 throughout:
    LettuceDetect hands the model none.
    """
    size = len(group.prompt)
    row: dict[str, Any] = {
        "input_ids": list(group.prompt),
        "position_ids": list(range(size)),
        "block": [0] * size,
        "answers": [],
    }
    for number, answer in enumerate(group.answers, 1):
        row["answers"].append((len(row["input_ids"]), answer))
        ids = [*answer.ids, group.prompt[-1]]
        row["input_ids"] += ids
        row["position_ids"] += range(size, size + len(ids))
        row["block"] += [number if len(group.answers) > 1 else 0] * len(ids)
    return row


class Batch(NamedTuple):
    """The model's inputs; for each answer the places of its tokens in the flattened batch and
    their labels; and whether the answer is unsupported."""

    inputs: dict[str, torch.Tensor]
    places: torch.Tensor
    labels: torch.Tensor
    inside: torch.Tensor
    unsupported: torch.Tensor


def collate(rows: list[dict[str, Any]], device: str) -> Batch:
    width = max(len(row["input_ids"]) for row in rows)
    inputs = {
        name: torch.tensor(
            [row[name] + [fill] * (width - len(row[name])) for row in rows], device=device
        )
        for name, fill in (("input_ids", 0), ("position_ids", 0), ("block", -1))
    }
    block = inputs.pop("block")
    visible = (block[:, :, None] == block[:, None, :]) | (
        (block[:, None, :] == 0) & (block >= 0)[:, :, None]
    )
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    mask = torch.zeros(visible.shape, dtype=dtype, device=device)
    mask.masked_fill_(~visible, -1e4)
    inputs["attention_mask"] = mask[:, None]
    answers = [
        (number * width + begin, answer)
        for number, row in enumerate(rows)
        for begin, answer in row["answers"]
    ]
    sizes = [len(answer.labels) for _, answer in answers]
    longest = max(sizes)
    places = [
        [begin + min(i, size - 1) for i in range(longest)]
        for (begin, _), size in zip(answers, sizes, strict=True)
    ]
    labels = [[*a.labels, *[UNSURE] * (longest - len(a.labels))] for _, a in answers]
    inside = [[i < size for i in range(longest)] for size in sizes]
    return Batch(
        inputs,
        torch.tensor(places, device=device),
        torch.tensor(np.array(labels, dtype=np.int64), device=device),
        torch.tensor(inside, device=device),
        torch.tensor([float(a.unsupported) for _, a in answers], device=device),
    )


def batches(
    groups: list[Group], tokens: int, packed: bool, seed: int, device: str
) -> Iterator[Batch]:
    """Batches of rows of like length, at most `tokens` tokens each, again and again.

    Args:
        groups: what to train on.
        tokens: the most tokens of a batch, padding included.
        packed: all answers of a group in a row, or one of them.
        seed: of the order.
        device: where the batches go.
    """
    rng = random.Random(seed)
    while True:
        order = rng.sample(groups, len(groups))
        for first in range(0, len(order), 512):
            chosen = order[first : first + 512]
            if not packed:
                chosen = [group._replace(answers=[rng.choice(group.answers)]) for group in chosen]
            made = in_batches([encode(group) for group in chosen], tokens)
            rng.shuffle(made)
            yield from (collate(rows, device) for rows in made)


def in_batches(rows: list[dict[str, Any]], tokens: int) -> list[list[dict[str, Any]]]:
    """Rows by length, cut into batches."""
    made: list[list[dict[str, Any]]] = [[]]
    for row in sorted(rows, key=lambda row: len(row["input_ids"])):
        if made[-1] and len(row["input_ids"]) * (len(made[-1]) + 1) > tokens:
            made.append([])
        made[-1].append(row)
    return made


def computes_in_bfloat16(device: str) -> bool:
    """Whether bfloat16 is the faster; a CPU that only imitates it is many times slower with it."""
    return device == "cuda" or torch.cpu._is_avx512_bf16_supported()


def margins_of(logits: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """How much more likely each token of each answer is unsupported than supported."""
    return (logits[..., 1] - logits[..., 0]).float().flatten()[places]


def loss_of(margins: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Every answer counts the same: the mean over its labelled tokens, and, because an answer's
    score is its largest token's, the same for the smooth maximum over all its tokens."""
    known = batch.labels != UNSURE
    each = nn.functional.binary_cross_entropy_with_logits(
        margins, (batch.labels == 1).float(), reduction="none"
    )
    by_token = (each * known).sum(1) / known.sum(1).clamp(min=1)
    largest = margins.masked_fill(~batch.inside, -30.0).logsumexp(1)
    by_answer = nn.functional.binary_cross_entropy_with_logits(
        largest, batch.unsupported, reduction="none"
    )
    return (0.5 * by_token + 0.5 * by_answer).mean()


def new_model(base: str, rank: int, start: Path | None) -> Any:
    """The base model with a new adapter to train, or with one that was trained before."""
    model = AutoModelForTokenClassification.from_pretrained(
        base,
        num_labels=2,
        dtype=torch.float32,
        # On a CPU dropout costs more than the matrices do, and fused attention is slower backward.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    if start is not None:
        return PeftModel.from_pretrained(model, str(start), is_trainable=True).float()
    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules=["query", "key", "value", "dense"],
        modules_to_save=["classifier"],
    )
    return get_peft_model(model, config)


def train(model: Any, groups: list[Group], options: argparse.Namespace, device: str) -> None:
    """AdamW with warm-up and cosine decay.

    The first steps pack the answers of a group into a row, which is several times as fast; the
    last ones train what inference computes, one answer to a row, where the prompt sees it.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    print(f"{sum(p.numel() for p in parameters):,} parameters are trained", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.rate, total_steps=options.steps, pct_start=0.06
    )
    packed = int(options.steps * options.packed)
    several = batches(groups, options.tokens, True, options.seed, device)
    single = batches(groups, options.tokens, False, options.seed + 1, device)
    start, mean, seen = time.time(), 0.7, 0
    model.train()
    for step in range(1, options.steps + 1):
        batch = next(single if step > packed else several)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=computes_in_bfloat16(device)):
            logits = model(**batch.inputs).logits
        loss = loss_of(margins_of(logits, batch.places), batch)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        seen += len(batch.labels)
        if step % 50 == 0:
            mean += (loss.item() - mean) * 0.3
            took = time.time() - start
            print(f"step {step} loss {mean:.3f} answers {seen} {took:.0f} s", flush=True)
    model.eval()


@torch.inference_mode()
def highest_margins(model: Any, groups: list[Group], device: str) -> list[float]:
    """Per answer of the groups the largest margin over its tokens, each answer alone."""
    alone = [group._replace(answers=[answer]) for group in groups for answer in group.answers]
    rows = [{**encode(group), "number": number} for number, group in enumerate(alone)]
    found = [0.0] * len(rows)
    for chosen in in_batches(rows, 4096):
        batch = collate(chosen, device)
        margins = margins_of(model(**batch.inputs).logits, batch.places)
        highest = margins.masked_fill(~batch.inside, -30.0).amax(1)
        for row, value in zip(chosen, highest.tolist(), strict=True):
            found[row["number"]] = value
    return found


def weights_of(answers: list[Answer]) -> np.ndarray:
    """Every kind of answer counts the same, and unsupported ones as much as PRIOR says."""
    truth = np.array([answer.unsupported for answer in answers])
    kinds = np.array([answer.kind for answer in answers])
    weights = np.zeros(len(answers))
    for unsupported, part in ((True, PRIOR), (False, 1 - PRIOR)):
        names = sorted(set(kinds[truth == unsupported]))
        names = [name for name in names if name.split(": ")[1] not in NOT_CALIBRATED]
        for name in names:
            chosen = (truth == unsupported) & (kinds == name)
            weights[chosen] = part / len(names) / chosen.sum()
    return weights * len(answers)


def calibrate(model: Any, margins: np.ndarray, answers: list[Answer]) -> tuple[float, float]:
    """Folds Platt's scaling into the classifier, so that an answer's score is a probability."""
    truth = np.array([answer.unsupported for answer in answers])
    weights = weights_of(answers)
    platt = LogisticRegression(C=1e6).fit(margins[:, None], truth, sample_weight=weights)
    slope, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    classifier = model.base_model.model.classifier.modules_to_save["default"]
    with torch.no_grad():
        classifier.weight *= slope
        classifier.bias *= slope
        classifier.bias[1] += offset
    return slope, offset


def reliability(margins: np.ndarray, answers: list[Answer]) -> list[dict[str, float]]:
    """Of answers with scores in a range: how many, their mean score, the share unsupported."""
    scores, weights = 1 / (1 + np.exp(-margins)), weights_of(answers)
    truth = np.array([answer.unsupported for answer in answers])
    found = []
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 1.0)):
        inside = (scores >= low) & (scores < high) & (weights > 0)
        if inside.any():
            mean, share = (np.average(x[inside], weights=weights[inside]) for x in (scores, truth))
            found.append({
                "low": low, "high": high, "answers": int(inside.sum()),
                "mean_score": round(float(mean), 3), "unsupported": round(float(share), 3),
            })  # fmt: skip
    return found


def figures(margins: np.ndarray, answers: list[Answer]) -> dict[str, Any]:
    """Per kind: rows, the share flagged at 0.5, and for wrong ones the AUROC against the right
    answers of the same source."""
    kinds: dict[str, list[int]] = {}
    for number, answer in enumerate(answers):
        kinds.setdefault(answer.kind, []).append(number)
    found = {}
    for kind, numbers in sorted(kinds.items()):
        found[kind] = {"rows": len(numbers), "flagged": float((margins[numbers] > 0).mean())}
        source, name = kind.split(": ")
        whole = name in ("altered", "contradiction")
        right = kinds.get(f"{source}: {'sentence' if whole else 'right'}", [])
        if answers[numbers[0]].unsupported and right:
            truth = [0] * len(right) + [1] * len(numbers)
            found[kind]["auroc"] = float(roc_auc_score(truth, margins[right + numbers]))
    return found


def save_adapter(model: Any, target: Path) -> None:
    """The adapter in half precision, with no path of this machine and no empty card."""
    # By default PEFT asks the Hub whether the vocabulary has grown.
    model.half().save_pretrained(target, save_embedding_layers=False)
    (target / "README.md").unlink(missing_ok=True)
    path = target / "adapter_config.json"
    settings = json.loads(path.read_text())
    settings["base_model_name_or_path"] = "sentence-transformers/all-MiniLM-L6-v2"
    settings["target_modules"].sort()
    settings["modules_to_save"] = ["classifier"]
    path.write_text(json.dumps(settings, indent=2) + "\n")
    for file in target.iterdir():
        file.chmod(0o644)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--start", type=Path, help="folder of an adapter to go on from")
    parser.add_argument("--rank", type=int, default=32, help="of a new adapter")
    parser.add_argument("--rate", type=float, default=5e-4, help="the largest learning rate")
    parser.add_argument("--tokens", type=int, default=8192, help="tokens per batch")
    parser.add_argument(
        "--packed", type=float, default=0.75, help="share of steps before the last, unpacked ones"
    )


def fit(examples: Path, base: str, options: argparse.Namespace) -> None:
    """Trains, calibrates, and writes the adapter and the figures on the tuning answers."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    training, tuning = read_examples(examples)
    model = new_model(base, options.rank, options.start).to(device)
    start = time.time()
    train(model, training, options, device)
    seconds = time.time() - start
    answers = [answer for group in tuning for answer in group.answers]
    margins = np.array(highest_margins(model, tuning, device))
    slope, offset = calibrate(model, margins, answers)
    margins = slope * margins + offset
    record = {
        "settings": {name: str(value) for name, value in vars(options).items()},
        "seconds": round(seconds, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "slope": slope,
        "offset": offset,
        "kinds": figures(margins, answers),
        "reliability": reliability(margins, answers),
        "tuning": [
            [answer.kind, int(answer.unsupported), round(float(margin), 4)]
            for answer, margin in zip(answers, margins, strict=True)
        ],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tuning.json").write_text(json.dumps(record) + "\n")
    save_adapter(model, options.out / "adapter")
    for kind, found in record["kinds"].items():
        auroc = f"  AUROC {found['auroc']:.3f}" if "auroc" in found else ""
        print(f"{kind:32}{found['rows']:6}  flagged {found['flagged']:.3f}{auroc}")
    print("written:", options.out / "adapter", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=Path, required=True, help="of train_judge.py")
    parser.add_argument("--base", required=True, help="folder of the base model")
    add_options(parser)
    options = parser.parse_args()
    fit(options.examples, options.base, options)


if __name__ == "__main__":
    main()
