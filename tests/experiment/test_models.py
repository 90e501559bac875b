"""The models that settings name."""

from typing import Any

import pytest

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.models import Models
from distilabel_rag4rag.experiment.settings import Settings


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, True),
        ({"judge": "some/folder", "judge_set": {"threshold": 0.3}}, True),
        ({"cache": False}, False),
        ({"judge_set": {"keep_verdicts": False}}, False),
        ({"judge": "gpt-4o", "judge_set": {"method": "llm"}}, False),
        ({"ray": "auto"}, False),
    ],
    ids=str,
)
def test_verdicts_are_kept_where_replies_are_and_a_model_judges(
    settings: dict[str, Any], kept: bool
) -> None:
    judge = Models(Settings(**settings)).judge()
    assert judge.keep_verdicts is kept
    assert judge.threshold == settings.get("judge_set", {}).get("threshold", 0.5)


def test_a_setting_that_no_judge_has_is_named() -> None:
    with pytest.raises(ConfigError, match=r"judge_set.*thresold") as caught:
        Models(Settings(judge_set={"thresold": 0.3})).judge()
    assert caught.value.field == "judge_set"
