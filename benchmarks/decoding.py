"""The packaged LLM's decoding loop against transformers' `generate`, on the arms' own prompts.

Both get the same batches of rows sorted by length, left-padded, greedy; the replies must be the
same. `generate` is tried without and with the tokens computed once that all prompts begin with.
The ways take turns, so that a busy machine slows all of them.

    python benchmarks/decoding.py --rows 48 --repeats 3
"""

import argparse
import time
from collections.abc import Callable
from importlib.resources import files
from statistics import median

import torch
from distilabel.steps.tasks import GenerateSentencePair
from transformers import DynamicCache

from distilabel_rag4rag import GroundedAnswerGeneration, embedded, load_rows
from distilabel_rag4rag.testing import ScriptedLLM

MAX_NEW_TOKENS = 64
BATCH_SIZE = 32


def conversations(rows: int) -> dict[str, tuple[list, str]]:
    """The conversations of two arms, and how their replies begin."""
    questions = load_rows(limit=rows)
    templates = files("distilabel_rag4rag.steps.tasks") / "templates"
    grounded = GroundedAnswerGeneration(
        llm=ScriptedLLM(),
        system_template=(templates / "plain_system.jinja2").read_text("utf-8"),
        template=(templates / "plain_user.jinja2").read_text("utf-8"),
    )
    pair = GenerateSentencePair(llm=ScriptedLLM(), triplet=True, action="answer", context="context")
    grounded.load()
    pair.load()
    return {
        "gold_context": (
            [
                grounded.format_input({"question": row["question"], "contexts": row["context"]})
                for row in questions
            ],
            "Answer:",
        ),
        "zero_shot": (
            [pair.format_input({"anchor": row["question"]}) for row in questions],
            "## Positive\n\nThe answer is",
        ),
    }


class Ways:
    """The ways to generate, with one loaded model."""

    def __init__(self) -> None:
        self.llm = embedded.llm(batch_size=BATCH_SIZE)
        self.llm.load()
        self.model = self.llm._pipeline.model
        self.tokenizer = self.llm._pipeline.tokenizer

    def loop(self, conversations: list, prefix: str) -> list[str]:
        outputs = self.llm.generate(
            inputs=conversations, max_new_tokens=MAX_NEW_TOKENS, reply_prefix=prefix
        )
        return [output["generations"][0] for output in outputs]

    def generate(self, conversations: list, prefix: str, share: bool = False) -> list[str]:
        texts = [self.llm.prepare_input(messages) + prefix for messages in conversations]
        prompts = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
        replies = {}
        for start in range(0, len(order), BATCH_SIZE):
            part = order[start : start + BATCH_SIZE]
            for number, tokens in zip(
                part, self._batch([prompts[n] for n in part], share), strict=True
            ):
                replies[number] = prefix + self.tokenizer.decode(tokens, skip_special_tokens=True)
        return [replies[number] for number in range(len(prompts))]

    def generate_shared(self, conversations: list, prefix: str) -> list[str]:
        return self.generate(conversations, prefix, share=True)

    @torch.inference_mode()
    def _batch(self, prompts: list[list[int]], share: bool) -> list[list[int]]:
        shared, more = 0, {}
        if share:
            shortest = min(map(len, prompts)) - 1
            shared = next(
                (i for i in range(shortest) if len({p[i] for p in prompts}) > 1), shortest
            )
            cache = DynamicCache(config=self.model.config)
            self.model(torch.tensor([prompts[0][:shared]]), past_key_values=cache)
            cache.batch_repeat_interleave(len(prompts))
            more = {"past_key_values": cache}
        width = max(map(len, prompts))
        # The padding stands behind the shared tokens, which are computed without it.
        ids = [p[:shared] + [0] * (width - len(p)) + p[shared:] for p in prompts]
        mask = [[1] * shared + [0] * (width - len(p)) + [1] * (len(p) - shared) for p in prompts]
        out = self.model.generate(
            input_ids=torch.tensor(ids),
            attention_mask=torch.tensor(mask),
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            repetition_penalty=1.0,
            pad_token_id=self.tokenizer.eos_token_id,
            **more,
        )
        return out[:, width:].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ways = Ways()
    kinds: list[Callable] = [ways.loop, ways.generate, ways.generate_shared]
    for arm, (inputs, prefix) in conversations(arguments.rows).items():
        cpu: dict[str, list[float]] = {kind.__name__: [] for kind in kinds}
        wall: dict[str, list[float]] = {kind.__name__: [] for kind in kinds}
        replies: dict[str, list[str]] = {}
        for repeat in range(arguments.repeats):
            for kind in kinds[repeat % 3 :] + kinds[: repeat % 3]:
                started, cpu_started = time.perf_counter(), time.process_time()
                replies[kind.__name__] = kind(inputs, prefix)
                cpu[kind.__name__].append(time.process_time() - cpu_started)
                wall[kind.__name__].append(time.perf_counter() - started)
        for name in cpu:
            same = sum(a == b for a, b in zip(replies["loop"], replies[name], strict=True))
            print(
                f"{arm:13} {name:16} CPU {median(cpu[name]):6.1f} s"
                f" ({min(cpu[name]):.1f} to {max(cpu[name]):.1f}),"
                f" wall {median(wall[name]):6.1f} s, {same} of {len(inputs)} replies as the loop's",
                flush=True,
            )


if __name__ == "__main__":
    main()
