"""Rows into Argilla: new records are made, existing ones are brought up to date."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.review.connect import (
    find_dataset,
    find_workspace,
    import_argilla,
    plain_errors,
)
from distilabel_rag4rag.review.records import rows_to_review, to_record
from distilabel_rag4rag.review.sample import DEFAULT_DESIGN, sample_rows
from distilabel_rag4rag.review.server_records import count_changed, pushed_records
from distilabel_rag4rag.review.settings import check_settings, make_settings
from distilabel_rag4rag.utils.text import counted

if TYPE_CHECKING:
    import pandas as pd
    from argilla import Argilla, Dataset, Record

#: Characters that the server takes.
LONGEST_NAME = 200
#: Records per request; the server takes 500.
BATCH = 250


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        dataset, workspace, url: where the records are.
        created, updated: records.
        answered: records among the updated that people had answered; their suggestions were
            left as those people saw them.
        gone: records on the server whose answer is no longer in the rows; they were left alone.
        changed: those of them whose question has another answer in the rows now.
        notes: what a reader of the rates must know.
        refused: record id -> why the server does not take it.
        left_out: reason -> rows that hold nothing to review.
    """

    dataset: str
    workspace: str
    url: str
    created: int = 0
    updated: int = 0
    answered: int = 0
    gone: int = 0
    changed: int = 0
    notes: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def push(
    rows: Any,
    *,
    client: "Argilla",
    dataset: str,
    workspace: str | None = None,
    design: str | None = None,
    n: int = 200,
    seed: int = 0,
    threshold: float = 0.5,
    random_share: float = 0.25,
    annotators: int | None = None,
    show_arm: bool = False,
    show_human_answer: bool = False,
) -> Pushed:
    """Put a sample of the rows before reviewers.

    The sample is drawn once and lives on the server: pushing again updates its records, whatever
    has become of the scores, and keeps every response and every weight. With a larger `n` rows
    are added, as long as the sample drawn now holds all that was drawn before.

    Args:
        rows: rows with `id`, `question`, `context` and `answer`; `arm`, `hallucination_score`,
            `hallucinated_spans` and other columns of `schema` are used where they exist.
        client: of `connect`.
        dataset: its name; it is made if it does not exist.
        workspace: its name; None: the only one.
        design, n, seed, threshold, random_share: see `sample.sample_rows`; None as design: that of
            the existing records, else `stratified`.
        annotators: so many people answer each record, for agreement; None: as many as in the
            existing dataset, else 1.
        show_arm, show_human_answer: see `settings.make_settings`.

    Raises:
        ConfigError: if a setting does not fit; then nothing was written.
    """
    if annotators is not None and annotators < 1:
        raise ConfigError("annotators", annotators, "at least 1")
    if len(dataset) > LONGEST_NAME:
        raise ConfigError(
            "dataset",
            f"{dataset[:20]}…",
            f"at most {LONGEST_NAME} characters",
            f"The name has {len(dataset)}.",
        )
    table, left_out = rows_to_review(rows)
    if table.empty:
        raise ConfigError("rows", left_out, "at least one row with an answer to review")
    how = {"n": n, "seed": seed, "threshold": threshold, "random_share": random_share}
    sample = sample_rows(table, design or DEFAULT_DESIGN, **how)  # type: ignore[arg-type]
    visible = {"show_arm": show_arm, "show_human_answer": show_human_answer}
    place = find_workspace(client, workspace)
    existing: dict[str, dict[str, Any]] = {}
    others = 0
    with plain_errors(client.api_url):
        found = find_dataset(place, dataset)
        if found is not None and annotators is None:
            annotators = int(found.settings.distribution.min_submitted)
        settings = make_settings(client, annotators=annotators or 1, **visible)
        if found is not None:
            check_settings(found, settings)
            existing, others = pushed_records(client, found)
            if design is None and existing:
                design = min(_designs(existing))
                sample = sample_rows(table, design, **how)  # type: ignore[arg-type]
            sample = _same_sample(table, sample, existing, design or DEFAULT_DESIGN, dataset)
        answered = {key for key, record in existing.items() if record["responses"]}
        records = [
            to_record(row, threshold=threshold, suggest=row["record_id"] not in answered, **visible)
            for row in sample.to_dict("records")
        ]
        if found is None:
            found = _create(
                import_argilla().Dataset(dataset, workspace=place, settings=settings, client=client)
            )
        refused: dict[str, str] = {}
        for start in range(0, len(records), BATCH):
            refused |= _send(client, found, records[start : start + BATCH])
    accepted = set(sample["record_id"]) - refused.keys()
    known = set(table["record_id"])
    changed = count_changed([one for key, one in existing.items() if key not in known], table)
    return Pushed(
        dataset=dataset,
        workspace=str(place.name),
        url=f"{client.api_url.rstrip('/')}/dataset/{found.id}/annotation-mode",
        created=len(accepted - existing.keys()),
        updated=len(accepted & existing.keys()),
        answered=len(accepted & answered),
        gone=len(existing.keys() - set(sample["record_id"])),
        changed=changed,
        notes=_notes(changed, others, sample.attrs.get("without_chance") or {}),
        refused=refused,
        left_out=left_out,
    )


