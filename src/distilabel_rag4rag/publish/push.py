"""To the Hub, all or nothing: one commit on top of what was there when we looked."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.publish.errors import PublishError, status_of, step
from distilabel_rag4rag.publish.prepare import MANIFEST, README, Prepared, There, draft
from distilabel_rag4rag.publish.repository import (
    LOOKING,
    Repo,
    check_repo_id,
    connect,
    look,
    read,
)

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

CHECKING = "having the card checked"
MAKING = "making the repository"
BRANCHING = "making the branch"
UPLOADING = "uploading the files"
COMMITTING = "committing"


@dataclass(frozen=True)
class Published:
    """A publication that happened.

    Attributes:
        url: of the data set.
        commit: its id; that of the one before where nothing had changed.
        prepared: what was sent.
        changed: whether there was anything new.
    """

    url: str
    commit: str
    prepared: Prepared
    changed: bool


def publish(
    source: Any,
    repo_id: str,
    *,
    license: str | None = None,
    language: str | None = None,
    passages: str | None = None,
    title: str | None = None,
    private: bool = False,
    revision: str | None = None,
    configs: list[str] | None = None,
    shard_rows: int = 20_000,
    accept: Sequence[str] = (),
) -> Published:
    """Publish rows as a data set on the Hugging Face Hub: all of it in one commit, or nothing.

    Everything is written, scanned for secrets and checked before the first byte is sent. The
    token comes from HF_TOKEN or from `hf auth login`, and from nowhere else. What an earlier
    publication wrote is replaced; files of others stay, and so does what a person wrote in the
    card outside our markers. A repository made here stays, empty, if a later step fails.

    Args:
        source: a folder of `rag4rag compare`, a folder saved by a Distiset or by datasets, a
            Distiset, a DatasetDict or a Dataset.
        repo_id: `owner/name`.
        license: the Hub's id of the licence; only the sample world has a default.
        language: codes, comma-separated; only the sample world has a default.
        passages: where the passages come from; only the sample world has a default.
        title: of the card; by default the repository's name.
        private: whether a repository that is made here is private. One that is there must be.
        revision: the branch; it is made where it is missing.
        configs: which configs; None for all but `notebook`.
        shard_rows: rows per parquet file at most.
        accept: texts that look like secrets and are harmless, each in full, such as a key that a
            passage invents. The Hub's token cannot be one.

    Returns:
        Where it is.

    Raises:
        DistilabelUserError: if a setting or the source cannot be used.
        PublishError: if it did not happen; it names the step and says what to do.
    """
    api = connect(check_repo_id(repo_id))
    _quiet()
    with _folder(repo_id) as temporary:
        folder = Path(temporary)
        with step("writing the files", repo_id):
            made = draft(
                source,
                folder,
                repo_id,
                license=license,
                language=language,
                passages=passages,
                title=title,
                configs=configs,
                shard_rows=shard_rows,
                accept=accept,
            )
        repo = look(api, repo_id, revision)
        if repo.head and private and not repo.private:
            raise PublishError(
                f"'{repo_id}' is public, and --private was asked for. Nothing was sent. Make it"
                " private in its settings on the Hub, or publish to another name.",
                LOOKING,
            )
        with step("writing the card", repo_id):
            prepared = made.finish(repo.there)
        return _send(api, repo_id, prepared, repo, private, revision)


def dry_run(source: Any, repo_id: str, out: str | Path, **settings: Any) -> Prepared:
    """Write exactly what `publish` would send into a folder, and send nothing.

    Where the Hub can be asked what the repository holds, its card is kept as `publish` does.

    Args:
        source: as for `publish`.
        repo_id: as for `publish`.
        out: the folder, which must be empty or not there.
        settings: the other arguments of `publish`; `private` changes nothing here.

    Raises:
        DistilabelUserError, PublishError: as `publish`.
    """
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DistilabelUserError(f"--out: '{folder}' is not an empty folder; give another.")
    revision = settings.pop("revision", None)
    settings.pop("private", None)
    check_repo_id(repo_id)
    _quiet()
    with step("writing the files", repo_id):
        folder.mkdir(parents=True, exist_ok=True)
        made = draft(source, folder, repo_id, **settings)
    there, note = There(), ""
    try:
        there = look(connect(repo_id), repo_id, revision).there
    except PublishError as error:
        note = f"The Hub was not asked what it holds, so the card is a new one ({error})"
    prepared = made.finish(there)
    return replace(prepared, notes=[*prepared.notes, *([note] if note else [])])


def _send(
    api: "HfApi",
    repo_id: str,
    prepared: Prepared,
    repo: Repo,
    private: bool,
    revision: str | None,
) -> Published:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    _have_checked(api, repo_id, (prepared.folder / README).read_text("utf-8"))
    state, head = "Nothing was sent.", repo.head
    if head is None:
        with step(MAKING, repo_id, state):
            api.create_repo(repo_id, repo_type="dataset", private=private)
            state = f"'{repo_id}' was made and is still empty; publishing again goes on there."
        with step(MAKING, repo_id, state):
            head = api.dataset_info(repo_id).sha
    if not repo.branch:
        assert revision is not None
        with step(BRANCHING, repo_id, state):
            api.create_branch(repo_id, repo_type="dataset", branch=revision, revision=head)
            state = f"The branch '{revision}' was made; nothing of this publication is in it."
    if repo.head is not None and repo.branch:
        state = f"'{repo_id}' is as it was."
    adds = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=prepared.folder / name)
        for name in prepared.files
    ]
    gone = sorted(repo.there.ours - set(prepared.files))
    with step(UPLOADING, repo_id, state):
        api.preupload_lfs_files(repo_id, adds, repo_type="dataset", revision=revision)
        _check_ignored(adds)
    try:
        with step(COMMITTING, repo_id, state):
            done = api.create_commit(
                repo_id,
                [*adds, *(CommitOperationDelete(path_in_repo=name) for name in gone)],
                commit_message="Publish with rag4rag",
                repo_type="dataset",
                revision=revision,
                parent_commit=head,
            )
            commit = done.oid
    except PublishError as error:
        commit = _after_all(api, repo_id, prepared, revision, head, error)
    url = f"{api.endpoint}/datasets/{repo_id}"
    return Published(url, commit, prepared, changed=commit != head)


def _after_all(
    api: "HfApi",
    repo_id: str,
    prepared: Prepared,
    revision: str | None,
    head: str | None,
    error: PublishError,
) -> str:
    """The commit, if it was made and only the answer got lost; otherwise the error.

    Raises:
        PublishError: if it was not made, or that cannot be told.
    """
    status = status_of(error)
    if status is None or 0 < status < 500:
        raise error
    try:
        info = api.dataset_info(repo_id, revision=revision)
        there = {
            name: info.sha != head and read(api, repo_id, name, info.sha or "")
            for name in (MANIFEST, README)
        }
    except Exception:
        raise PublishError(
            f"While {COMMITTING}: the Hub did not answer, nor does it say what '{repo_id}' holds."
            " All of it is there, or nothing: publish again later, which does the right thing in"
            " both cases.",
            COMMITTING,
        ) from error
    # The list holds a hash of every file; the card may have been changed by a person since.
    if there == {name: (prepared.folder / name).read_text("utf-8") for name in there}:
        assert info.sha is not None
        return info.sha
    raise error


def _have_checked(api: "HfApi", repo_id: str, card: str) -> None:
    """The Hub's check of the card's YAML, before a repository is made for it."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    with step(CHECKING, repo_id):
        answer = get_session().post(
            f"{api.endpoint}/api/validate-yaml",
            json={"content": card, "repoType": "dataset"},
            headers=build_hf_headers(token=api.token),
        )
        if answer.status_code == 400:
            errors = answer.json().get("errors", [])
            told = "; ".join(str(error.get("message")) for error in errors)
            raise PublishError(
                f"While {CHECKING}: the Hub does not accept the card's YAML: {told}. Nothing was"
                " sent. Mend --license, --language or the card on the Hub.",
                CHECKING,
            )
        hf_raise_for_status(answer)


def _check_ignored(adds: "list[CommitOperationAdd]") -> None:
    """huggingface_hub leaves out in silence what the repository's .gitignore names."""
    if ignored := [add.path_in_repo for add in adds if getattr(add, "_should_ignore", False)]:
        raise ValueError(
            f"the repository's .gitignore leaves out {', '.join(ignored[:5])}; change it on the Hub"
        )


def _folder(repo_id: str) -> tempfile.TemporaryDirectory[str]:
    with step("writing the files", repo_id):
        return tempfile.TemporaryDirectory(prefix="rag4rag-publish-", ignore_cleanup_errors=True)


def _quiet() -> None:
    """After a pipeline has run, each request would print an error of its closed log queue."""
    for name in ("httpx", "httpx2", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
