"""Everything that is sent, written into a folder and checked before anything is sent."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.data.published_rows import MANIFEST
from distilabel_rag4rag.errors import ConfigError, PublishError
from distilabel_rag4rag.hub.card import Terms, terms, write_card
from distilabel_rag4rag.hub.card_metadata import files_without_config
from distilabel_rag4rag.hub.publication import Publication, collect
from distilabel_rag4rag.hub.scan import Scanner

if TYPE_CHECKING:
    import pyarrow as pa


README = "README.md"


@dataclass(frozen=True)
class RepositoryContents:
    """What a repository holds already.

    Attributes:
        files: its paths.
        readme: its card, None without one.
        manifest: the list of an earlier publication of ours.
    """

    files: frozenset[str] = frozenset()
    readme: str | None = None
    manifest: dict[str, Any] | None = None

    @property
    def ours(self) -> frozenset[str]:
        """The files of an earlier publication."""
        return frozenset([MANIFEST, *self.manifest["files"]] if self.manifest else ()) & self.files


@dataclass(frozen=True)
class Prepared:
    """A publication, ready to be sent.

    Attributes:
        folder: holds exactly the files that are sent; after `publish` it is gone.
        files: their paths in the repository, and their sizes in bytes.
        configs: config -> split -> rows.
        notes: what was left out.
    """

    folder: Path
    files: dict[str, int]
    configs: dict[str, dict[str, int]]
    notes: list[str]


@dataclass(frozen=True)
class Draft:
    """A publication of which only the card is not written, as it depends on what is there."""

    folder: Path
    files: list[str]
    publication: Publication
    terms: Terms
    repo_id: str
    scanner: Scanner

    def finish(self, existing: RepositoryContents) -> Prepared:
        """Writes the card and the manifest.

        Raises:
            PublishError: if a name is taken by files of others.
        """
        self._check_names(existing)
        gone = set(existing.manifest["configs"]) if existing.manifest else set()
        card = write_card(self.publication, self.terms, self.repo_id, existing.readme, gone)
        # For secrets alone: a path in a person's own words is theirs to publish.
        self.scanner.text(card, README)
        (self.folder / README).write_text(card, "utf-8", newline="")
        configs = {
            name: {split: table.num_rows for split, table in config.splits.items()}
            for name, config in self.publication.configs.items()
        }
        manifest = {
            "about": "Written by `rag4rag publish`, which replaces these files the next time.",
            "format": 1,
            "default": self.publication.default,
            "arms": self.publication.arms,
            "compared": bool(self.publication.summary),
            "configs": configs,
            # By content: an answer of the Hub that got lost is made up for by comparing.
            "files": {name: self._hash(name) for name in sorted(self.files)},
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        (self.folder / MANIFEST).write_text(text, "utf-8", newline="")
        names = [README, MANIFEST, *self.files]
        files = {name: (self.folder / name).stat().st_size for name in names}
        loose = files_without_config(existing.readme, existing.files - existing.ours)
        notes = [f"No config names the file {name} that is there already." for name in loose]
        return Prepared(self.folder, files, configs, [*self.publication.notes, *notes])

    def _hash(self, name: str) -> str:
        return f"sha256:{hashlib.sha256((self.folder / name).read_bytes()).hexdigest()}"

    def _check_names(self, existing: RepositoryContents) -> None:
        theirs = existing.files - existing.ours
        taken = theirs & {*self.files, MANIFEST}
        others = {
            name
            for name in self.publication.configs
            if any(f.startswith(f"{name}/") for f in theirs)
        }
        if taken or others:
            found = ", ".join(sorted(taken | others)[:5])
            raise PublishError(
                f"'{self.repo_id}' holds files of others under names that would be written:"
                f" {found}. Nothing was sent. Publish to another repository, or choose other"
                " configs.",
                "looking at the repository",
            )


def draft(
    source: Any,
    folder: Path,
    repo_id: str,
    *,
    license: str | None = None,
    language: str | None = None,
    passages: str | None = None,
    title: str | None = None,
    configs: list[str] | None = None,
    shard_rows: int = 20_000,
    accept: Sequence[str] = (),
) -> Draft:
    """Writes the data, plots, pipelines and settings of a source into an empty folder.

    The arguments are those of `publish`.

    Raises:
        ConfigError: if a setting or the source cannot be used.
        PublishError: if a secret is found, or the disk is full.
    """
    if shard_rows < 1:
        raise ConfigError("shard_rows", shard_rows, "1 or more")
    if configs is not None and not (configs and all(name.strip() for name in configs)):
        raise ConfigError("configs", configs, "names of configs", "Leave it out for all.")
    publication = collect(source, configs)
    checked_terms = terms(publication.sample_world, repo_id, license, language, passages, title)
    scanner = Scanner(accept)
    publication.texts = {name: scanner.text(text, name) for name, text in publication.texts.items()}
    if "run/run.json" in publication.texts:
        publication.run = json.loads(publication.texts["run/run.json"])
    if "run/summary.json" in publication.texts:
        publication.summary = json.loads(publication.texts["run/summary.json"])
    contents: dict[str, bytes] = {name: text.encode() for name, text in publication.texts.items()}
    contents |= {f"assets/{name}": png for name, png in publication.plots.items()}
    files = []
    for name, config in publication.configs.items():
        for split, table in config.splits.items():
            clean = scanner.rows(table, f"{name}/{split}")
            config.splits[split] = clean
            files += _write_shards(clean, folder, f"{name}/{split}", shard_rows)
    publication.notes += scanner.notes
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return Draft(folder, [*files, *contents], publication, checked_terms, repo_id, scanner)


def _write_shards(table: "pa.Table", folder: Path, stem: str, shard_rows: int) -> list[str]:
    """Parquet whose schema holds the features and nothing of where the rows came from."""
    import pyarrow.parquet as pq
    from datasets import Features

    schema = Features.from_arrow_schema(table.schema).arrow_schema
    table = table.cast(schema).replace_schema_metadata(schema.metadata)
    count = -(-table.num_rows // shard_rows)
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        first, end = (table.num_rows * n // count for n in (number, number + 1))
        names.append(f"{stem}-{number:05d}-of-{count:05d}.parquet")
        pq.write_table(table.slice(first, end - first), folder / names[-1])
    return names
