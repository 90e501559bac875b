"""The baseline: the published prompt, word for word, and replies that are read like all others."""

import json
from typing import Any

import pytest
from distilabel.steps.tasks import GenerateSentencePair

from distilabel_rag4rag import ZeroShotAnswerGeneration
from distilabel_rag4rag.schema import NO_REPLY, NOT_AS_ASKED, ONLY_REASONING
from distilabel_rag4rag.testing import ScriptedLLM

QUESTION = "In which town was the kettle cast?"
PAIR = "## Positive\n\nTorgau\n\n## Negative\n\nUlm"


def task(**settings: Any) -> ZeroShotAnswerGeneration:
    made = ZeroShotAnswerGeneration(llm=ScriptedLLM(), **settings)
    made.load()
    return made


def test_the_prompt_is_the_published_one() -> None:
    published = GenerateSentencePair(
        llm=ScriptedLLM(), triplet=True, action="answer", context="context"
    )
    published.load()
    assert task().format_input({"anchor": QUESTION}) == published.format_input({"anchor": QUESTION})


@pytest.mark.parametrize(
    "reply",
    [
        PAIR,
        f"<think>\nOne positive, one negative. ## Positive means good.\n</think>\n\n{PAIR}",
        f"One of each. ## Positive means good.\n</think>\n\n{PAIR}",
        f"[THINK]## Positive: Ulm[/THINK]{PAIR}",
        f"<|channel|>analysis<|message|>## Positive<|end|><|channel|>final<|message|>{PAIR}",
        f"{PAIR}<|im_end|>\n<|im_start|>user\nNext?",
        f"```markdown\n{PAIR}\n```",
        f"Sure! Here are the two sections:\n\n{PAIR}",
        "### Positive\nTorgau\n### Negative\nUlm",
        "**Positive:** Torgau\n\n**Negative:** Ulm",
        "## Positive:\nTorgau\n\n## Negative:\nUlm",
        "## positive\n\nTorgau\n\n## negative\n\nUlm",
        "Positive: Torgau\nNegative: Ulm",
        "<positive>Torgau</positive>\n<negative>Ulm</negative>",
        '```json\n{"positive": "Torgau", "negative": "Ulm"}\n```',
    ],
)
def test_both_sentences_are_found(reply: str) -> None:
    found = task().format_output(reply, {"anchor": QUESTION})
    assert found == {"positive": "Torgau", "negative": "Ulm", "answer_reason": None}


@pytest.mark.parametrize(
    ("reply", "positive", "reason"),
    [
        (None, None, NO_REPLY),
        ("\n", None, NO_REPLY),
        ("## Positive\n\n## Negative\n\nUlm", None, NOT_AS_ASKED),
        ("## Positive", None, NOT_AS_ASKED),
        ("## Positive\n\n\u200b\n\n## Negative\n\nUlm", None, NOT_AS_ASKED),
        ("Torgau", None, NOT_AS_ASKED),
        ('{"positive": null, "negative": "Ulm"}', None, NOT_AS_ASKED),
        ('{"positive": ["Torgau"], "negative": "Ulm"}', None, NOT_AS_ASKED),
        ("<think>## Positive\n\nUlm", None, ONLY_REASONING),
        ("I do not know.", "I do not know.", None),
        ("## Positive\n\nTorgau\n\n## Explanation\n\nIt is so.", "Torgau", None),
    ],
)
def test_a_reply_without_a_positive_is_a_failed_row(
    reply: str | None, positive: str | None, reason: str | None
) -> None:
    found = task().format_output(reply, {"anchor": QUESTION})
    assert (found["positive"], found["answer_reason"]) == (positive, reason)
    assert found.keys() == {"positive", "negative", "answer_reason"}


def test_only_a_positive_may_be_asked_for() -> None:
    found = task(triplet=False).format_output("## Positive\n\nTorgau", {"anchor": QUESTION})
    assert found == {"positive": "Torgau", "answer_reason": None}


def test_dump_and_load() -> None:
    made = task()
    again = ZeroShotAnswerGeneration.from_dict(json.loads(json.dumps(made.dump())))
    again.load()
    assert again.format_input({"anchor": QUESTION}) == made.format_input({"anchor": QUESTION})
