"""To the Hub, all or nothing: one commit on top of what was there when we looked."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from distilabel_rag4rag.errors import ConfigError, PublishError
from distilabel_rag4rag.hub.errors import step
from distilabel_rag4rag.hub.prepare import Prepared, RepositoryContents, draft
from distilabel_rag4rag.hub.repository import (
    LOOKING,
    check_repo_id,
    check_revision,
    connect,
    look,
)
from distilabel_rag4rag.hub.send import Published, send


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
        ConfigError: if a setting or the source cannot be used.
        PublishError: if it did not happen; it names the step and says what to do.
    """
    check_revision(revision)
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
                f"'{repo_id}' is public, and `private` was asked for. Nothing was sent. Make it"
                " private in its settings on the Hub, or publish to another name.",
                LOOKING,
            )
        with step("writing the card", repo_id):
            prepared = made.finish(repo.contents)
        return send(api, repo_id, prepared, repo, private, revision)


def dry_run(source: Any, repo_id: str, out: str | Path, **settings: Any) -> Prepared:
    """Write exactly what `publish` would send into a folder, and send nothing.

    Where the Hub can be asked what the repository holds, its card is kept as `publish` does.

    Args:
        source: as for `publish`.
        repo_id: as for `publish`.
        out: the folder, which must be empty or not there.
        settings: the other arguments of `publish`; `private` changes nothing here.

    Raises:
        ConfigError, PublishError: as `publish`.
    """
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("out", str(folder), "a new or empty folder")
    revision = settings.pop("revision", None)
    settings.pop("private", None)
    check_repo_id(repo_id)
    check_revision(revision)
    _quiet()
    existing, note = RepositoryContents(), ""
    with _removed_if_refused(folder):
        with step("writing the files", repo_id):
            folder.mkdir(parents=True, exist_ok=True)
            made = draft(source, folder, repo_id, **settings)
        try:
            existing = look(connect(repo_id), repo_id, revision).contents
        except PublishError as error:
            note = f"The Hub was not asked what it holds, so the card is a new one ({error})"
        prepared = made.finish(existing)
    return replace(prepared, notes=[*prepared.notes, *([note] if note else [])])


@contextmanager
def _removed_if_refused(folder: Path) -> Iterator[None]:
    """What may hold a secret does not stay behind."""
    before = folder.exists()
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if before:
            folder.mkdir(exist_ok=True)
        raise


def _folder(repo_id: str) -> tempfile.TemporaryDirectory[str]:
    with step("writing the files", repo_id):
        return tempfile.TemporaryDirectory(prefix="rag4rag-publish-", ignore_cleanup_errors=True)


def _quiet() -> None:
    """After a pipeline has run, each request would print an error of its closed log queue."""
    for name in ("httpx", "httpx2", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
