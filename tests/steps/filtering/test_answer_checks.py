"""The checks on question and answer: one row per reason."""

from typing import Any

import pytest

from distilabel_rag4rag import Mark, MarkAnswersQuestion, MarkInformative

PASSAGE = (
    "The Calverstrand tramway was opened in 1938 and has six routes. "
    "Its depot stands beside the guildhall. "
    "The engineer Maldry Vane won three medals for the points, which freeze in the north wind."
)
NOTHING_NEW = "the answer says nothing that the question does not"


def reason(mark: Mark, question: Any, answer: Any, **columns: Any) -> str | None:
    mark.load()
    row = {"question": question, "answer": answer, "contexts": PASSAGE, **columns}
    [out] = next(mark.process([row]))
    assert out[mark.outputs[0]] is (out[mark.outputs[1]] is None)
    return out[mark.outputs[1]]


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What is the Roake Station?", "Roake Station", NOTHING_NEW),
        ("How does Hugo bring barley down?", "Hugo brings the barley down.", NOTHING_NEW),
        ("What is the gauge of 1,180 millimetres?", "1180", NOTHING_NEW),
        ("How does Ida carry it?", "Ida carries it, and carried it.", NOTHING_NEW),
        ("What is the Roake Station?", "a railway station", None),
        ("When was Roake Station opened?", "1938", None),
        ("Was the bell cast in Ulm?", "No", None),
        ("Was the bell cast in Ulm?", "Yes, in Ulm.", None),
        ("Was the bell cast in Ulm?", "It was not cast in Ulm.", None),
        ("Was the bell cast in Ulm or in Torgau?", "Torgau", None),
        ("Was the bell cast in Ulm or in Torgau?", "in Ulm or in Torgau", NOTHING_NEW),
        ("Who cast the bell, Ebert or Lodenz?", "Lodenz", None),
        ("Which is older, the mill or the bell?", "the bell", None),
        ("What is a flow without heat or friction?", "A flow without heat", NOTHING_NEW),
        ("How do wings or fins carry a load?", "Wings carry a load.", NOTHING_NEW),
        ("In a tunnel, what is the effect of heat or friction?", "effect of heat", NOTHING_NEW),
        ("Which rivers cross France or Spain?", "rivers cross France", NOTHING_NEW),
        ("Was the bell cast in Ulm or in Torgau?", "The bell was cast.", NOTHING_NEW),
        ("Which is longer, the Rhine or the Elbe?", "The Rhine is longer than the Elbe.", None),
        ("Was Ebert or Lodenz born first?", "Lodenz was born before Ebert.", None),
        ("What is heavier: gold or lead?", "gold", None),
        ("Which of gold or lead is heavier?", "gold", None),
        ("How do wings or fins carry a load?", "by their lift", None),
        ("What is the flow about a wing?", "1. The flow about a wing is considered.", NOTHING_NEW),
        ("How many wings has it?", "2.", None),
        ("What is gold?", "It is what it is.", NOTHING_NEW),
        ("Was ist der Kessel?", "der Kessel", NOTHING_NEW),
        (
            "What is the wood made of?",
            "The oak, a tree of the land, is a tree of the land, a tree of the land",
            'the answer repeats "a tree of the"',
        ),
        ("", "1938", "empty question"),
        ("When was it opened?", None, "no answer: the LLM gave nothing"),
    ],
)
def test_an_answer_says_something_new(question: str, answer: Any, expected: str | None) -> None:
    assert reason(MarkInformative(), question, answer) == expected


@pytest.mark.parametrize(
    ("kind", "passes"), [("keyword", True), ("claim", True), ("factoid", False)]
)
def test_keywords_and_claims_may_hold_their_answer(kind: str, passes: bool) -> None:
    found = reason(MarkInformative(), "kettle Torgau 1712", "Torgau", question_type=kind)
    assert found == (None if passes else NOTHING_NEW)


DEPOT = 'another sentence is nearer to the question: "Its depot stands beside the guildhall."'


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("How many routes does the tramway have?", "the guildhall", 'no number, asked "how many"'),
        ("How many routes does the tramway have?", "six", None),
        ("How long are the routes?", "the guildhall", 'no measure, asked "how long"'),
        ("How long did it last?", "well into the nineteenth century", None),
        ("When was the tramway opened?", "Calverstrand", 'no time, asked "when"'),
        ("In what year was it opened?", "Calverstrand", 'no time, asked "what year"'),
        ("When was the tramway opened?", "before the war", None),
        ("When did Ida spend two winters here?", "She spent two winters", 'no time, asked "when"'),
        (
            "How many of the six routes are left?",
            "The six routes are left.",
            'no number, asked "how many"',
        ),
        ("Who opened the tramway?", "in 1938", 'only a number, asked "who"'),
        ("Why do the points freeze?", "1938", 'only a number, asked "why"'),
        ("What is the tramway named after?", "1938", 'only a number, asked "what"'),
        ("What is the number of routes?", "6", None),
        ("What are the fees?", "£30", None),
        ("What does it cost to ride?", "40%", None),
        ("Where does the depot of the tramway stand?", "three medals", DEPOT),
        ("Where does the depot of the tramway stand?", "beside the guildhall", None),
        ("Where does the depot of the tramway stand?", "behind the abbey", None),
        ("Wie viele Linien hat die Straßenbahn?", "Calverstrand", None),
        (None, "six", "empty question"),
        ("Who?", " ", "no answer: abstained"),
    ],
)
def test_an_answer_belongs_to_its_question(
    question: Any, answer: str, expected: str | None
) -> None:
    found = reason(MarkAnswersQuestion(), question, answer, answer_reason="abstained")
    assert found == expected


def test_the_rule_of_sentences_can_be_left_out() -> None:
    question = "Where does the depot of the tramway stand?"
    assert reason(MarkAnswersQuestion(margin=1), question, "three medals") is None
    assert reason(MarkAnswersQuestion(), question, "three medals", contexts=None) is None
