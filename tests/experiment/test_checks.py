"""What is noted before a run."""

import pytest

from distilabel_rag4rag.data.language import main_language
from distilabel_rag4rag.experiment.checks import language_note

ENGLISH = "The great kettle was cast in the town of Torgau, and it still stands there today."
GERMAN = "Der große Kessel wurde in der Stadt Torgau gegossen und steht dort noch heute."
FRENCH = "La grande cloche a été fondue dans la ville de Torgau, où elle se trouve encore."


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        ([ENGLISH] * 3, "en"),
        ([GERMAN, FRENCH, GERMAN], "de"),
        ([FRENCH], "fr"),
        (["Torgau", "1712", ""], "unknown"),
        ([], "unknown"),
        ([GERMAN] * 50 + [ENGLISH] * 100, "de"),  # the first fifty are enough
    ],
)
def test_the_language_of_most_texts(texts: list[str], language: str) -> None:
    assert main_language(texts) == language


def test_packaged_models_that_are_english_are_named_where_the_texts_are_not() -> None:
    models = {"llm": "OpenAILLM:my-model", "embeddings": "embedded", "judge": "embedded"}
    assert language_note([GERMAN], models) == (
        "The texts are in another language than English (de), and the packaged models are English:"
        " expect bad figures, and set `embeddings` and `judge`."
    )
    assert language_note([ENGLISH], models) is None
    assert language_note(["Torgau"], models) is None
    assert language_note([GERMAN], dict.fromkeys(models, "my/model")) is None
