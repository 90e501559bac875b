"""The questions of the data files, with right answers, wrong ones and their passages."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from train_judge_text import WORD, content

HELD_OUT_ARTICLES = ("Apollo_program", "Huguenot")
HELD_OUT_HALUEVAL = 30


@dataclass
class Item:
    """A question with a right answer and the passage it comes from."""

    group: str  # the article, or "halueval"
    passage: str
    question: str
    answer: str
    wrong: list[str] = field(default_factory=list)  # hallucinated answers of HaluEval
    inventions: list[str] = field(default_factory=list)
    sentence: str = ""  # of an item made by rule: where the answer stands


def load_items(data: Path, split: str) -> list[Item]:
    """The questions of the files of a split: `train` or `eval`."""
    items = []
    for article in json.loads((data / f"squad-{split}-12-articles.json").read_text())["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                passage, answer = paragraph["context"], qa["answers"][0]["text"]
                items.append(Item(article["title"], passage, qa["question"].strip(), answer))
    size = {"train": 200, "eval": 100}[split]
    turns = [
        [
            json.loads(line)
            for line in (data / f"halueval-qa-{turn}-turn-{split}-{size}.jsonl").open()
        ]
        for turn in ("one", "multi")
    ]
    for one, multi in zip(*turns, strict=True):
        wrong = [one["hallucinated_answer"].strip(), multi["hallucinated_answer"].strip()]
        knowledge = re.sub(r"(?<=[a-z0-9)\"])\.(?=[A-Z\"])", ". ", one["knowledge"].strip())
        question, answer = one["question"].strip(), one["right_answer"].strip()
        items.append(Item("halueval", knowledge, question, answer, wrong))
    return items


def add_inventions(items: list[Item], path: Path) -> None:
    """Gives each item the distinct answers that SmolLM2 invented for its question."""
    by_question = defaultdict(list)
    for line in path.open():
        row = json.loads(line)
        by_question[row["question"].strip()].append(row["answer"])
    for item in items:
        item.inventions = [
            a for a in dict.fromkeys(by_question[item.question]) if is_wrong(a, item)
        ]


def held_out(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """Items to train on and, by article and by question, items to tune with."""
    halu = [item for item in items if item.group == "halueval"][-HELD_OUT_HALUEVAL:]
    kept = {id(item) for item in halu}
    tune = [item for item in items if item.group in HELD_OUT_ARTICLES or id(item) in kept]
    chosen = {id(item) for item in tune}
    return [item for item in items if id(item) not in chosen], tune


def is_wrong(answer: str, item: Item) -> bool:
    """Whether a closed-book answer shares nothing with the right one; doubtful ones are not."""
    if not content(answer) and not re.search(r"\d", answer):
        return False
    right = set(content(item.answer)) or set(WORD.findall(item.answer.lower()))
    asked = set(content(item.question))
    return not (right - asked or right) & set(WORD.findall(answer.lower()))
