"""The rows of a comparison, read back from the Hub."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Lists what we published, so that the next publication replaces that and nothing else.
MANIFEST = "rag4rag.json"


def manifest(repo_id: str, revision: str | None = None) -> dict[str, Any] | None:
    """What `publish` wrote down about a data set, or None where it did not publish it."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    try:
        path = hf_hub_download(repo_id, MANIFEST, repo_type="dataset", revision=revision)
    except (EntryNotFoundError, HfHubHTTPError):  # not there, or `datasets` will say what is wrong
        return None
    found = json.loads(Path(path).read_text("utf-8"))
    return found if isinstance(found, dict) else None


def check_arms(repo_id: str, found: dict[str, Any] | None) -> None:
    """Raise where a comparison's rows are not there to be read.

    Raises:
        ValueError: if the arms of a comparison were not published.
    """
    if found and found.get("compared") and not found.get("arms"):
        raise ValueError(
            f"{repo_id}: the arms of this comparison were not published, only"
            f" {', '.join(found.get('configs', ()))}; publish it without `configs`"
        )


def published_rows(
    repo_id: str, split: str | None = None, revision: str | None = None
) -> "pd.DataFrame | None":
    """The rows of all arms, of all splits or of one; None for what is no comparison.

    Raises:
        ValueError: if the arms of a comparison were not published.
    """
    import pandas as pd
    from datasets import load_dataset

    found = manifest(repo_id, revision)
    check_arms(repo_id, found)
    if not found or not found.get("arms"):
        return None
    frames = []
    for arm in found["arms"]:
        splits = load_dataset(repo_id, arm, revision=revision)
        if split is not None and split not in splits:
            continue
        frames += [splits[name].to_pandas() for name in ([split] if split else splits)]
    if not frames:
        raise ValueError(f"{repo_id}: split={split!r} is set; no arm has it")
    return pd.concat(frames, ignore_index=True)
