"""The package's errors, and errors of others as one line of text."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.utils.public import public

WHOLE_BATCH_ROWS = 5
EARLY_ROWS = 100


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
    except Exception:  # anybody's property; httpx raises where it has not been set
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

    def text_for(self, name: str | None) -> str:
        """The error as text, with the setting under the name that the reader knows it by."""
        text = f"found {self.found!r}, expected {self.expected}"
        text = f"{name}: {text}" if name else text[0].upper() + text[1:]
        return text + ("." if not self.hint else f". {self.hint}")


class RunFailed(RuntimeError):
    """A run that could not be finished; what made it fail is its `__cause__`, where known."""


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


@dataclass
class StepCount:
    """Rows that a step has finished, how many of them failed, and the first cause known."""

    rows: int = 0
    failed: int = 0
    first_error: str | None = None


@dataclass
class Tally:
    """Counts finished and failed rows per step, and says when too many have failed.

    Attributes:
        max_failed: the share of a step's rows that may fail; 1.0 lets all fail.
        steps: the counts, in the order in which the steps finished their first batch.
    """

    max_failed: float = 0.05
    steps: dict[str, StepCount] = field(default_factory=dict)

    def add(self, step: str, rows: int, failed: int = 0, first_error: str | None = None) -> None:
        """Count a finished batch.

        Raises:
            TooManyFailed: if a whole batch failed that has at least five rows or follows no good
                row; or if so many rows have failed that at 100 rows it would be too many.
        """
        count = self.steps.setdefault(step, StepCount())
        whole_batch = failed == rows and (rows >= WHOLE_BATCH_ROWS or count.failed == count.rows)
        count.rows += rows
        count.failed += failed
        count.first_error = count.first_error or first_error
        if failed and whole_batch and self.max_failed < 1.0:
            raise self._error(step, f"all {rows} rows of a batch")
        if self._are_too_many(count.failed, max(count.rows, EARLY_ROWS)):
            raise self._error(step, f"{count.failed} of {count.rows} rows")

    def rows(self, step: str) -> int:
        """How many rows the step has finished."""
        return self.steps[step].rows if step in self.steps else 0

    def raise_if_exceeded(self) -> None:
        """The check at the end of a run, against all the rows there were.

        Raises:
            TooManyFailed: if more than `max_failed` of a step's rows failed.
        """
        for step, count in self.steps.items():
            if self._are_too_many(count.failed, count.rows):
                raise self._error(step, f"{count.failed} of {count.rows} rows")

    def _are_too_many(self, failed: int, rows: int) -> bool:
        return failed > self.max_failed * rows + 1e-9  # 0.29 * 100 is less than 29

    def _error(self, step: str, what: str) -> TooManyFailed:
        cause = (
            self.steps[step].first_error
            or "the LLM gave no text, or not in the form that the step reads"
        )
        return TooManyFailed(
            f"step '{step}': {what} failed; max_failed allows {self.max_failed:.0%}. "
            f"First error: {cause}. Rows finished: {self}"
        )

    def __str__(self) -> str:
        return ", ".join(f"{step} {count.rows}" for step, count in self.steps.items()) or "none"
