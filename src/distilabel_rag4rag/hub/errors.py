"""What the Hub and the machine refuse, as sentences that name the step and say what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.errors import PublishError


@contextmanager
def step(name: str, repo_id: str, state: str = "Nothing was sent.") -> Iterator[None]:
    """Whatever fails inside becomes a PublishError.

    Args:
        name: the step, such as `committing`.
        repo_id: the repository.
        state: what the repository holds after a failure here.
    """
    try:
        yield
    except (PublishError, DistilabelUserError):
        raise
    except Exception as error:
        raise PublishError(f"While {name}: {_explain(error, repo_id)} {state}", name) from error


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error; 0 for a connection that broke, None for neither."""
    for cause in _causes(error):
        if (response := getattr(cause, "response", None)) is not None:
            return int(response.status_code)
        library = type(cause).__module__.partition(".")[0]
        if isinstance(cause, ConnectionError) or library in ("httpx", "httpx2", "requests"):
            return 0
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _explain(error: Exception, repo_id: str) -> str:
    if any(type(cause).__name__ == "OfflineModeIsEnabled" for cause in _causes(error)):
        return "HF_HUB_OFFLINE is set. Unset it to publish."
    owner = repo_id.partition("/")[0]
    status = status_of(error)
    if status is None:
        return _explain_local_error(error)
    if status == 0:
        return "the connection to the Hub broke. Check the network and publish again."
    if status >= 500:
        return f"the Hub has a fault of its own ({status}). Publish again in a while."
    sentences = {
        400: f"the Hub calls the request wrong (400): {_server_message(error)}.",
        401: "the Hub does not accept the token (401). Log in anew with `hf auth login`, or set"
        " HF_TOKEN to a valid token.",
        402: "the Hub asks for payment (402): the storage of the account is full, or private"
        " storage is not part of its plan.",
        403: f"the token may not write to '{owner}' (403). It needs write permission, and"
        f" '{owner}' must be your account or an organisation of yours.",
        404: f"the Hub knows no '{repo_id}', or the token may not see it (404).",
        409: f"'{repo_id}' is in use (409): the name is taken by a repository that the token may"
        " not see, or another user writes to it now. Take another name, or publish again.",
        412: f"another user changed '{repo_id}' meanwhile (412). Publish again: it starts from"
        " what is there now.",
        429: "the Hub asks to slow down (429). Wait some minutes and publish again.",
    }
    return sentences.get(status, f"the Hub answered {status}: {_server_message(error)}.")


def _explain_local_error(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            "the disk is full, or a quota or limit is reached. Free some space, or set TMPDIR to a"
            " folder on another disk, and publish again."
        )
    if isinstance(error, ValueError):
        return f"{error}."
    return f"{type(error).__name__}: {error}."


def _server_message(error: BaseException) -> str:
    """The server's own words."""
    for cause in _causes(error):
        if message := getattr(cause, "server_message", None):
            return str(message)
    return " ".join(str(error).split())[:300]
