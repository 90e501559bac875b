"""Datasets of the Hub as tables."""

import re

from distilabel_rag4rag.data.readers.dataset import from_dataset
from distilabel_rag4rag.data.readers.table import Table

HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")


def from_hub(source: str, split: str | None) -> Table:
    """A dataset by its id, `owner/name` or `owner/name:config`.

    Raises:
        ValueError: if it cannot be loaded.
    """
    from datasets import concatenate_datasets, load_dataset

    from distilabel_rag4rag.data.published_rows import check_arms, manifest

    name, _, config = source.partition(":")
    try:
        found = load_dataset(name, config or None)
    except Exception as error:  # a dozen kinds, of four libraries
        raise ValueError(
            f"{source} is no file or folder here, and as a dataset of the Hub it could not be "
            f"loaded: {type(error).__name__}: {error}"
        ) from error
    published = manifest(name)
    if not config:
        check_arms(name, published)
    if published and split is None and len(found) > 1:
        # The splits of what `rag4rag publish` wrote are one run, split by document.
        found = concatenate_datasets(list(found.values()))
    return from_dataset(found, split, f"the Hub's {source}")
