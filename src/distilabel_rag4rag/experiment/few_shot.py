"""Worked examples for the packaged LLM, which writes one question well and a list of them badly.

It asks as the examples do: "When …?" after four of them that ask when. So a sentence gets examples
that suit what stands in it.
"""

from importlib.resources import files
from typing import Any, NamedTuple


class _Examples(NamedTuple):
    """Examples for the sentences in which a pattern is found; None for all others."""

    pattern: str | None
    type: str
    pairs: tuple[tuple[str, str], ...]


_NUMBER = (
    r"(?:\d[\d,.]*|[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|[Ss]ix|[Ss]even|[Ee]ight|[Nn]ine|[Tt]en|[Ee]leven"
    r"|[Tt]welve|\w+teen|[Tt]wenty|[Tt]hirty|[Ff]orty|[Ff]ifty|[Ss]ixty|[Ss]eventy|[Ee]ighty"
    r"|[Nn]inety)(?: hundred| thousand| million| billion)?"
)
_UNIT = r"(?:(?:kilo|centi|milli)?met(?:re|er)s?|miles?|feet|inches|(?:kilo)?grams?|tons?|tonnes?)"
_PERIOD = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)"

_EXAMPLES = (
    _Examples(
        r"\b(?:1\d{3}|20\d\d)\b",
        "factoid",
        (
            (
                "The Eiffel Tower was completed in 1889 and is the highest in Paris.",
                "When was the Eiffel Tower completed?",
            ),
            (
                "In 1912 the ship Titanic struck an iceberg in the Atlantic and sank.",
                "When did the Titanic sink?",
            ),
            (
                "The Bank of England was founded in 1694 to lend money to the king.",
                "When was the Bank of England founded?",
            ),
            (
                "Mozart left Salzburg for Vienna in 1781 after a quarrel with the archbishop.",
                "When did Mozart leave Salzburg for Vienna?",
            ),
        ),
    ),
    _Examples(
        rf"\b{_NUMBER}[ -]{_UNIT}\b",
        "factoid",
        (
            (
                "Mount Everest rises to 8,849 metres and is climbed from Nepal and Tibet.",
                "How high is Mount Everest?",
            ),
            (
                "The Gotthard tunnel, which was opened by the Swiss, is 57 kilometres long.",
                "How long is the Gotthard tunnel?",
            ),
            (
                "An adult blue whale weighs about 150 tonnes and eats krill.",
                "How much does an adult blue whale weigh?",
            ),
            (
                "The Suez Canal is 24 metres deep and 205 metres wide.",
                "How deep is the Suez Canal?",
            ),
        ),
    ),
    _Examples(
        rf"\b{_NUMBER} {_PERIOD}\b",
        "factoid",
        (
            (
                "The siege of Vienna lasted two months, until an army from Poland came.",
                "How long did the siege of Vienna last?",
            ),
            (
                "It took Michelangelo four years to paint the ceiling of the Sistine Chapel.",
                "How long did it take Michelangelo to paint the ceiling of the Sistine Chapel?",
            ),
            (
                "A female elephant carries her calf for 22 months.",
                "How long does a female elephant carry her calf?",
            ),
        ),
    ),
    _Examples(
        rf"\b{_NUMBER} (?:[a-z]+ ){{0,2}}(?:[a-z]{{2,}}s|people|men|women|children)\b",
        "factoid",
        (
            (
                "The Danube flows through ten countries and ends in the Black Sea.",
                "How many countries does the Danube flow through?",
            ),
            (
                "The Titanic carried 2,224 people, but it had only twenty lifeboats.",
                "How many lifeboats did the Titanic have?",
            ),
            (
                "Saturn is surrounded by rings and has 146 moons.",
                "How many moons does Saturn have?",
            ),
            (
                "Shakespeare wrote 154 sonnets, most of them to a young man.",
                "How many sonnets did Shakespeare write?",
            ),
        ),
    ),
    _Examples(
        r"\bbecause\b",
        "why_how",
        (
            (
                "Aspirin reduces fever because it blocks the enzyme that makes prostaglandins.",
                "Why does aspirin reduce fever?",
            ),
            (
                "The tower of Pisa leans because the ground under it is soft.",
                "Why does the tower of Pisa lean?",
            ),
            (
                "Because of a storm the Armada could not land in England.",
                "Why could the Armada not land in England?",
            ),
        ),
    ),
    _Examples(
        None,
        "factoid",
        (
            (
                "Marie Curie was the first woman to win a Nobel Prize.",
                "Who was the first woman to win a Nobel Prize?",
            ),
            (
                "The longest river of France is the Loire, which rises in the Massif Central.",
                "Which river is the longest of France?",
            ),
            (
                "The roof of the temple in Kyoto is covered with leaves of gold.",
                "What is the roof of the temple in Kyoto covered with?",
            ),
            (
                "The pressure on a wing at supersonic speed is measured with small tubes.",
                "How is the pressure on a wing at supersonic speed measured?",
            ),
        ),
    ),
    _Examples(
        None,
        "keyword",
        (
            (
                "Aspirin reduces fever because it blocks the enzyme that makes prostaglandins.",
                "aspirin fever prostaglandins enzyme",
            ),
            (
                "The longest river of France is the Loire, which rises in the Massif Central.",
                "longest river France",
            ),
            (
                "The pressure on a wing at supersonic speed is measured with small tubes.",
                "measurement of wing pressure at supersonic speed",
            ),
            (
                "In 1912 the ship Titanic struck an iceberg in the Atlantic and sank.",
                "sinking of the Titanic 1912",
            ),
        ),
    ),
    _Examples(
        None,
        "claim",
        (
            (
                "Marie Curie, who was born in Warsaw, was the first woman to win a Nobel Prize.",
                "No woman won a Nobel Prize before Marie Curie.",
            ),
            (
                "The roof of the temple in Kyoto is covered with leaves of gold.",
                "The temple in Kyoto has a roof of gold leaves.",
            ),
            (
                "Because of a storm the Armada could not land in England.",
                "A storm kept the Armada from landing in England.",
            ),
            (
                "The pressure on a wing at supersonic speed is measured with small tubes.",
                "Small tubes measure the pressure on a wing at supersonic speed.",
            ),
        ),
    ),
)


def plain_question_settings() -> dict[str, Any]:
    """Settings of `QuestionGeneration` for a small LLM: one question per sentence."""
    prompts = files("distilabel_rag4rag.steps.tasks") / "templates"
    return {
        "from_sentences": True,
        "few_shot": [
            {
                "context": context,
                "questions": [{"type": examples.type, "question": question}],
                **({"pattern": examples.pattern} if examples.pattern else {}),
            }
            for examples in _EXAMPLES
            for context, question in examples.pairs
        ],
        "system_template": (prompts / "plain_questions_system.jinja2").read_text("utf-8"),
        "template": (prompts / "plain_questions_user.jinja2").read_text("utf-8"),
    }


def plain_answer_settings() -> dict[str, str]:
    """The prompts for SmolLM2-135M, which finds the answer half as often behind fences."""
    prompts = files("distilabel_rag4rag.steps.tasks") / "templates"
    return {
        "system_template": (prompts / "plain_system.jinja2").read_text("utf-8"),
        "template": (prompts / "plain_user.jinja2").read_text("utf-8"),
    }
