"""What a shard is found again by."""

import pytest

pytest.importorskip("ray")


def test_rows_of_any_values_have_a_name() -> None:
    from distilabel_rag4rag.runtime.shard_key import digest

    values = [
        [{"n": {1: "a", "b": 2}}],
        [{"n": {1: "a", "b": 3}}],
        [{"n": {"b": 2}}],
        [{"n": "\ud800"}],
    ]
    names = [digest(value) for value in values]
    assert len(set(names)) == len(values)
    assert names == [digest(value) for value in values]
