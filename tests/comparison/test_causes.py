"""Failed rows by cause."""

import pandas as pd

from distilabel_rag4rag.comparison.causes import count_causes

LENGTH = (
    "the LLM gave nothing: BadRequestError: Error code: 400 - maximum context length is 4096"
    " tokens, you requested {} tokens (request req_{})"
)


def test_reasons_that_differ_in_numbers_and_ids_are_one_cause():
    reasons = [
        LENGTH.format(5012, "8fa3"),
        LENGTH.format(6100, "9b11"),
        LENGTH.format(6100, "9b11"),
    ]
    assert count_causes(pd.Series(reasons)) == {reasons[1]: 3}


def test_another_status_is_another_cause():
    reasons = ["Error code: 400 after 3 tries", "Error code: 429 after 9 tries"] * 2
    assert count_causes(pd.Series(reasons)) == {
        "Error code: 400 after 3 tries": 2,
        "Error code: 429 after 9 tries": 2,
    }


def test_the_most_common_first_and_missing_reasons_by_name():
    reasons = ["only reasoning", None, float("nan"), " ", "only reasoning\n", "no passages"]
    assert count_causes(pd.Series(reasons, dtype=object)) == {
        "no reason given": 3,
        "only reasoning": 2,
        "no passages": 1,
    }
    assert count_causes(pd.Series([], dtype=object)) == {}
