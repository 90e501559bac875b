"""What replies say, kind by kind, and that every arm reads them alike."""

from typing import Any

import pytest
from helpers.replies import ABSTAINED, PASSAGES, QUESTION, REPLIES, TORGAU, failed

from distilabel_rag4rag import CompleteAnswer, GroundedAnswerGeneration, ZeroShotAnswerGeneration
from distilabel_rag4rag.schema import NO_REPLY, NOT_UNDERSTOOD, NOTHING_LEFT, ONLY_REASONING
from distilabel_rag4rag.steps.tasks.replies import (
    MARKER,
    NoAnswerError,
    Reply,
    message_of,
    object_in,
    read_reply,
    unfenced,
)
from distilabel_rag4rag.testing import ScriptedLLM

CASES = [
    pytest.param(reply, expected, id=f"{kind}-{number}")
    for kind, replies in REPLIES.items()
    for number, (reply, expected) in enumerate(replies)
]


def read(reply: Any, passages: list[str] = PASSAGES, **settings: Any) -> Reply:
    return read_reply(reply, question=QUESTION, passages=passages, **settings)


@pytest.mark.parametrize(("reply", "expected"), CASES)
def test_a_reply_is_an_answer_an_abstention_or_a_reason(reply: str, expected: Reply) -> None:
    assert read(reply) == expected


@pytest.mark.parametrize(("reply", "expected"), CASES)
def test_a_sentence_is_never_the_wrapping_either(reply: str, expected: Reply) -> None:
    found = read(reply, short=False)
    if expected == TORGAU:
        assert found.answer is None or "Torgau" in found.answer
    if expected.abstained:
        assert found == expected


@pytest.fixture(scope="module")
def grounded() -> GroundedAnswerGeneration:
    task = GroundedAnswerGeneration(llm=ScriptedLLM())
    task.load()
    return task


@pytest.fixture(scope="module")
def zero_shot() -> ZeroShotAnswerGeneration:
    task = ZeroShotAnswerGeneration(llm=ScriptedLLM())
    task.load()
    return task


@pytest.fixture(scope="module")
def complete() -> CompleteAnswer:
    step = CompleteAnswer()
    step.load()
    return step


@pytest.mark.parametrize("kind", REPLIES)
def test_the_grounded_arms_read_alike(grounded: GroundedAnswerGeneration, kind: str) -> None:
    row = {"question": QUESTION, "contexts": PASSAGES}
    for reply, expected in REPLIES[kind]:
        assert grounded.format_output(reply, row) == expected.columns(), reply


@pytest.mark.parametrize("kind", REPLIES)
def test_an_answer_of_another_task_is_read_alike(complete: CompleteAnswer, kind: str) -> None:
    for reply, expected in REPLIES[kind]:
        row = {"question": QUESTION, "answer": reply, "retrieved_contexts": PASSAGES}
        [out] = next(complete.process([row]))
        columns = expected.columns()
        assert {name: out[name] for name in columns} == columns, reply


@pytest.mark.parametrize("kind", REPLIES)
def test_the_baseline_reads_alike(
    zero_shot: ZeroShotAnswerGeneration, complete: CompleteAnswer, kind: str
) -> None:
    """As the whole reply where it is one, else under the heading that the prompt asks for."""
    for reply, expected in REPLIES[kind]:
        if "## " in str(reply):
            continue
        whole = f"## Positive\n\n{reply}\n\n## Negative\n\nUlm"
        found = zero_shot.format_output(whole, {"anchor": QUESTION})
        row = {"question": QUESTION, "context": " ".join(PASSAGES), "answer": found["positive"]}
        [out] = next(complete.process([row]))
        assert out["answer"] in (expected.answer, None), reply
        assert out["answer"] is not None or out["answer_reason"], reply


@pytest.mark.parametrize("nothing", [None, "", " \n\t", [], {}])
def test_no_reply_at_all_has_its_own_reason(nothing: Any) -> None:
    assert read(nothing) == failed(NO_REPLY)


