"""Worked examples for the packaged LLM, which writes one question well and a list of them badly."""

from importlib.resources import files
from typing import Any

_EXAMPLES = (
    (
        "The Eiffel Tower was completed in 1889 and was the tallest structure in the world for 41"
        " years.",
        "factoid",
        "When was the Eiffel Tower completed?",
    ),
    (
        "Aspirin reduces fever because it blocks the enzyme that makes prostaglandins.",
        "why_how",
        "Why does aspirin reduce fever?",
    ),
    (
        "Marie Curie was the first woman to win a Nobel Prize.",
        "factoid",
        "Who was the first woman to win a Nobel Prize?",
    ),
    (
        "The pressure on a wing at supersonic speed is measured with small tubes in its surface.",
        "why_how",
        "How is the pressure on a wing at supersonic speed measured?",
    ),
)


def plain_question_settings() -> dict[str, Any]:
    """Settings of `QuestionGeneration` for a small LLM: one question per sentence."""
    prompts = files("distilabel_rag4rag.steps.tasks") / "templates"
    return {
        "from_sentences": True,
        "few_shot": [
            {"context": context, "questions": [{"type": kind, "question": question}]}
            for context, kind, question in _EXAMPLES
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
