"""What an LLM gives back, checked: text or None with a reason, before anything keeps or reads it.

Clients of LLM servers pass on what the server sent: a list of parts, a number, fewer replies than
were asked for. distilabel does not look at it, so here is the one place that does. Why there is no
text stands among the statistics of a reply, as `error`; distilabel's tasks write those to the
row's `distilabel_metadata`, where `llm_error` finds it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from distilabel.typing import GenerateOutput

from distilabel_rag4rag.errors import describe
from distilabel_rag4rag.schema import NO_REPLY
from distilabel_rag4rag.utils.secrets import hide_secrets
from distilabel_rag4rag.utils.text import clean_text

MOST_CHARACTERS = 300

#: What parts of a reply are called that hold its text; parts without a type hold text too.
_TEXT = (None, "text", "output_text")
#: Parts that hold what the LLM thought on the way to its reply.
_REASONING = ("thinking", "redacted_thinking", "reasoning", "reasoning_content")
_TOKENS = ("input_tokens", "output_tokens")


class NoText(ValueError):
    """A reply that holds no text; its message is the row's reason."""


def check_output(
    output: Any, num_generations: int, warnings: Sequence[str] = ()
) -> tuple[GenerateOutput, str | None]:
    """An LLM's output of which each generation is text or None.

    Args:
        output: what the LLM gave for one input.
        num_generations: how many generations were asked for; missing ones become None and those
            that are too many go, so that a task makes so many rows.
        warnings: what the LLM logged meanwhile, for the reason.

    Returns:
        The output, and why generations are None, if any is.
    """
    if not isinstance(output, Mapping) or not isinstance(output.get("generations"), list | tuple):
        kind = type(output).__name__
        return _failed(f"{NO_REPLY}: found {kind}, expected `generations`", num_generations)
    given = list(output["generations"])[:num_generations]
    texts: list[str | None] = []
    errors: list[str | None] = []
    for generation in [*given, *[None] * (num_generations - len(given))]:
        try:
            text, error = _text_of(generation), None
        except NoText as no_text:
            text, error = None, str(no_text)
        if text is None:
            error = error or _nothing(warnings, len(given), num_generations)
        texts.append(text)
        errors.append(one_line(error) if error else None)
    extra = {
        key: value for key, value in output.items() if key not in ("generations", "statistics")
    }
    checked: dict[str, Any] = {
        **{key: _padded(value, num_generations) for key, value in extra.items()},
        "generations": texts,
        "statistics": _statistics(output.get("statistics")),
    }
    first = next((error for error in errors if error), None)
    if first:
        checked["statistics"]["error"] = errors
    return checked, first  # type: ignore[return-value]


def failed_output(
    error: BaseException, num_generations: int, secrets: Iterable[str] = ()
) -> tuple[GenerateOutput, str]:
    """The output where an LLM raised an error instead of giving one, and the reason.

    Args:
        error: what the LLM raised.
        num_generations: how many generations were asked for.
        secrets: what must not stand in the reason.
    """
    output, reason = _failed(
        one_line(f"the LLM failed: {_words_of(error)}", secrets), num_generations
    )
    return output, reason


def llm_error(metadata: Any, task: str | None = None) -> str | None:
    """Why an LLM gave no text, from a row's `distilabel_metadata`; None where it is not known.

    Args:
        metadata: of a row that a task has written.
        task: the task's name; None takes any task's.
    """
    found = [
        (statistics or {}).get("error")
        for key, statistics in (metadata or {}).items()
        if key.startswith("statistics_") and task in (None, key.removeprefix("statistics_"))
    ]
    return next((str(error) for error in found if error), None)


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without secrets, short and on one line."""
    text = " ".join(hide_secrets(clean_text(text), secrets).split())
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _failed(reason: str, num_generations: int) -> tuple[GenerateOutput, str]:
    nothing = [None] * num_generations
    errors = {"error": [reason] * num_generations}
    return {"generations": nothing, "statistics": errors}, reason  # type: ignore[typeddict-item]


def _text_of(generation: Any) -> str | None:
    """The text of a reply, None where there is none.

    Raises:
        NoText: if the reply is something else.
    """
    if generation is None:
        return None
    if isinstance(generation, bytes):
        try:
            return clean_text(generation.decode())
        except UnicodeDecodeError:
            raise NoText("the LLM gave no text: found bytes that are not UTF-8") from None
    parts = list(generation) if isinstance(generation, list | tuple) else [generation]
    texts = list(_texts(parts))
    if texts:
        return clean_text("".join(texts))
    if not parts:
        raise NoText("the LLM gave no text: found an empty list")
    if all(_type(part) in _REASONING or _field(part, "thought") is True for part in parts):
        raise NoText("the LLM gave no text: only reasoning")
    kinds = ", ".join(dict.fromkeys(_kind(part) for part in parts))
    raise NoText(f"the LLM gave no text: found {kinds}")


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield str.__str__(part)
        elif _type(part) == "refusal":
            raise NoText(f"the LLM refused: {_field(part, 'refusal')}")
        elif _type(part) in _TEXT and _field(part, "thought") is not True:
            text = _field(part, "text")
            text = _field(text, "value") if isinstance(text, Mapping) else text
            if isinstance(text, str):
                yield text


def _type(part: Any) -> Any:
    return _field(part, "type")


def _field(part: Any, name: str) -> Any:
    """A field of a part, which clients give as a dict or as an object of their own."""
    return part.get(name) if isinstance(part, Mapping) else getattr(part, name, None)


def _kind(part: Any) -> str:
    if isinstance(type_ := _type(part), str):
        return type_
    if isinstance(part, Mapping):
        return f"a dict of {sorted(map(str, part))}"
    return type(part).__name__


def _nothing(warnings: Sequence[str], given: int, asked: int) -> str:
    """The reason for None: what the LLM logged, which names the reason to finish."""
    if given < asked:
        return f"{NO_REPLY}: {given} of {asked} replies"
    if not warnings:
        return NO_REPLY
    _, finish, reason = warnings[0].partition("Finish reason was: ")
    return f"{NO_REPLY} (finish reason: {reason})" if finish else f"{NO_REPLY}: {warnings[0]}"


def _statistics(statistics: Any) -> dict[str, Any]:
    """The statistics without counts of tokens that the LLM does not know.

    Clients write 0 for the tokens of a reply without `usage`; a prompt of no tokens there is not.
    """
    kept = {
        key: list(values)
        for key, values in (statistics.items() if isinstance(statistics, Mapping) else ())
        if isinstance(values, list | tuple) and key != "error"
    }
    if not any(kept.get("input_tokens", ())):
        kept.pop("input_tokens", None)
        if not any(kept.get("output_tokens", ())):
            kept.pop("output_tokens", None)
    for key in _TOKENS:
        if key in kept:
            kept[key] = [n if isinstance(n, int | float) else None for n in kept[key]]
    return kept


def _padded(value: Any, length: int) -> Any:
    """A list with one item for each generation: tasks take them by number."""
    if not isinstance(value, list | tuple):
        return [value] * length
    return [*value, *[None] * length][:length]


def _words_of(error: BaseException) -> str:
    """Type, code and message: the server's own words where its client keeps them apart."""
    body = getattr(error, "body", None)
    if not isinstance(body, Mapping) or not isinstance(message := body.get("message"), str):
        return describe(error)
    code = body.get("code") or body.get("type")
    named = f" ({code})" if isinstance(code, str) and code not in message else ""
    status = getattr(error, "status_code", None)
    number = f"Error code: {status} - " if isinstance(status, int) else ""
    return f"{type(error).__name__}{named}: {number}{message}"