def test_parts_of_a_message_are_its_text() -> None:
    thinking = {"type": "thinking", "thinking": "Ulm?"}
    assert read([thinking, {"type": "text", "text": "Torgau"}]) == TORGAU
    assert read([thinking]) == failed(ONLY_REASONING)
    assert read(7) == Reply("7")
    assert read(object()) == failed(NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("The kettle was cast\nin Torgau.", "The kettle was cast in Torgau."),
        ("<think>Ulm?</think>\nIt was cast in Torgau.", "It was cast in Torgau."),
        ("Sure! Here is the answer:\n\nIt was cast in Torgau.", "It was cast in Torgau."),
        ("It was cast in Torgau.\n\nExplanation: passage 1.", "It was cast in Torgau."),
        ("It was cast in Torgau.\n\nI hope this helps!", "It was cast in Torgau."),
        ("It was cast in Torgau. Let me know if you need more.", "It was cast in Torgau."),
        ("The towns are:\n- Torgau\n- Pirna", "The towns are: Torgau, Pirna"),
        ("- It was cast in Torgau.\n- It was cast by Anna Roth.", None),
        ("It was **cast** in Torgau.", "It was cast in Torgau."),
        ('{"answer": "It was cast\\nin Torgau."}', "It was cast in Torgau."),
        ('{"short_answer": "Torgau", "full_answer": "It was cast in Torgau."}', None),
        ("Es wurde in Torgau gegossen.", "Es wurde in Torgau gegossen."),
    ],
)
def test_sentences(reply: str, answer: str | None) -> None:
    expected = {
        "-": "It was cast in Torgau. It was cast by Anna Roth.",
        "{": "It was cast in Torgau.",
    }
    assert read(reply, short=False) == Reply(answer or expected[reply[0]])


OPEN_TEXT = [
    (
        "The document does not state a date",
        "The document does not state a date, but the seal does.",
    ),
    ("The document doesn't state a date.", "THE DOCUMENT DOES NOT STATE A DATE"),
    ("“The document does not state a date.”", "It says: the document does not state a date."),
    ("Der Text nennt kein Datum.", "Der Text nennt kein Datum, das Siegel schon."),
    ("文中没有提到日期。", "根据记录，文中没有提到日期。"),
    ("Unknown", "The painter is unknown."),
    ("I do not know", "“I do not know”, said the smith."),
    ("not in the passage", "The seal is not in the passage but in the hall."),
    ("Le document ne mentionne aucune date", "Le document ne mentionne aucune date."),
    ("There is no information", "There is no information, he said."),
    ("no answer", "He gave no answer."),
    ("It is not specified", "It is not specified who pays."),
]


@pytest.mark.parametrize(("reply", "passage"), OPEN_TEXT)
def test_what_stands_in_a_passage_is_no_refusal(reply: str, passage: str) -> None:
    assert read(reply, [passage]) == Reply(reply.strip("“”"))
    assert read(reply, ["The kettle was cast in Torgau."]) == ABSTAINED


def test_the_marker_is_no_answer_even_where_it_stands_in_a_passage() -> None:
    assert read(MARKER, [f"The LLM replies {MARKER}."]) == ABSTAINED


@pytest.mark.parametrize(
    "reply",
    [
        "No evidence to support the charge",
        "Insufficient evidence",
        "Lack of evidence",
        "No context switch",
        "Text messages",
        "The passage of the Alps",
        "No passage",
        "Not Torgau but Pirna",
        "He was not given a trial",
        "The cause is not known",
        "A document of 1712",
        "Kein Text",
        "In keinem Kontext",
        "Nicht Torgau",
        "Sans texte",
        "Ningún texto",
        "Nessuno",
        "Nie",
        "Nem",
        "不是",
        "The information office",
        "Unspecified Serious Crime Unit",
        "The text was named after Torgau",
    ],
)
def test_answers_with_the_words_of_refusals(reply: str) -> None:
    assert read(reply, ["A passage about something else."]) == Reply(reply)


def test_abstaining_can_be_switched_off() -> None:
    assert read("Not in the passages.", abstain=False) == Reply("Not in the passages.")
    assert read("The town is not specified.", abstain=False) == Reply("The town is not specified.")
    assert read("<think>Ulm?</think>", abstain=False) == failed(ONLY_REASONING)
    assert read('{"answer": null}', abstain=False) == failed(NOTHING_LEFT)


def test_the_question_may_be_repeated() -> None:
    assert read(f"{QUESTION}\nTorgau") == TORGAU
    assert read(f"**{QUESTION}**\n\nTorgau") == TORGAU
    assert read(f"Question: {QUESTION}\nAnswer: Torgau") == TORGAU
    assert read("Question: Who cast it?\nAnswer: Anna Roth") == failed(NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("1. FC Köln", "1. FC Köln"),
        ("Answer: 1. FC Köln", "1. FC Köln"),
        ("The Answer", "The Answer"),
        ("Sure Thing", "Sure Thing"),
        ("Source: BBC", "Source: BBC"),
        ("A: The Life", "A: The Life"),
        ('12"', '12"'),
        ("{1, 2}", "{1, 2}"),
        ("**kwargs", "**kwargs"),
        ("→ Ulm", "→ Ulm"),
        ("Let me see the sea", "Let me see the sea"),
    ],
)
def test_what_stands_in_a_passage_is_not_taken_off(reply: str, answer: str) -> None:
    assert read(reply, [f"It says {answer} there."]) == Reply(answer)


