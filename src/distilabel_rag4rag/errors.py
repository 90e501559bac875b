"""The package's errors, and errors of others as one line of text."""

from typing import Any
from urllib.parse import urlsplit

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.utils.public import public


def describe(error: BaseException, most: int = 5) -> str:
    """Type and message, the server that was asked, and the exceptions behind it, so many at most.

    A cause that the message begins with is not repeated.
    """
    text = f"{type(error).__name__}: {error}"
    behind = describe(error.__cause__, most - 1) if error.__cause__ is not None and most > 1 else ""
    server = _server(error)
    if server and server not in text + behind:
        text += f" ({server})"
    said = text == behind or text.startswith(f"{behind} (")
    return f"{text} ({behind})" if behind and not said else text


def _server(error: BaseException) -> str:
    """Scheme, host and port that an HTTP client's error names; user and query may hold keys."""
    try:
        url = urlsplit(str(error.request.url))  # type: ignore[attr-defined]
    except Exception:  # a property of another package's; httpx raises where it is not set
        return ""
    host = url.netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}" if url.scheme and host else ""


class ConfigError(DistilabelUserError, ValueError):
    """A setting or an input that cannot be used.

    Attributes:
        field: the setting's name in Python, such as `max_failed`; None for an input of no setting.
            The command line shows it as its option.
        found: what was given.
        expected: what is needed instead, in words.
        hint: what to do, a sentence, or None.
    """

    def __init__(
        self, field: str | None, found: object, expected: str, hint: str | None = None
    ) -> None:
        self.field, self.found, self.expected, self.hint = field, found, expected, hint
        super().__init__(self.text_for(field))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.field, self.found, self.expected, self.hint)

    def text_for(self, name: str | None) -> str:
        """The error as text, with the setting under the name that the reader knows it by."""
        text = f"found {self.found!r}, expected {self.expected}"
        text = f"{name}: {text}" if name else text[0].upper() + text[1:]
        hint = self.hint or ""
        return f"{text}. {hint}".rstrip().removesuffix("..") + ("." if hint.endswith("..") else "")


class RunFailed(RuntimeError):
    """A run that could not be finished; what made it fail is its `__cause__`, where known."""


class ProcessDied(RunFailed):
    """A process of the run was killed or crashed; another try, elsewhere, may end well."""


@public
class PublishError(RuntimeError):
    """A publication that did not happen.

    Attributes:
        step: what was being done.
    """

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.step = step


class TooManyFailed(RunFailed):
    """More rows failed than `max_failed` allows."""
