"""A repository of the Hub: who asks, what it holds."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.data.published_rows import MANIFEST
from distilabel_rag4rag.errors import ConfigError, PublishError
from distilabel_rag4rag.hub.errors import step
from distilabel_rag4rag.hub.prepare import README, RepositoryContents

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LOOKING = "looking at the repository"
READING = "reading what is there"
TOKEN = "looking for a token"


@dataclass(frozen=True)
class Repo:
    """A repository as it was when we looked; without `head` it is not there."""

    contents: RepositoryContents
    head: str | None = None
    private: bool = False
    branch: bool = True


def check_repo_id(repo_id: str) -> str:
    """The id, if it is one.

    Raises:
        ConfigError: if not.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        reason = str(error).rstrip(".")
        raise ConfigError("repo_id", repo_id, "OWNER/NAME", f"{reason}.") from error
    if repo_id.count("/") != 1:
        raise ConfigError("repo_id", repo_id, "OWNER/NAME")
    return repo_id


def check_revision(revision: str | None) -> None:
    """Whether a revision can be a branch.

    Raises:
        ConfigError: if not.
    """
    if revision is None:
        return
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        raise ConfigError("revision", revision, "a branch: nothing can be added to a commit")
    if not re.fullmatch(r"\w[\w./-]*", revision) or ".." in revision:
        raise ConfigError(
            "revision", revision, "the name of a branch: letters, digits, '-', '_', '.' and '/'"
        )


def look(api: "HfApi", repo_id: str, revision: str | None) -> Repo:
    """What the repository holds, read past every cache.

    Raises:
        PublishError: if the Hub does not say.
    """
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    branch = True
    with step(LOOKING, repo_id):
        try:
            info = api.dataset_info(repo_id, revision=revision)
        except RevisionNotFoundError:
            branch, info = False, api.dataset_info(repo_id)
        except RepositoryNotFoundError as error:
            if error.response.status_code == 404:
                return Repo(RepositoryContents(), branch=revision in (None, "main"))
            raise
    files = frozenset(file.rfilename for file in info.siblings or ())
    assert info.sha is not None, "the Hub names the commit"
    readme, manifest = (
        read(api, repo_id, name, info.sha) if name in files else None for name in (README, MANIFEST)
    )
    ours = _parse_manifest(manifest, repo_id) if manifest is not None else None
    return Repo(RepositoryContents(files, readme, ours), info.sha, bool(info.private), branch)


def _parse_manifest(manifest: str, repo_id: str) -> dict[str, Any]:
    """What an earlier publication wrote, if its list has the form of one."""
    try:
        found = json.loads(manifest)
        if not isinstance(found, dict):
            raise ValueError(f"found a {type(found).__name__}, expected an object")
        for key in ("files", "configs"):
            if not isinstance(found.get(key), dict | list):
                raise ValueError(f"found no {key}")
    except ValueError as error:
        raise PublishError(
            f"'{MANIFEST}' in '{repo_id}' is not the list that `rag4rag publish` writes ({error});"
            " nothing was sent. Restore it on the Hub: it says which files an earlier publication"
            " wrote.",
            READING,
        ) from error
    return found


def read(api: "HfApi", repo_id: str, name: str, commit: str) -> str:
    """A file of that very commit; the empty cache cannot stand in for a Hub that fails."""
    with step(READING, repo_id), tempfile.TemporaryDirectory() as cache:
        path = api.hf_hub_download(
            repo_id, name, repo_type="dataset", revision=commit, cache_dir=cache
        )
        return Path(path).read_bytes().decode("utf-8-sig")


def connect(repo_id: str) -> "HfApi":
    """A client with the token of the environment or the login.

    Raises:
        PublishError: if there is none, or it cannot be one.
    """
    from huggingface_hub import HfApi, get_token

    with step(TOKEN, repo_id):
        token = get_token()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        found = "no token" if not token else "a token with characters that none has"
        raise PublishError(
            f"While {TOKEN}: found {found}; nothing was sent. Log in with `hf auth"
            " login`, or set HF_TOKEN to a token with write permission.",
            TOKEN,
        )
    return HfApi(token=token, library_name="distilabel-rag4rag")