def test_the_parts_can_be_used_alone() -> None:
    reply = (
        '<think>Three questions.</think>\n```json\n{"questions": ["Who?", "When?"]}\n```<|im_end|>'
    )
    assert object_in(unfenced(message_of(reply))) == {"questions": ["Who?", "When?"]}
    assert object_in("no object") is None
    assert unfenced("1. Who?\n2. When?") == "1. Who?\n2. When?"
    with pytest.raises(NoAnswerError, match="only reasoning"):
        message_of("<think>Three questions")


@pytest.mark.parametrize(
    "answer",
    ["1. FC Köln", "24. Dezember", "12. Jahrhundert", "3. maja", "- 5 °C", "> 5 mg", ">= 3"],
)
@pytest.mark.parametrize("form", ["{}", '{{"answer": "{}"}}', "Answer: {}"])
def test_ordinals_and_signs_belong_to_an_answer(answer: str, form: str) -> None:
    assert read(form.format(answer)) == Reply(answer)


def test_the_mark_of_a_single_item_goes_where_the_passages_hold_the_item() -> None:
    for reply in ("1. Torgau", "- Torgau", "- 1712", "> 1712"):
        assert read(reply) == Reply(reply.split()[1])


@pytest.mark.parametrize(
    "reply",
    [
        '{"answerable": false}',
        '{"answerable": false, "answer": "Torgau?"}',
        '{"abstain": true, "answer": "Ulm"}',
        '{"found": "false", "answer": "Ulm"}',
        "Leider kann ich diese Frage nicht beantworten.",
        "Hierzu liegen keine Informationen vor.",
        "Se desconoce.",
        "Informazione non disponibile",
        "没有提供相关信息",
        "Nem áll rendelkezésre információ.",
        "It does not say where.",
    ],
)
def test_further_forms_of_abstention(reply: str) -> None:
    assert read(reply) == ABSTAINED


def test_a_part_that_is_the_marker_is_not_glued_to_another() -> None:
    parts = [{"type": "text", "text": "Torgau"}, {"type": "text", "text": "NOT IN PASSAGES"}]
    assert read(parts) == ABSTAINED
    assert read("NOT IN PASSAGES (only the kettle)", abstain=False) == failed(NOTHING_LEFT)


@pytest.mark.parametrize(
    "reply",
    [
        "model\nTorgau",
        "assistant\n\nTorgau",
        "text\nTorgau",
        "Torgau [1][2]",
        "Torgau [1] [2].",
        "Torgau [doc_1]",
        "Torgau [citation:1]",
    ],
)
def test_roles_and_citations_go(reply: str) -> None:
    assert (read(reply).answer or "").rstrip(".") == "Torgau"


def test_an_answer_of_a_passage_is_not_replaced_by_what_repeats_it() -> None:
    passages = ["The gauge is 1,435mm (4 ft 8 in) standard gauge, 18.1% of all."]
    cut_off = "Answer: 1,435mm (4 ft 8 in) standard gauge\n\nThe answer is: 1,435mm (4 ft"
    assert read(cut_off, passages) == Reply("1,435mm (4 ft 8 in) standard gauge")
    assert read("Answer: 18.1%\n\nThe answer is: 18.1", passages) == Reply("18.1%")
    assert read("Answer: 18.1%\n\nThe answer is: 18.1") == Reply("18.1%")  # in no passage
    assert read("Answer: Ulm\nFinal answer: Torgau") == TORGAU


@pytest.mark.parametrize("reply", ["30.", "Answer: 30.", "7)"])
def test_a_number_alone_is_an_answer(reply: str) -> None:
    assert (read(reply).answer or "").rstrip(".)") == reply.removeprefix("Answer: ").rstrip(".)")


@pytest.mark.parametrize("word", ["Yes!", "Yes,", "No:", "Well,", "Oh, ", "Right!", "So,"])
def test_an_exclamation_before_an_answer_goes(word: str) -> None:
    assert read(f"{word} Torgau") == TORGAU


@pytest.mark.parametrize(
    ("reply", "question"),
    [
        ("Yes, Torgau", "Was the kettle cast in Torgau?"),  # the answer is yes
        ("No. 5", "Which perfume is it?"),
        ("Oh, Brother", "What is the song's name?"),
        ("No, Berlin", "In which town was it cast?"),  # in no passage: not known to be an answer
    ],
)
def test_an_exclamation_that_may_be_the_answer_stays(reply: str, question: str) -> None:
    passages = [*PASSAGES, "Oh, Brother is a song; number 5 is a perfume by a brother."]
    assert read_reply(reply, question=question, passages=passages) == Reply(reply)