def _designs(records: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """By which designs these records were drawn: one, unless they were edited."""
    return {str(one["metadata"].get("stratum")).split("/")[0] for one in records.values()}


def _same_sample(
    table: "pd.DataFrame",
    drawn: "pd.DataFrame",
    existing: Mapping[str, Mapping[str, Any]],
    design: str,
    dataset: str,
) -> "pd.DataFrame":
    """The sample that is on the server, with its weights, or a larger one that contains it."""
    if not existing:
        return drawn
    hint = f"Give another name than '{dataset}' for a new sample."
    if (earlier := _designs(existing)) != {design}:
        expected = f"{min(earlier)!r}, by which the records of the dataset were drawn"
        raise ConfigError("design", design, expected, hint)
    known = table[table["record_id"].isin(existing)]
    if known.empty:
        expected = f"records about these answers; none of its {len(existing)} records is about one"
        raise ConfigError("dataset", dataset, expected, hint)
    if len(drawn) > len(existing):
        if set(existing) <= set(drawn["record_id"]):
            return drawn
        expected = (
            f"a sample that contains the {counted(len(existing), 'existing record')}; rows or "
            "settings have changed since"
        )
        raise ConfigError("n", len(drawn), expected, hint)
    metadata = [existing[key]["metadata"] for key in known["record_id"]]
    return known.assign(
        stratum=[one["stratum"] for one in metadata],
        weight=[one.get("weight") for one in metadata],
    )


def _notes(changed: int, others: int, without_chance: Mapping[str, int]) -> list[str]:
    notes = []
    if changed:
        records = counted(changed, "record is about an answer", "records are about answers")
        notes.append(
            f"{records} that changed since the push; the new ones are not reviewed. A dataset with"
            " another name takes a sample of all answers of today."
        )
    if others:
        notes.append(
            f"{counted(others, 'record that no push made was', 'records that no push made were')}"
            " left alone."
        )
    if without_chance:
        strata = ", ".join(
            f"{name} ({counted(rows, 'row')})" for name, rows in without_chance.items()
        )
        notes.append(
            f"n is smaller than the number of strata, so some had no chance: {strata}. No rate can"
            " be estimated until a push with a larger n."
        )
    return notes


def _create(dataset: "Dataset") -> "Dataset":
    from argilla._exceptions import ConflictError

    try:
        return dataset.create()
    except ConflictError:
        raise DistilabelUserError(
            f"dataset: another user is making '{dataset.name}' at this moment; push again, no"
            " record is made twice."
        ) from None


def _send(client: "Argilla", dataset: "Dataset", batch: "list[Record]") -> dict[str, str]:
    """Upsert a batch; where the server refuses it, its halves, until only the bad ones are left."""
    from argilla._exceptions import UnprocessableEntityError

    for record in batch:
        record.dataset = dataset
    try:
        # Not `dataset.records.log`: it draws a bar for each batch and reads every record back.
        client.api.records.bulk_upsert(dataset.id, [record.api_model() for record in batch])
    except (UnprocessableEntityError, UnicodeEncodeError) as error:
        if len(batch) == 1:
            return {str(batch[0].id): " ".join(str(error).split())[:300]}
        half = len(batch) // 2
        return _send(client, dataset, batch[:half]) | _send(client, dataset, batch[half:])
    return {}
