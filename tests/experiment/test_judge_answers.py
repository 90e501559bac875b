"""Judges and baselines on labelled answers."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilabel_rag4rag import LettuceDetectJudge, MarkGrounded
from distilabel_rag4rag.comparison.judge_calibration import calibrate
from distilabel_rag4rag.comparison.statistics import Resampling
from distilabel_rag4rag.data.judge_labels import LabelledAnswer
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.judge_answers import (
    find_judge,
    judge_answers,
    similar_to_evidence,
    words_supported,
)

EVIDENCE = ("The kettle was cast in Torgau in 1712. It weighs two tons.",)


def answer(text: str, unsupported: bool, spans: Any = None) -> LabelledAnswer:
    return LabelledAnswer("answer", EVIDENCE, "Where was it cast?", text, unsupported, spans)


class Years:
    """Finds 1989, with little confidence, and cannot judge "broken"."""

    def predict(
        self, context: Any, answer: str, question: Any = None, output_format: str = "spans"
    ) -> list[dict[str, Any]]:
        if answer == "broken":
            raise RuntimeError("out of order")
        start = answer.find("1989")
        return [{"start": start, "end": start + 4, "text": "1989", "confidence": 0.4}][: start + 1]


def test_an_object_is_asked_once_and_its_threshold_holds() -> None:
    answers = [answer("1989", True, ((0, 4),)), answer("1712", False, ()), answer("broken", True)]
    found = judge_answers(answers, Years(), threshold=0.3)
    assert found.judge == "Years"
    assert found.scores[:2].tolist() == [0.4, 0.0]
    assert math.isnan(found.scores[2])
    assert found.flagged is not None
    assert found.flagged.tolist() == [True, False, False]
    assert found.spans == [[(0, 4)], [], []]
    assert (found.failed, found.reason) == (1, "judge failed: RuntimeError: out of order")
    stricter = judge_answers(answers, Years(), threshold=0.5)
    assert stricter.flagged is not None
    assert not stricter.flagged.any()
    assert stricter.spans == [[], [], []]


@pytest.mark.slow
def test_a_lettucedetect_model_is_scored_below_its_threshold_too() -> None:
    answers = [answer("in Torgau", False, ()), answer("in Wolverhampton", True, ((3, 16),))]
    found = judge_answers(answers, "embedded", threshold=0.5)
    assert 0 < found.scores[0] < 0.5 < found.scores[1] < 1
    assert found.spans is not None
    assert found.spans[0] == []
    assert found.spans[1]
    lowered = judge_answers(answers, "embedded", threshold=float(found.scores[0]) / 2)
    assert lowered.flagged is not None
    assert lowered.flagged.tolist() == [True, True]
    np.testing.assert_allclose(lowered.scores, found.scores, atol=0.03)


@pytest.mark.parametrize("wanted", [0.0, 0.3, 0.5])
def test_a_threshold_holds_in_a_pipeline(wanted: float) -> None:
    supported = ["Torgau", "1712", "two tons", "in Torgau in 1712", "The kettle", "It was cast."]
    answers = [answer(text, False, ()) for text in supported]
    scores = judge_answers(answers, "embedded", spans=False).scores
    found = calibrate(answers, scores, wanted, Resampling(samples=10))
    judge = LettuceDetectJudge(model="embedded", threshold=found.threshold.value)
    mark = MarkGrounded(threshold=found.threshold.value)
    judge.load()
    mark.load()
    rows = next(mark.process(next(judge.process([one.row() for one in answers]))))
    judge.unload()
    flagged = [row["keep_row_after_grounding"] for row in rows].count(False) / len(rows)
    assert flagged == pytest.approx(found.false_alarms.value)
    assert flagged <= wanted


def test_the_baselines() -> None:
    answers = [answer("Torgau", False), answer("Torgau, 1989", True), answer("it was", False)]
    words = words_supported(answers)
    assert words.scores.tolist() == [0.0, 0.5, 0.0]
    assert words.flagged is not None
    assert words.flagged.tolist() == [False, True, True]
    texts = ("It weighs two tons.", "The kettle was made in Torgau.", "Bananas are yellow.")
    near, alike, far = similar_to_evidence([answer(text, False) for text in texts]).scores
    assert near == pytest.approx(0.0, abs=1e-6)
    assert near < alike < far


def test_a_judge_by_the_name_of_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "judges_of_mine.py").write_text("class Mine:\n    pass\n\n\nready = Mine()\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = find_judge("judges_of_mine:Mine")
    module = sys.modules["judges_of_mine"]
    assert isinstance(found, module.Mine)
    assert find_judge("judges_of_mine:ready") is module.ready
    assert find_judge("owner/name") == "owner/name"
    with pytest.raises(ConfigError, match="judges_of_mine:Yours"):
        find_judge("judges_of_mine:Yours")
    with pytest.raises(ConfigError, match="no_such_module"):
        find_judge("no_such_module:Mine")
