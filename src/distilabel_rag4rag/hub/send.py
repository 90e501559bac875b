"""To the Hub: the repository, the branch, the files, and one commit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilabel_rag4rag.data.published_rows import MANIFEST
from distilabel_rag4rag.errors import PublishError
from distilabel_rag4rag.hub.errors import status_of, step
from distilabel_rag4rag.hub.prepare import README, Prepared
from distilabel_rag4rag.hub.repository import Repo, read

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


def send(
    api: "HfApi",
    repo_id: str,
    prepared: Prepared,
    repo: Repo,
    private: bool,
    revision: str | None,
) -> Published:
    """Sends what was prepared, in one commit on top of what was there.

    Raises:
        PublishError: if it did not happen.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    _validate_card(api, repo_id, (prepared.folder / README).read_text("utf-8"))
    state, head = "Nothing was sent.", repo.head
    if head is None:
        with step(MAKING, repo_id, state):
            _create_repository(api, repo_id, private)
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
    gone = sorted(repo.contents.ours - set(prepared.files))
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
    except KeyboardInterrupt:
        raise PublishError(
            f"Interrupted while {COMMITTING}: all of it is in '{repo_id}', or nothing. Publish"
            " again to be sure: it does the right thing in both cases.",
            COMMITTING,
        ) from None
    except PublishError as error:
        commit = _commit_made_despite(api, repo_id, prepared, revision, head, error)
    url = f"{api.endpoint}/datasets/{repo_id}"
    return Published(url, commit, prepared, changed=commit != head)


def _create_repository(api: "HfApi", repo_id: str, private: bool) -> None:
    """Makes the repository; it is made, too, if only the answer got lost."""
    try:
        api.create_repo(repo_id, repo_type="dataset", private=private)
    except Exception as error:
        status = status_of(error)
        if status is None or 0 < status < 500 or not api.repo_exists(repo_id, repo_type="dataset"):
            raise
        info = api.dataset_info(repo_id)
        files = {file.rfilename for file in info.siblings or ()}
        if files - {".gitattributes"} or (private and not info.private):
            raise


def _commit_made_despite(
    api: "HfApi",
    repo_id: str,
    prepared: Prepared,
    revision: str | None,
    head: str | None,
    error: PublishError,
) -> str:
    """The commit, if it was made and only the answer got lost; otherwise the error.

    Raises:
        PublishError: if it was not made, or if that is unknown.
    """
    status = status_of(error)
    if status is None or 0 < status < 500:
        raise error
    try:
        info = api.dataset_info(repo_id, revision=revision)
        found = {
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
    if found == {name: (prepared.folder / name).read_text("utf-8") for name in found}:
        assert info.sha is not None
        return info.sha
    raise error


def _validate_card(api: "HfApi", repo_id: str, card: str) -> None:
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
            reasons = "; ".join(str(error.get("message")) for error in errors)
            raise PublishError(
                f"While {CHECKING}: the Hub does not accept the card's YAML: {reasons}. Nothing was"
                " sent. Mend `license`, `language` or the card on the Hub.",
                CHECKING,
            )
        hf_raise_for_status(answer)


def _check_ignored(adds: "list[CommitOperationAdd]") -> None:
    """huggingface_hub leaves out in silence what the repository's .gitignore names."""
    if ignored := [add.path_in_repo for add in adds if getattr(add, "_should_ignore", False)]:
        raise ValueError(
            f"the repository's .gitignore leaves out {', '.join(ignored[:5])}; change it on the Hub"
        )
