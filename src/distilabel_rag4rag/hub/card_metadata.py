"""The YAML at the head of a card: what the data say is ours, what a person set stays."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import yaml

from distilabel_rag4rag.errors import PublishError

if TYPE_CHECKING:
    from distilabel_rag4rag.hub.publication import Publication

TAGS = ("synthetic", "distilabel", "rag4rag")
TASKS = ("question-answering", "sentence-similarity", "text-retrieval")


def split_card(card: str) -> tuple[dict[str, Any], str]:
    """The YAML of a card and its text.

    Raises:
        PublishError: if the YAML cannot be read, or holds what the Hub does not know.
    """
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    match = REGEX_YAML_BLOCK.match(card)
    if not match:
        return {}, card
    try:
        front_matter = yaml.safe_load(match[2]) or {}
        _check(front_matter)
    except (ValueError, yaml.YAMLError) as error:
        raise PublishError(
            f"The YAML at the head of the README.md that is there cannot be read ({error});"
            " nothing was sent. Mend it on the Hub and publish again.",
            "reading what is there",
        ) from error
    return front_matter, card[match.end() :]


def _check(front_matter: Any) -> None:
    """Raises ValueError where the YAML is not of the form that the Hub knows."""
    if not isinstance(front_matter, dict):
        raise ValueError(f"found a {type(front_matter).__name__}, expected KEY: VALUE")
    for key, value in front_matter.items():
        if not isinstance(key, str):
            raise ValueError(f"found the key {key!r}, expected text")
        if key in ("tags", "task_categories"):
            texts = value if isinstance(value, list) else [value or ""]
            if not all(isinstance(text, str) for text in texts):
                raise ValueError(f"{key}: found {value!r}, expected a list of texts")
        if key in ("configs", "dataset_info"):
            entries = value if isinstance(value, list) else [value or {}]
            if not all(isinstance(entry, dict) for entry in entries):
                raise ValueError(f"{key}: found {value!r}, expected a list of KEY: VALUE")


def without_configs(front_matter: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The YAML without the configs of an earlier publication: its new ones are all there are."""
    front_matter = dict(front_matter)
    for key in ("configs", "dataset_info"):
        entries = front_matter.get(key) or []
        entries = [entries] if isinstance(entries, dict) else entries
        front_matter[key] = [
            e for e in entries if not names or e.get("config_name", "default") not in names
        ]
    return {key: value for key, value in front_matter.items() if value != []}


def default_set_by_a_person(front_matter: dict[str, Any], ours: Collection[str]) -> str | None:
    """The config that a person made the default, if there is one.

    Raises:
        PublishError: if one of ours would be the default by its name.
    """
    configs = front_matter.get("configs") or []
    configs = [configs] if isinstance(configs, dict) else configs
    names = {str(c.get("config_name", "default")): c.get("default") for c in configs}
    found = [n for n, first in names.items() if n not in ours and (first or n == "default")]
    if found and "default" in ours:  # `datasets` takes that name, too, for the default
        raise PublishError(
            f"The README.md that is there makes '{found[0]}' the default, and a config named"
            " 'default' is published beside it, so that `load_dataset` would refuse both. Nothing"
            f" was sent. On the Hub, take `default: true` from '{found[0]}', or give yours another"
            " name: publish a Distiset, whose configs have names.",
            "reading what is there",
        )
    return found[0] if found else None


def files_without_config(readme: str | None, files: Collection[str]) -> list[str]:
    """Data at the root of a repository that no config of its card names."""
    front_matter, _ = split_card(readme or "")
    named = str(front_matter.get("configs") or "")
    data = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".txt", ".arrow", ".zip")
    loose = [name for name in sorted(files) if "/" not in name and name.endswith(data)]
    return [name for name in loose if name not in named and f"*.{name.split('.')[-1]}" not in named]


def metadata(
    front_matter: dict[str, Any],
    publication: "Publication",
    title: str,
    license: str,
    language: Collection[str],
) -> dict[str, Any]:
    """The YAML: what the data say is ours, what a person set stays, tags are joined."""
    from datasets import DatasetInfo, Features
    from datasets.info import DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    tags = front_matter.get("tags") or []
    tags = [tags] if isinstance(tags, str) else list(tags)
    ours = {
        "pretty_name": front_matter.get("pretty_name") or title,
        "license": license,
        "language": list(language),
        "size_categories": [size_category(largest(publication))],
        "task_categories": front_matter.get("task_categories") or list(TASKS),
        "tags": tags + [tag for tag in TAGS if tag not in tags],
    }
    card = DatasetCardData(**{**front_matter, **ours})
    infos, configs = {}, {}
    theirs = default_set_by_a_person(front_matter, publication.configs)
    for name, config in publication.configs.items():
        sizes = {
            split: SplitInfo(split, num_bytes=table.nbytes, num_examples=table.num_rows)
            for split, table in config.splits.items()
        }
        first = next(iter(config.splits.values()))
        features = Features.from_arrow_schema(first.schema)
        infos[name] = DatasetInfo(features=features, splits=SplitDict(sizes))
        configs[name] = {
            "data_files": [{"split": split, "path": f"{name}/{split}-*"} for split in config.splits]
        } | ({"default": True} if name == publication.default and not theirs else {})
    DatasetInfosDict(infos).to_dataset_card_data(card)
    MetadataConfigs(configs).to_dataset_card_data(card)
    merged = {key: value for key, value in card.to_dict().items() if value is not None}
    return {
        key: merged[key] for key in dict.fromkeys([*front_matter, *ours, *merged]) if key in merged
    }


def size_category(rows: int) -> str:
    """The Hub's word for so many rows."""
    bounds = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")
    digits = len(str(rows))
    return bounds[max(digits - 3, 0)] if digits <= 8 else "100M<n<1B"


def largest(publication: "Publication") -> int:
    """Rows of the largest config."""
    return max(sum(t.num_rows for t in c.splits.values()) for c in publication.configs.values())
