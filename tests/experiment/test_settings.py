"""The settings: what is refused, and in which words."""

import subprocess
import sys
from typing import Any

import pytest

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.settings import Settings, validated
from distilabel_rag4rag.utils.text import nearest, one_of


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arms": ["zero_sht"]}, "arms: found ['zero_sht'], expected 'zero_shot'."),
        ({"arms": "rag4rg, gold"}, "arms: found ['rag4rg', 'gold'], expected 'rag4rag'."),
        (
            {"arms": ["xyz"]},
            "arms: found ['xyz'], expected 'zero_shot', 'gold_context' or 'rag4rag'.",
        ),
        ({"arms": []}, "arms: found [], expected one or more names, each once."),
        ({"arms": 3}, "arms: found 3, expected a valid list."),
        ({"style": "shrt"}, "style: found 'shrt', expected 'short' or 'sentence'."),
        ({"k": 0}, "k: found 0, expected a number greater than or equal to 1."),
        ({"limit": 0}, "limit: found 0, expected a number greater than or equal to 1."),
        ({"limit": 2.5}, "limit: found 2.5, expected a valid integer"),
        ({"seed": -1}, "seed: found -1, expected a number greater than or equal to 0."),
        ({"threshold": 0}, "threshold: found 0, expected a number greater than or equal to 0.01."),
        ({"max_failed": 1.5}, "max_failed: found 1.5, expected a number less than or equal to 1."),
        ({"abstain": "perhaps"}, "abstain: found 'perhaps', expected a valid boolean"),
        ({"llm": 5}, "llm: found 5, expected a valid string."),
        ({"llm_set": ["a"]}, "llm_set: found ['a'], expected a valid dictionary."),
        ({"columns": {"question": 1}}, "columns.question: found 1, expected a valid string."),
        ({"max_faild": 0.1}, "max_faild: found 'max_faild', expected 'max_failed'."),
        ({"xyz": 1}, "xyz: found 'xyz', expected the name of a setting."),
    ],
)
def test_a_refused_value_is_named_with_what_was_expected(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        validated(Settings, values)
    assert str(caught.value).startswith(message)


def test_arms_are_read_from_a_list_and_from_text() -> None:
    assert validated(Settings, {"arms": "rag4rag, zero_shot"}).arms == ["rag4rag", "zero_shot"]
    assert validated(Settings, {"arms": ["rag4rag"]}).arms == ["rag4rag"]
    assert Settings().arms is None


def test_names_in_words() -> None:
    assert one_of(["a"]) == "'a'"
    assert one_of(["a", "b", "c"]) == "'a', 'b' or 'c'"
    assert one_of([]) == ""
    assert nearest("embedings", ["embeddings", "embeddings_set", "llm"]) == (
        "'embeddings' or 'embeddings_set'"
    )
    assert nearest("zzz", ["embeddings"]) == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "validated(Settings, {'arms': 'typo'})",
            "arms: found ['typo'], expected 'zero_shot', 'gold_context' or 'rag4rag'.",
        ),
        ("Experiment(Settings(judge='./nowhere'), 'out')", "judge: found './nowhere', expected a"),
        ("Experiment(Settings(source='nowhere.json'), 'out')", "nowhere.json"),
    ],
)
def test_what_is_wrong_in_the_call_waits_for_no_model_library(call: str, message: str) -> None:
    code = (
        "import sys\n"
        "from distilabel_rag4rag.experiment.experiment import Experiment\n"
        "from distilabel_rag4rag.experiment.settings import Settings, validated\n"
        "try:\n"
        f"    {call}\n"
        "except ValueError as error:\n"
        "    print(error)\n"
        "heavy = {'torch', 'transformers', 'distilabel.steps', 'distilabel.pipeline'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    error, imported = done.stdout.splitlines()
    assert error.startswith(message)
    assert imported == "[]"
