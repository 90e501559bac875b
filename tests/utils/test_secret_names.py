"""Secrets by name, and hidden in texts."""

import pytest

from distilabel_rag4rag.utils.secrets import hide_secrets, is_secret_name, secret_names


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(("api_key", True), ("HF_TOKEN", True), ("X-Api-Key", True), ("clientSecret", True)),
        *(("max_new_tokens", False), ("tokenizer", False), ("stop_token_ids", False)),
        *(("tokenizer_mode", False), ("keys", False), ("eos_token", False), ("api_key_env", False)),
    ],
)
def test_names(name: str, secret: bool) -> None:
    assert is_secret_name(name, "x") is secret


def test_names_at_any_depth() -> None:
    settings = {"a": [{"headers": {"Authorization": "x"}}], "token": "y", "max_tokens": 3}
    assert secret_names(settings) == ["token", "Authorization"]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Incorrect API key provided: sk-proj-AbCd1234efgh.", "Incorrect API key provided: ***"),
        ("Authorization: Bearer abc.def.123456", "Authorization: Bearer ***"),
        ("http://olga:secret@host:1/v1 refused", "http://***@host:1/v1 refused"),
        ("for url 'https://h/v1?a=b&key=AbC&x=1'", "for url 'https://h/v1?a=b&key=***&x=1'"),
        ("hf_abcdefghijk1 is not valid", "*** is not valid"),
        ("the key of mine is 0123456789", "the key of mine is ***"),
        ("the tool's is from-env-1", "the tool's is ***"),
        ("a plain risk-averse task-oriented text", "a plain risk-averse task-oriented text"),
        ("basic authentication required, bearer token missing", None),
        ("model gpt-4o-mini-2024-07-18 at http://127.0.0.1:8000/v1?n=3", None),
    ],
)
def test_texts(text: str, hidden: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOOLS_TOKEN", "from-env-1")
    monkeypatch.setenv("OTHER_KEY", "averse")
    assert hide_secrets(text, ["0123456789", "risk"]) == (text if hidden is None else hidden)
