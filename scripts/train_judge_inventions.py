"""What SmolLM2-135M invents when it answers the training questions without any passage.

Each question is asked in the ways below; what comes back is almost always wrong, and wrong in the
way that the judge has to notice. The answers are labelled elsewhere, against the passage.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from distilabel.steps.tasks import GenerateSentencePair

from distilabel_rag4rag import embedded


class Way(NamedTuple):
    """A way to ask: the messages around a question, and how the reply is generated."""

    name: str
    kind: str  # pair | chat | short
    settings: dict[str, Any]


PAIR = {"reply_prefix": "## Positive\n\n", "stop": ["## Negative"], "max_new_tokens": 48}
WAYS = (
    Way("short", "short", {"max_new_tokens": 16, "stop": ["\n"]}),
    Way("pair", "pair", PAIR),
)
#: A way that no training example was made in: it is asked for the report only.
REPORT_WAYS = (*WAYS, Way("chat", "chat", {"max_new_tokens": 40}))
SHOTS = (
    ("When did the ferry line open?", "In 1974."),
    ("Who painted the ceiling of the hall?", "Marta Olsen"),
    ("How many rooms does the old inn have?", "twelve"),
    ("What is the valley known for?", "its copper mines"),
)


def messages(kind: str, question: str) -> list[dict[str, str]]:
    """The conversation that asks a question in a way of this kind."""
    if kind == "pair":
        task = GenerateSentencePair(
            triplet=True, action="answer", context="context", llm=embedded.llm()
        )
        task._template = _pair_template()
        return task.format_input({"anchor": question})
    if kind == "chat":
        return [{"role": "user", "content": question}]
    turns = [{"role": "system", "content": "Answer in a few words."}]
    for example, answer in SHOTS:
        turns += [
            {"role": "user", "content": example},
            {"role": "assistant", "content": answer},
        ]
    return [*turns, {"role": "user", "content": question}]


def _pair_template() -> Any:
    import distilabel
    from jinja2 import Template

    folder = Path(distilabel.__file__).parent / "steps" / "tasks" / "templates"
    return Template((folder / "generate-sentence-pair.jinja2").read_text())


def invent(questions: list[str], out: Path, ways: tuple[Way, ...] = WAYS) -> Iterator[str]:
    """Writes one JSON line per question and way to `out`; yields the name of each way done."""
    llm = embedded.llm()
    llm.load()
    done = {json.loads(line)["way"] for line in out.open()} if out.exists() else set()
    for way in ways:
        if way.name in done:
            continue
        replies = llm.generate(inputs=[messages(way.kind, q) for q in questions], **way.settings)
        with out.open("a") as file:
            for question, reply in zip(questions, replies, strict=True):
                answer = reply["generations"][0].removeprefix("## Positive").strip()
                file.write(json.dumps({"way": way.name, "question": question, "answer": answer}))
                file.write("\n")
        yield way.name


def train_questions(data: Path) -> list[str]:
    """The questions of the training files."""
    squad = json.loads((data / "squad-train-12-articles.json").read_text())["data"]
    asked = [qa["question"] for a in squad for p in a["paragraphs"] for qa in p["qas"]]
    halu = (data / "halueval-qa-one-turn-train-200.jsonl").read_text().splitlines()
    return list(dict.fromkeys(asked + [json.loads(line)["question"] for line in halu]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the training files")
    parser.add_argument("--out", type=Path, required=True, help="JSON-lines file to write")
    options = parser.parse_args()
    for name in invent(train_questions(options.data), options.out):
        print("asked:", name, flush=True)
