"""What an LLM gives becomes text or None with a reason, whatever it is."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from distilabel_rag4rag.models.llms.output_check import (
    MOST_CHARACTERS,
    check_output,
    failed_output,
    llm_error,
)


def part(text: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def checked(*generations: Any, asked: int = 1, heard: tuple[str, ...] = ()) -> dict[str, Any]:
    output = {"generations": list(generations), "statistics": {}}
    return dict(check_output(output, asked, heard)[0])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Torgau", "Torgau"),
        ("", ""),
        ([part("Torgau")], "Torgau"),
        ([part("Tor"), part("gau")], "Torgau"),
        (["Tor", "gau"], "Torgau"),
        ((part("Torgau"),), "Torgau"),
        (part("Torgau"), "Torgau"),
        ({"text": "Torgau"}, "Torgau"),
        ([{"type": "output_text", "text": "Torgau", "annotations": []}], "Torgau"),
        ([{"type": "text", "text": {"value": "Torgau", "annotations": []}}], "Torgau"),
        ([{"type": "thinking", "thinking": "So …"}, part("Torgau")], "Torgau"),
        ([{"type": "reasoning", "text": "So …"}, part("Torgau")], "Torgau"),
        ([{"type": "redacted_thinking", "data": "x"}, part("Torgau")], "Torgau"),
        ([{"text": "So …", "thought": True}, {"text": "Torgau"}], "Torgau"),
        ([{"type": "image_url", "image_url": {}}, part("Torgau")], "Torgau"),
        (SimpleNamespace(text="Torgau"), "Torgau"),
        ([SimpleNamespace(type="thinking", thinking=[]), SimpleNamespace(text="Torgau")], "Torgau"),
        (b"Torgau", "Torgau"),
        (np.str_("Torgau"), "Torgau"),
        ("T\ud800 \x1b[31mred\r\n", "T� red\n"),
    ],
)
def test_text_is_found(given: Any, text: str) -> None:
    output = checked(given)
    assert output == {"generations": [text], "statistics": {}}
    assert type(output["generations"][0]) is str


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "the LLM gave nothing"),
        ([], "the LLM gave no text: found an empty list"),
        ([None], "the LLM gave no text: found NoneType"),
        ({}, "the LLM gave no text: found a dict of []"),
        ({"answer": "Torgau"}, "the LLM gave no text: found a dict of ['answer']"),
        (1712, "the LLM gave no text: found int"),
        (True, "the LLM gave no text: found bool"),
        (float("nan"), "the LLM gave no text: found float"),
        (b"\xff\xfe", "the LLM gave no text: found bytes that are not UTF-8"),
        (object(), "the LLM gave no text: found object"),
        (SimpleNamespace(text=print), "the LLM gave no text: found SimpleNamespace"),
        ([{"type": "image_url", "image_url": {}}], "the LLM gave no text: found image_url"),
        ([{"type": "tool_use", "name": "f"}, 3], "the LLM gave no text: found tool_use, int"),
        ([{"type": "thinking", "thinking": "So"}], "the LLM gave no text: only reasoning"),
        ([{"text": "So", "thought": True}], "the LLM gave no text: only reasoning"),
        ([{"type": "refusal", "refusal": "I can't."}], "the LLM refused: I can't."),
        ([part("Well."), {"type": "refusal", "refusal": "No."}], "the LLM refused: No."),
        ([part(None)], "the LLM gave no text: found text"),
        ([[part("nested")]], "the LLM gave no text: found list"),
    ],
)
def test_what_holds_no_text_is_none_with_a_reason(given: Any, reason: str) -> None:
    assert checked(given) == {"generations": [None], "statistics": {"error": [reason]}}


@pytest.mark.parametrize("output", [None, "Torgau", ["Torgau"], {}, {"generations": "Torgau"}])
def test_an_output_of_another_form_fails_with_a_reason(output: Any) -> None:
    checked, reason = check_output(output, 2)
    expected = f"the LLM gave nothing: found {type(output).__name__}, expected `generations`"
    assert checked == {"generations": [None] * 2, "statistics": {"error": [expected] * 2}}
    assert reason == expected


def test_as_many_generations_as_were_asked_for() -> None:
    assert checked("a", "b", "c", asked=2)["generations"] == ["a", "b"]
    few = checked("a", asked=2)
    assert few["generations"] == ["a", None]
    assert few["statistics"]["error"] == [None, "the LLM gave nothing: 1 of 2 replies"]


def test_other_keys_have_one_item_for_each_generation() -> None:
    output = {"generations": ["a"], "statistics": {}, "logprobs": [[1.0]]}
    assert check_output(output, 2)[0]["logprobs"] == [[1.0], None]


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        (
            "Received no response using OpenAI client (model: 'm'). Finish reason was: length",
            "the LLM gave nothing (finish reason: length)",
        ),
        ("The server is\n  overloaded.", "the LLM gave nothing: The server is overloaded."),
    ],
)
def test_what_the_client_logged_is_the_reason(heard: str, reason: str) -> None:
    assert checked(None, heard=(heard,))["statistics"] == {"error": [reason]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"input_tokens": [3], "output_tokens": [4]}, {"input_tokens": [3], "output_tokens": [4]}),
        ({"input_tokens": [3], "output_tokens": [0]}, {"input_tokens": [3], "output_tokens": [0]}),
        ({"input_tokens": [0], "output_tokens": [0]}, {}),
        ({"input_tokens": [0], "output_tokens": [4]}, {"output_tokens": [4]}),
        ({"input_tokens": None, "output_tokens": 4}, {}),
        ({"input_tokens": [3, "x"]}, {"input_tokens": [3, None]}),
        (None, {}),
    ],
)
def test_tokens_that_are_not_known_are_not_0(given: Any, kept: dict[str, Any]) -> None:
    output = {"generations": ["a"], "statistics": given}
    assert check_output(output, 1)[0]["statistics"] == kept


class ServerError(Exception):
    def __init__(self, body: Any) -> None:
        super().__init__(f"Error code: 400 - {body}")
        self.body = body


LONG = "This model's maximum context length is 8192 tokens."


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("two\nlines"), "the LLM failed: ValueError: two lines"),
        (
            ServerError({"message": LONG, "code": "context_length_exceeded"}),
            f"the LLM failed: ServerError (context_length_exceeded): {LONG}",
        ),
        (ServerError({"message": LONG, "code": 400}), f"the LLM failed: ServerError: {LONG}"),
        (ServerError("down"), "the LLM failed: ServerError: Error code: 400 - down"),
        (
            ServerError({"message": "Incorrect API key provided: sk-AbCd1234efgh"}),
            "the LLM failed: ServerError: Incorrect API key provided: ***",
        ),
        (ServerError({"message": "mine is 987654321"}), "the LLM failed: ServerError: mine is ***"),
        (KeyError("x\x1b[2J"), r"the LLM failed: KeyError: 'x\x1b[2J'"),
    ],
)
def test_the_words_of_an_error(error: Exception, reason: str) -> None:
    output, found = failed_output(error, 2, secrets=["987654321"])
    assert found == reason
    assert output == {"generations": [None, None], "statistics": {"error": [reason] * 2}}


def test_a_reason_is_short() -> None:
    reason = failed_output(ValueError("x" * 10_000), 1)[1]
    assert len(reason) == MOST_CHARACTERS
    assert reason.startswith("the LLM failed: ValueError: xxx")
    assert reason.endswith("x…")


def test_the_error_of_a_row() -> None:
    metadata = {"statistics_a": {"error": "bad"}, "statistics_b": None, "raw_output_a": None}
    assert llm_error(metadata) == llm_error(metadata, "a") == "bad"
    assert [llm_error(metadata, "b"), llm_error(metadata, ""), llm_error(None)] == [None] * 3
