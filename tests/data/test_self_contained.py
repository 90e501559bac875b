"""Which questions are understood alone: one question per rule, in each language."""

import time

import pytest

from distilabel_rag4rag.data.self_contained import LANGUAGES, language_of, unclear_reference

CLEAR = [
    # A name, a noun, or what is asked for explains the pronoun.
    "When did Beyoncé release her first album?",
    "How do bees find their hive?",
    "Why do cats purr when they sleep?",
    "Why did the king sell his crown?",
    "Which king sold his crown?",
    "Which university has its origins in a school of surgery?",
    "Who was known for his paintings of horses?",
    "Before he became president, where did Lincoln live?",
    "In Moby Dick, what does the author say about whales?",
    # These words stand for nothing.
    "When was it discovered that light bends?",
    "Is it possible to live on Mars?",
    "How long does it take to build a ship?",
    "What did those who lived in Torgau eat?",
    "What university won the award for Most IT enabled organisation?",
    # No passage is meant.
    "Who is the author of Moby Dick?",
    "Which clause of the treaty is the text of the oath?",
    # No questions in form.
    "boundary layer heat transfer",
    "The kettle of Torgau was cast in 1712.",
    "In welcher Stadt wurde der Kessel gegossen?",
    "Wann veröffentlichte Beyoncé ihr erstes Album?",
    "Quand Beyoncé a-t-elle sorti son premier album ?",
    "Y a-t-il des loups en France ?",
    "¿Cuándo publicó Beyoncé su primer álbum?",
    "Quando Beyoncé pubblicò il suo primo album?",
    "Kiedy Chopin wydał jego walce?",
    "Mikor született Bartók?",
    "贝多芬何时写了他的第九交响曲？",
    # A language that is not known.
    "Milloin hän syntyi?",
    "他の町はどこですか？",
]


@pytest.mark.parametrize("question", CLEAR)
def test_questions_that_are_understood_alone(question: str) -> None:
    assert unclear_reference(question) is None


@pytest.mark.parametrize(
    ("question", "phrase"),
    [
        ("When did he die?", "he die"),
        ("What is this used for?", "this used"),
        ("What is the name of his wife?", "his wife"),
        ("What was the title of her first album?", "her first"),
        ("Why was it built?", "it built"),
        ("It was cast in 1712.", "It was"),
        ("Who was his father?", "his father"),
        ("Which album did she release?", "she release"),
        ("What was the first film she directed?", "she directed"),
        ("In France, what did she study?", "she study"),
        ("What happened in that year?", "that year"),
        ("According to the passage, when was the kettle cast?", "According to the passage"),
        ("What does the text say about Torgau?", "does the text"),
        ("What did this study find?", "this study"),
        ("What did the study find?", "the study find"),
        ("What is mentioned above?", "mentioned above"),
        ("What does the author argue?", "the author"),
        ("Who wrote the aforementioned book?", "aforementioned"),
        ("Wann wurde er geboren?", "er geboren"),
        ("Laut dem Text, wann wurde der Kessel gegossen?", "Laut dem Text"),
        ("Welche Rolle spielte er im Film?", "er im"),
        ("Selon le texte, quand la cloche a-t-elle été fondue ?", "Selon le texte"),
        ("Quel est le nom de sa femme ?", "sa femme"),
        ("Según el texto, ¿cuándo murió?", "Según el texto"),
        ("¿Cuál es el nombre de su esposa?", "su esposa"),
        ("Secondo il testo, quando fu fuso?", "Secondo il testo"),
        ("Qual è il nome di sua moglie?", "sua moglie"),
        ("Według tekstu, kiedy powstał?", "Według tekstu"),
        ("Kiedy on się urodził?", "on się"),
        ("A szöveg szerint mikor épült?", "A szöveg szerint"),
        ("根据文章，水壶是什么时候铸造的？", "根据文章"),
        ("他什么时候出生？", "他"),
    ],
)
def test_the_phrase_that_needs_the_passage(question: str, phrase: str) -> None:
    assert unclear_reference(question) == phrase


def test_the_language_may_be_given() -> None:
    assert LANGUAGES == ("en", "de", "fr", "es", "it", "pl", "hu", "zh")
    assert language_of("Wann wurde der Kessel gegossen?") == "de"
    assert language_of("xyzzy") is None
    assert unclear_reference("他什么时候出生？", "cn") == "他"
    assert unclear_reference("When did he die?", "fi") is None


def test_a_hostile_question_takes_no_time() -> None:
    start = time.perf_counter()
    for text in ("the a of " * 20_000, "which " * 20_000, "it is " * 20_000 + "he", '"' * 50_000):
        unclear_reference(text)
    assert time.perf_counter() - start < 5
