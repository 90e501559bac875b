"""Whatever stands around a known answer: it is found, or the row abstains or fails."""

import itertools
import json
import time
from collections.abc import Callable

import pytest
from helpers.replies import QUESTION
from hypothesis import given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.steps.tasks.replies import read_reply

THOUGHTS = "Let me see. The passage names Ulm. Answer: Ulm? If absent I reply NOT IN PASSAGES."
PAIRS = [
    ("<think>", "</think>"),
    ("<THINK>", "</THINK>"),
    ('<think depth="2">', "</think>"),
    ("<thinking>a<reflection>", "</reflection>b</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|think:start|>", "<|think:end|>"),
    ("<start_working_out>", "<end_working_out>"),
    ('<details type="reasoning"><summary>Thought for 3 seconds</summary>', "</details>"),
    ("", "</think>"),
]
FORMATS = [
    *(f"{start}\n{THOUGHTS}\n{end}\n\n%s" for start, end in PAIRS),
    f"<|channel|>analysis<|message|>{THOUGHTS}<|end|><|channel|>final<|message|>%s<|return|>",
    "%s<|im_end|>\n<|im_start|>user\nUlm?",
    "%s<|eot_id|>",
    "%s</s> [INST] Ulm? [/INST] Ulm",
    "<|im_start|>assistant\n%s<|im_end|>",
    "<|start_header_id|>assistant<|end_header_id|>\n\n%s<|eot_id|>",
    "%s<end_of_turn>\n<start_of_turn>user\nUlm?",
    "```\n%s\n```",
    "~~~text\n%s\n~~~",
    '"""\n%s\n"""',
    "<answer>%s</answer>",
    f"<response><reasoning>{THOUGHTS}</reasoning><answer>%s</answer></response>",
    "<p><b>%s</b></p>",
    "answer: %s\nconfidence: high",
    "### Answer\n%s",
    "## Answer\n\n%s\n\n## Explanation\n\nThe passage names Ulm.",
    "**Answer:** %s",
    "**Answer: %s**",
    *(f"{label}: %s" for label in ("Antwort", "Réponse ", "Respuesta", "Odpowiedź", "答案")),
    "Sure! Here is the answer:\n\n%s",
    "Sure! Here is the answer: %s",
    "The answer is: %s",
    "Based on the passages, the answer is:\n%s",
    "- %s",
    "“%s”",
    "`%s`",
    "**%s**",
    "> %s",
    "\u200b%s\ufeff",
    "%s\n\nExplanation: the passage names Ulm.",
    "%s\n\nI hope this helps!",
    "%s (Passage 1)",
    "According to the passage, %s",
    "%s\n\nQuestion: Who cast it?\nAnswer: Ulm",
    "Reasoning: the passage names Ulm.\nAnswer: %s",
    "| Answer |\n|---|\n| %s |",
    "✅ %s",
]
ANSWERS = [
    "Torgau",
    "1712",
    "$5 million",
    "50%",
    "A. Roth & Sons",
    "St. Mary's",
    "N. Machiavelli (1513)",
    "Unknown Pleasures",
    "Let's Dance",
    "OK Computer",
    "No",
    "C++",
    "北京",
    "Torgau, Pirna and Ulm",
    "The document does not state a date",
    "The kettle was cast in Torgau in 1712.",
]
Wrapping = Callable[[str], str]
WRAPPINGS: list[Wrapping] = [
    *((lambda answer, form=form: form.replace("%s", answer)) for form in FORMATS),  # type: ignore[misc]
    lambda answer: json.dumps({"answer": answer}),
    lambda answer: json.dumps({"reasoning": THOUGHTS, "answer": answer}, indent=2),
    lambda answer: json.dumps([answer], ensure_ascii=False),
    lambda answer: json.dumps({"result": {"answer": answer}}),
    lambda answer: repr({"answer": answer}),
]


@pytest.mark.parametrize("number", range(len(WRAPPINGS)))
def test_one_wrapping_goes(number: int) -> None:
    for answer, short in itertools.product(ANSWERS, (True, False)):
        reply = WRAPPINGS[number](answer)
        passages = [f"Ulm and more. {answer} and so on."]
        found = read_reply(reply, question=QUESTION, passages=passages, short=short)
        assert (found.answer or "").rstrip(".") == answer.rstrip("."), (reply, short)


@pytest.mark.slow
@settings(deadline=None, database=None, derandomize=True, max_examples=600)
@given(
    wrappings=st.lists(st.sampled_from(WRAPPINGS), min_size=2, max_size=3),
    answer=st.sampled_from(ANSWERS),
    short=st.booleans(),
    known=st.booleans(),
)
def test_several_wrappings_never_become_the_answer(
    wrappings: list[Wrapping], answer: str, short: bool, known: bool
) -> None:
    reply = answer
    for wrapping in wrappings:
        reply = wrapping(reply)
    passages = [f"Ulm and more. {answer} and so on."] if known else []
    found = read_reply(reply, question=QUESTION, passages=passages, short=short)
    if found.answer is not None:
        assert found.answer.rstrip(".") == answer.rstrip(".")
    else:
        assert found.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["<think>", "</think>", "<answer>", "{", '{"answer":', "```\n", "- a\n", "a. ", "Sure! "],
)
def test_long_replies_are_read_in_linear_time(piece: str) -> None:
    begin = time.process_time()
    read_reply(piece * (100_000 // len(piece)), question=QUESTION, passages=["Torgau"])
    assert time.process_time() - begin < 20
