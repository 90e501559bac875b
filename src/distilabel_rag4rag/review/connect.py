"""The client, the workspace and the dataset, and their errors in one sentence each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from distilabel.errors import DistilabelUserError
from pydantic import SecretStr

from distilabel_rag4rag.errors import ConfigError

if TYPE_CHECKING:
    from argilla import Argilla, Dataset, Workspace

URL_VARIABLE, KEY_VARIABLE = "ARGILLA_API_URL", "ARGILLA_API_KEY"

#: Seconds until a server that cannot be reached, or does not answer at all, is given up.
CONNECT_SECONDS, FIRST_ANSWER_SECONDS = 4.0, 6.0
#: Seconds for one batch of records.
BATCH_SECONDS = 120.0

INSTALL = "pip install 'distilabel-rag4rag[argilla]'"


def import_argilla() -> Any:
    """The module `argilla`.

    Raises:
        ImportError: if it is not installed, with the command that installs it.
    """
    try:
        import argilla
    except ImportError as error:
        raise ImportError(f"Review in Argilla needs the extra `argilla`: {INSTALL}") from error
    return argilla


def connect(url: str | None = None, key: str | None = None) -> "Argilla":
    """A client whose key may push and pull.

    Args:
        url: the server's address; by default that in `ARGILLA_API_URL`.
        key: by default that in `ARGILLA_API_KEY`; it comes into no message.

    Raises:
        DistilabelUserError: in one sentence and within seconds, if the server or the user is not
            such a one.
    """
    import httpx

    argilla = import_argilla()
    url = url or os.environ.get(URL_VARIABLE)
    secret = SecretStr(key or os.environ.get(KEY_VARIABLE) or "")
    del key  # a traceback shows what variables hold
    if not url:
        raise DistilabelUserError(
            f"{URL_VARIABLE}: not set, expected the Argilla server's address, such as"
            " http://localhost:6900."
        )
    if not secret:
        raise DistilabelUserError(
            f"{KEY_VARIABLE}: not set, expected the API key that '{url}/user-settings' shows."
        )
    with plain_errors(url), _require_argilla(url):
        # retries=0: the SDK's five would wait without saying anything
        client = argilla.Argilla(
            api_url=url,
            api_key=secret.get_secret_value(),
            retries=0,
            timeout=httpx.Timeout(FIRST_ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers=_space_headers(url),
        )
        role = client.me.role.value
    client.http_client.timeout = httpx.Timeout(BATCH_SECONDS, connect=CONNECT_SECONDS)
    if role == "annotator":
        raise DistilabelUserError(
            f"{KEY_VARIABLE}: it is the key of '{client.me.username}', an annotator; pushing and"
            " pulling need the key of an admin or owner."
        )
    return client


def _space_headers(url: str) -> dict[str, str]:
    """A private Space asks for the Hub's token too; no other host is given it."""
    token = os.environ.get("HF_TOKEN")
    ours = (urlsplit(url).hostname or "").endswith(".hf.space")
    return {"Authorization": f"Bearer {token}"} if token and ours else {}


def find_workspace(client: "Argilla", name: str | None) -> "Workspace":
    """The workspace of that name, or the only one there is.

    Raises:
        DistilabelUserError: if there is none of that name; it names those that the user can see.
    """
    with plain_errors(client.api_url):
        workspaces = list(client.workspaces)
    names = sorted(str(workspace.name) for workspace in workspaces)
    if name is None and len(workspaces) == 1:
        return workspaces[0]
    for workspace in workspaces:
        if workspace.name == name:
            return workspace
    raise ConfigError(
        "workspace",
        name,
        f"one of {names}, those of '{client.me.username}' on '{client.api_url}'",
    )


def find_dataset(workspace: "Workspace", name: str) -> "Dataset | None":
    """The dataset of that name with its settings, or None."""
    for dataset in workspace.datasets:
        if dataset.name == name:
            return dataset.get()
    return None


def get_dataset(client: "Argilla", workspace: "Workspace", name: str) -> "Dataset":
    """The dataset of that name.

    Raises:
        DistilabelUserError: if there is none; it names those that there are.
    """
    with plain_errors(client.api_url):
        dataset = find_dataset(workspace, name)
        if dataset is not None:
            return dataset
        names = sorted(str(dataset.name) for dataset in workspace.datasets)
    raise ConfigError("dataset", name, f"one of {names}, those in the workspace '{workspace.name}'")


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Errors of the SDK and the network as one sentence.

    Without their tracebacks: distilabel prints the variables of each frame, the key among them.
    """
    import httpx

    import_argilla()
    from argilla._exceptions import (
        ArgillaAPIError,
        ArgillaCredentialsError,
        ForbiddenError,
        UnauthorizedError,
    )
    from argilla._exceptions._base import ArgillaError

    try:
        yield
    except (ArgillaCredentialsError, UnauthorizedError):
        raise DistilabelUserError(
            f"{KEY_VARIABLE}: the Argilla server at '{url}' does not know this key."
        ) from None
    except ForbiddenError:
        raise DistilabelUserError(
            f"The Argilla server at '{url}' does not permit this to the key's user, who must be"
            " an owner, or an admin of the workspace."
        ) from None
    except ArgillaAPIError as error:
        raise DistilabelUserError(
            f"The Argilla server at '{url}' answered with an error {error.status_code}:"
            f" {_one_line(error)}"
        ) from None
    except httpx.ConnectError as error:
        raise DistilabelUserError(
            f"{URL_VARIABLE}: no Argilla server answers at '{url}' ({_one_line(error)})."
        ) from None
    except httpx.TimeoutException as error:
        raise DistilabelUserError(
            f"{URL_VARIABLE}: the server at '{url}' did not answer in time"
            f" ({type(error).__name__})."
        ) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise DistilabelUserError(
            f"{URL_VARIABLE}: '{url}' cannot be used ({_one_line(error)}), expected an address such"
            " as http://localhost:6900."
        ) from None
    except httpx.HTTPError as error:
        raise DistilabelUserError(
            f"The Argilla server at '{url}' broke off ({_one_line(error)}); do the same again, what"
            " it holds by now is not made twice."
        ) from None
    except ArgillaError as error:
        raise DistilabelUserError(
            f"The Argilla server at '{url}': {_one_line(error.__cause__ or error)}"
        ) from None


@contextmanager
def _require_argilla(url: str) -> Iterator[None]:
    """An error where the server answers, but not as Argilla does: HTML, other JSON, no /me."""
    from argilla._exceptions import NotFoundError

    try:
        yield
    except (NotFoundError, ValueError):
        raise DistilabelUserError(
            f"{URL_VARIABLE}: the server at '{url}' is not an Argilla server (version 2)."
        ) from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
