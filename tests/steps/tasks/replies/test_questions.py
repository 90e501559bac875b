"""Questions are read out of whatever form an LLM gives them in."""

import pytest

from distilabel_rag4rag.steps.tasks.replies import NoAnswerError
from distilabel_rag4rag.steps.tasks.replies.questions import read_questions

TYPES = ("factoid", "why_how", "keyword", "yes_no")
KETTLE = "In which town was the kettle cast?"
REPLIES = {
    "json": '[{"type": "factoid", "question": "In which town was the kettle cast?"},'
    ' {"type": "keyword", "question": "kettle Torgau 1712"}]',
    "fenced": '```json\n[{"type": "factoid", "question": "In which town was the kettle cast?"},\n'
    ' {"type": "keyword", "question": "kettle Torgau 1712"},]\n```',
    "prefaced": "Sure! Here they are:\n\n"
    '[{"type": "factoid", "question": "In which town was the kettle cast?"},\n'
    ' {"type": "keyword", "query": "kettle Torgau 1712"}]\n\nLet me know if you need more!',
    "object": '{"questions": [{"question_type": "Factoid", "question": "In which town was the'
    ' kettle cast?"}, {"question_type": "Keyword", "question": "kettle Torgau 1712"}]}',
    "by type": '{"factoid": "In which town was the kettle cast?", "keyword": "kettle Torgau 1712"}',
    "json lines": '{"type": "factoid", "question": "In which town was the kettle cast?"}\n'
    '{"type": "keyword", "question": "kettle Torgau 1712"}',
    "cut off": '[{"type": "factoid", "question": "In which town was the kettle cast?"},'
    ' {"type": "keyword", "question": "kettle Torgau 1712"}, {"type": "yes_no", "ques',
    "lines": "factoid: In which town was the kettle cast?\nkeyword: kettle Torgau 1712",
    "bold": "**Factoid:** In which town was the kettle cast?\n**Keyword:** kettle Torgau 1712",
    "numbered": "1. factoid: In which town was the kettle cast?\n2. keyword: kettle Torgau 1712",
    "brackets": "- [factoid] In which town was the kettle cast?\n- [keyword] kettle Torgau 1712",
    "headings": "### Factoid\nIn which town was the kettle cast?\n\n"
    "### Keyword\n- kettle Torgau 1712",
    "answers": "1. factoid: In which town was the kettle cast?\nAnswer: Torgau\n"
    "2. keyword: kettle Torgau 1712\nA: Torgau",
    "reasoning": "<think>Which questions? Maybe: Who cast it?</think>\n"
    "1. factoid: In which town was the kettle cast?\n2. keyword: kettle Torgau 1712",
    "turn": "factoid: In which town was the kettle cast?\nkeyword: kettle Torgau 1712<|im_end|>",
    "twice": "factoid: In which town was the kettle cast?\n"
    "factoid: in which town was the kettle cast?\nkeyword: kettle Torgau 1712",
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_two_questions_with_their_types(reply: str) -> None:
    assert read_questions(reply, TYPES) == [(KETTLE, "factoid"), ("kettle Torgau 1712", "keyword")]


@pytest.mark.parametrize(
    "reply",
    [
        KETTLE,
        f'"{KETTLE}"',
        f"Question: {KETTLE}",
        f"Q1: {KETTLE}\nA1: Torgau",
        f"**Question 1:** {KETTLE}",
        f"Here is a question:\n\n{KETTLE}",
        f"- {KETTLE}",
        f'["{KETTLE}"]',
        f'{{"question": "{KETTLE}", "answer": "Torgau"}}',
        f"{KETTLE}\n\nThis question asks about the town.",
        f"{KETTLE} Torgau.",
        f"{KETTLE} Answer: Torgau",
        f"Sure! {KETTLE}",
    ],
)
def test_one_question_without_a_type(reply: str) -> None:
    assert read_questions(reply, TYPES) == [(KETTLE, None)]


@pytest.mark.parametrize(
    ("reply", "questions"),
    [
        (
            "1. 锅是在哪个城市铸造的？\n2. 锅是哪一年铸造的？",
            ["锅是在哪个城市铸造的？", "锅是哪一年铸造的？"],
        ),
        ("1) ¿En qué ciudad?\n2) ¿En qué año?", ["¿En qué ciudad?", "¿En qué año?"]),
        ("a) Who cast it?\nb) Who paid?", ["Who cast it?", "Who paid?"]),
        ("1. 1712: what happened?\n2. Who paid?", ["1712: what happened?", "Who paid?"]),
    ],
)
def test_lines_of_other_scripts_and_marks(reply: str, questions: list[str]) -> None:
    assert [question.text for question in read_questions(reply)] == questions


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (None, "the LLM gave nothing"),
        (" \n", "the LLM gave nothing"),
        ("<think>\nOkay, which question", "only reasoning"),
        ("I cannot help with that.\nSorry.", "the form of the reply is not understood"),
        ("Here are the questions:", "the form of the reply is not understood"),
        ("[]", "nothing left of the reply after cleaning"),
        ('{"questions": []}', "the form of the reply is not understood"),
    ],
)
def test_a_reply_without_a_question_has_a_reason(reply: str | None, reason: str) -> None:
    with pytest.raises(NoAnswerError) as error:
        read_questions(reply, TYPES)
    assert error.value.reason == reason
