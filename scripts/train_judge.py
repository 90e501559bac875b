"""Trains a judge for LettuceDetect from questions, hallucinated answers or plain documents.

    python scripts/train_judge.py --out out/judge --documents manuals/

makes examples by rule from the documents, has the packaged LLM answer questions with and without
their passages (wrong answers to learn from), trains a LoRA adapter on the packaged MiniLM, and
writes

    examples.npz   the examples as token ids
    adapter/       the adapter
    model/         the adapter merged: LettuceDetectJudge(model="out/judge/model")
    tuning.json    figures on documents that nothing was trained on

An adapter like that of the package is made from the files that its model card names; the card
says how that one was made, in two parts:

    python scripts/train_judge.py --out out/judge \\
        --questions D/squad-train-12-articles.json --documents D/cranfield/corpus.jsonl \\
        --hallucinated D/halueval-qa-one-turn-train-200.jsonl \\
        D/halueval-qa-multi-turn-train-200.jsonl

With --examples-only it stops before the training, which `train_judge_fit.py` does alone, on
another machine if need be.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from lettucedetect.detectors.prompt_utils import PromptUtils
from train_judge_answers import ask
from train_judge_examples import Example, Maker, tuning_examples
from train_judge_fit import TRAINING, TUNING, add_options, fit
from train_judge_items import (
    Item,
    Passage,
    held_out,
    read_hallucinated,
    read_passages,
    read_questions,
)
from transformers import AutoTokenizer

from distilabel_rag4rag import embedded
from distilabel_rag4rag.models.packaged import merge_adapter

WINDOW = 512
#: Answers to a prompt.
GROUP = 6


class ExampleFile:
    """Collects examples as token ids."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.prompts: list[list[int]] = []
        self.parts: list[int] = []
        self.answers: list[tuple[int, list[int], list[int], bool, str]] = []

    def add(self, group: list[Example], part: int) -> None:
        """Examples with one prompt."""
        first = group[0]
        coded = [
            self.tokenizer(e.text, add_special_tokens=False, return_offsets_mapping=True)
            for e in group
        ]
        longest = max(len(answer["input_ids"]) for answer in coded)
        if longest > WINDOW // 2:
            return
        prompt = PromptUtils.format_context(first.passages, first.question, "en")
        limit = WINDOW - longest - 1
        ids = self.tokenizer(prompt, truncation=True, max_length=limit)["input_ids"]
        for example, answer in zip(group, coded, strict=True):
            labels = labels_of(example, answer["offset_mapping"])
            if labels:
                self.answers.append(
                    (
                        len(self.prompts), answer["input_ids"], labels,
                        example.unsupported, example.kind,
                    )
                )  # fmt: skip
        self.prompts.append(ids)
        self.parts.append(part)

    def write(self, file: Path) -> None:
        groups, ids, labels, unsupported, kinds = zip(*self.answers, strict=True)
        names = sorted(set(kinds))
        np.savez_compressed(
            file,
            kinds=np.array(names),
            prompt_ids=np.concatenate(self.prompts).astype(np.uint16),
            prompt_ends=np.cumsum([len(prompt) for prompt in self.prompts]),
            group_part=np.array(self.parts, np.uint8),
            answer_ids=np.concatenate(ids).astype(np.uint16),
            answer_labels=np.concatenate(labels).astype(np.int8),
            answer_ends=np.cumsum([len(tokens) for tokens in ids]),
            answer_group=np.array(groups, np.uint32),
            answer_unsupported=np.array(unsupported),
            answer_kind=np.array([names.index(kind) for kind in kinds], np.uint8),
        )


def labels_of(example: Example, offsets: list[tuple[int, int]]) -> list[int]:
    """The label of each token: that of the piece in which it begins."""
    ends, end = [], 0
    for piece in example.answer:
        end += len(piece.text)
        ends.append((end, piece.label))
    return [next(label for end, label in ends if start < end) for start, _ in offsets]


def read_items(options: argparse.Namespace) -> tuple[list[Item], list[Passage]]:
    """The questions and all passages, with the LLM's answers; of documents alone, some questions
    that rules ask, so that there is something for the LLM to answer."""
    items = read_questions(options.questions) + read_hallucinated(options.hallucinated)
    passages = read_passages(items, options.documents)
    documents = [passage for passage in passages if passage.source == "documents"]
    if documents and len(items) < options.ask:
        asker = Maker([], documents, options.seed)
        for _ in range(options.ask - len(items)):
            items.append(asker.cloze_item())
    ask(items[: options.ask], options.llm, lambda line: print(line, flush=True))
    return items, passages


def make_examples(options: argparse.Namespace, file: Path, tokenizer: Any) -> None:
    """Writes the examples: groups to train on, and single ones to tune with."""
    items, passages = read_items(options)
    kept = held_out(passages, options.fold)
    if all(passage.document in kept for passage in passages) or not kept:
        raise SystemExit("expected at least two documents or questions: some are for tuning")
    made = ExampleFile(tokenizer)
    parts = [
        Maker(
            [item for item in items if (item.document in kept) == tuned],
            [passage for passage in passages if (passage.document in kept) == tuned],
            options.seed,
        )
        for tuned in (False, True)
    ]
    for number in range(options.groups):
        made.add(parts[0].group(GROUP), TRAINING)
        if (number + 1) % 5000 == 0:
            print(f"{number + 1} groups of examples", flush=True)
    for example in tuning_examples(parts[1], seed=0):
        made.add([example], TUNING)
    made.write(file)
    print(f"{len(made.answers)} examples with {len(made.prompts)} prompts: {file}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sources = {
        "questions": "questions with passages and answers, in any form that `compare` reads",
        "hallucinated": "files of HaluEval's QA part",
        "documents": "files and folders of documents, or tables of passages",
    }
    for name, about in sources.items():
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[], help=about)
    parser.add_argument("--llm", default="embedded", help="CLASS:MODEL, as for `rag4rag compare`")
    parser.add_argument("--ask", type=int, default=700, help="questions that the LLM answers")
    parser.add_argument("--groups", type=int, default=30000, help="prompts of six answers each")
    parser.add_argument("--fold", type=int, default=0, help="which fifth is for tuning, 0 to 4")
    parser.add_argument("--examples-only", action="store_true", help="stop before the training")
    add_options(parser)
    options = parser.parse_args()
    if not (options.questions or options.hallucinated or options.documents):
        parser.error("expected --questions, --hallucinated or --documents")

    if options.start and not (options.start / "adapter_config.json").is_file():
        parser.error(f"--start: expected the folder of an adapter, found {options.start}")

    options.out.mkdir(parents=True, exist_ok=True)
    base = embedded.embeddings_path()
    tokenizer = AutoTokenizer.from_pretrained(base)
    examples = options.out / "examples.npz"
    make_examples(options, examples, tokenizer)
    if options.examples_only:
        return
    fit(examples, base, options)
    merge_adapter(Path(base), options.out / "adapter", options.out / "model")
    print("merged:", options.out / "model")


if __name__ == "__main__":
    main()
