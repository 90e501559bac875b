"""Records as the server has them, with who answered when, which the SDK's records leave out."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

if TYPE_CHECKING:
    import pandas as pd
    from argilla import Argilla, Dataset

PAGE = 500


def read_records(client: "Argilla", dataset: "Dataset") -> Iterator[dict[str, Any]]:
    """Each record once: `id`, `external_id`, `fields`, `metadata`, `suggestions`, `responses`.

    Raises:
        DistilabelUserError: if records were added or deleted meanwhile.
    """
    seen: set[str] = set()
    total = None
    while total is None or len(seen) < total:
        page = _get(
            client,
            f"/api/v1/datasets/{dataset.id}/records",
            {"offset": len(seen), "limit": PAGE, "include": ["responses", "suggestions"]},
        )
        total = page["total"]
        new = [record for record in page["items"] if record["id"] not in seen]
        if not new and len(seen) < total:
            raise DistilabelUserError(
                f"dataset: '{dataset.name}' changed while it was read; try again."
            )
        for record in new:
            seen.add(record["id"])
            record["metadata"] = record.get("metadata") or {}
            record["responses"] = record.get("responses") or []
            yield record


def pushed_records(client: "Argilla", dataset: "Dataset") -> tuple[dict[str, dict[str, Any]], int]:
    """The records that a push made, by their id, and how many others there are."""
    pushed: dict[str, dict[str, Any]] = {}
    others = 0
    for record in read_records(client, dataset):
        if record.get("external_id") is not None and "stratum" in record["metadata"]:
            pushed[record["external_id"]] = record
        else:
            others += 1
    return pushed, others


def count_changed(records: Iterable[dict[str, Any]], table: "pd.DataFrame") -> int:
    """How many of these records are about a question that has another answer in the table."""
    asked = set(zip(table["arm"], table["id"], strict=True))
    metadata = [record["metadata"] for record in records]
    return sum((one.get("arm"), one.get("row_id")) in asked for one in metadata)


def _get(client: "Argilla", path: str, params: dict[str, Any]) -> dict[str, Any]:
    from argilla._exceptions import api_error_handler

    @api_error_handler
    def get() -> dict[str, Any]:
        response = client.http_client.get(path, params=params)
        response.raise_for_status()
        return dict(response.json())

    return dict(get())
