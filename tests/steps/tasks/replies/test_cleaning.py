"""Each rule that takes something off an answer, by example; and what stays."""

import time

import pytest

from distilabel_rag4rag.steps.tasks.replies import MARKER, read_reply

QUESTION = "Which album was first?"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Dangerously in Love", "Dangerously in Love"),
        ("  Dangerously in Love \n", "Dangerously in Love"),
        ("Answer: Dangerously in Love", "Dangerously in Love"),
        ("**Answer:** Dangerously in Love", "Dangerously in Love"),
        ("Which album was first? A: Dangerously in Love", "Dangerously in Love"),
        ("Question: Which album was first?\nAnswer: Dangerously in Love", "Dangerously in Love"),
        ("```\nDangerously in Love\n```", "Dangerously in Love"),
        ("<think>2003 or 1989?\n</think>\nDangerously in Love", "Dangerously in Love"),
        ("Dangerously in Love</s>", "Dangerously in Love"),
        ("Dangerously in Love<|im_end|>", "Dangerously in Love"),
        ("Short answer: Dangerously in Love", "Dangerously in Love"),
        ("Answer:\nDangerously in Love\n\nIt was released in 2003.", "Dangerously in Love"),
        ('"Dangerously in Love"', "Dangerously in Love"),
        ('"Dangerously in Love".', "Dangerously in Love"),
        ("“Dangerously in Love”", "Dangerously in Love"),
        ("**Dangerously in Love**", "Dangerously in Love"),
        ("`Dangerously in Love`", "Dangerously in Love"),
        ("According to the context, Dangerously in Love", "Dangerously in Love"),
        ("Based on the provided passages: Dangerously in Love", "Dangerously in Love"),
        ("As stated in passage 2, Dangerously in Love", "Dangerously in Love"),
        ("Which album was first? Dangerously in Love", "Dangerously in Love"),
        ("which album was first?\nAnswer: Dangerously in Love", "Dangerously in Love"),
        ("The answer is: Dangerously in Love", "Dangerously in Love"),
        ("The correct answer to the question is Dangerously in Love", "Dangerously in Love"),
        ("Dangerously in Love [1]", "Dangerously in Love"),
        ("Dangerously in Love (Passage 2)", "Dangerously in Love"),
        ('Answer: According to the passage, "Dangerously in Love" [1, 2]', "Dangerously in Love"),
        # what only looks alike stays
        ("Dangerously in Love (2003)", "Dangerously in Love (2003)"),
        ('"A" and "B"', '"A" and "B"'),
        ("A: The Life", "A: The Life"),
        ("(A: b)", "(A: b)"),
        ("In the text: A Study", "In the text: A Study"),
        ("x[12]", "x[12]"),
        ("__init__", "__init__"),
        ("In context: a memoir", "In context: a memoir"),
        ("A flat in Paris", "A flat in Paris"),
        ("'Tis pity", "'Tis pity"),
        ("Answers in Genesis", "Answers in Genesis"),
        ("1989.", "1989."),
        ("The answer isn't here", "The answer isn't here"),
        ("Answer:", ""),
        (QUESTION, ""),
        ("\n\n", ""),
    ],
)
def test_clean_takes_off_what_models_add(reply: str, answer: str) -> None:
    assert (read_reply(reply, question=QUESTION).answer or "") == answer


def test_lines_become_one_where_sentences_are_asked_for() -> None:
    reply = read_reply("It was\nDangerously in Love.", short=False)
    assert reply.answer == "It was Dangerously in Love."


@pytest.mark.parametrize(
    "reply",
    [
        MARKER,
        "not in passages.",
        "Not in the passages",
        "NOT_IN_PASSAGES",
        "**Not-in-passages!**",
        "Answer: NOT IN PASSAGES",
        "The answer is NOT IN PASSAGES, sorry.",
        "I do not know.",
        "I don’t know the answer.",
        "I cannot answer this question from the passages.",
        "The passage does not mention her first album.",
        "The provided context doesn't contain the answer.",
        "According to the passage, it is not stated.",
        "The answer to this question is not in the text.",
        "Sorry, the text does not say.",
        "Not mentioned in the passage.",
        "There is no information about it.",
        "Unanswerable",
        "Unknown.",
        "This is not mentioned in the passage",
        "Her first album is not mentioned in the passage.",
        "Passages do not contain the answer",
        "None of the passages contain the answer.",
        "It's not mentioned",
        "There isn't any information.",
        "not in this passage",
        "Cannot be determined from the passages",
        "Insufficient information",
    ],
)
def test_abstentions_are_recognised_in_any_wording(reply: str) -> None:
    assert read_reply(reply).abstained


@pytest.mark.parametrize(
    "reply",
    [
        "Dangerously in Love",
        "Unknown Pleasures",
        "None",
        "I Don't Know How to Love Him",
        "I Can't Find My Way Home",
        "Not Found in Nature",
        "Not Mentioned in Dispatches (film)",
        "Unanswerable Questions",
        "There is no answer but love",
        "No Answer is an album",
        "not in passage tombs",
        "It is not in Passage 1 but in Passage 2: Rome",
        "Paris (not in passages 1 or 2, but in passage 3)",
        "No Answer Came Back by Ena Kell is the book",
        "The Information",
        "It was not in the context of the war.",
        "The people who do not know",
        "not in the passage of time but in space",
        "",
    ],
)
def test_answers_are_not_taken_for_abstentions(reply: str) -> None:
    assert not read_reply(reply).abstained


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["a ", '"', "*", "Answer:", "[1]", "answer ", "“", "not in ", "_ "]
)
def test_long_replies_take_no_time(piece: str) -> None:
    reply = piece * (200_000 // len(piece))
    begin = time.perf_counter()
    read_reply("a" + " " * 200_000 + "b", question=QUESTION)
    read_reply(reply, question=QUESTION)
    assert time.perf_counter() - begin < 20  # it was over a minute where it was quadratic


def test_a_statement_that_begins_like_the_question_stays() -> None:
    reply = read_reply("Paris is the capital", question="Paris")
    assert reply.answer == "Paris is the capital"
