"""Rows into Argilla: new records are made, those that are there are brought up to date."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.review.connect import find_dataset, find_workspace, sdk, told
from distilabel_rag4rag.review.records import reviewable, to_record
from distilabel_rag4rag.review.sample import draw
from distilabel_rag4rag.review.server_records import is_ours, read_records
from distilabel_rag4rag.review.settings import check_settings, make_settings

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
            `hallucinated_spans` and what else columns.py names are used where they are.
        client: of `connect`.
        dataset: its name; it is made if it is not there.
        workspace: its name; None is the only one there is.
        design, n, seed, threshold, random_share: see `sample.draw`; the design of None is that of
            the records that are there, else `stratified`.
        annotators: so many people answer each record, for agreement; None: as many as in the
            dataset that is there, else 1.
        show_arm, show_human_answer: see `settings.make_settings`.

    Raises:
        DistilabelUserError: if something does not fit; then nothing was written.
    """
    if annotators is not None and annotators < 1:
        raise ConfigError("annotators", annotators, "at least 1")
    if len(dataset) > LONGEST_NAME:
        raise ConfigError("dataset", dataset, f"a name of at most {LONGEST_NAME} characters")
    table, left_out = reviewable(rows)
    if table.empty:
        raise DistilabelUserError(f"rows: found none with an answer to review ({left_out}).")
    how = {"n": n, "seed": seed, "threshold": threshold, "random_share": random_share}
    sample = draw(table, design or "stratified", **how)  # type: ignore[arg-type]
    shown = {"show_arm": show_arm, "show_human_answer": show_human_answer}
    place = find_workspace(client, workspace)
    with told(client.api_url):
        found = find_dataset(place, dataset)
        if found is not None and annotators is None:
            annotators = int(found.settings.distribution.min_submitted)
        wanted = make_settings(client, annotators=annotators or 1, **shown)
        there: dict[str, dict[str, Any]] = {}
        foreign = 0
        if found is not None:
            check_settings(found, wanted)
            for record in read_records(client, found):
                if is_ours(record):
                    there[record["external_id"]] = record
                else:
                    foreign += 1
            earlier = {str(r["metadata"]["stratum"]).split("/")[0] for r in there.values()}
            if design is None and earlier:
                design = min(earlier)
                sample = draw(table, design, **how)  # type: ignore[arg-type]
            sample = _same_sample(table, sample, there, design or "stratified", dataset)
        answered = {key for key, record in there.items() if record["responses"]}
        records = [
            to_record(row, threshold=threshold, suggest=row["record_id"] not in answered, **shown)
            for row in sample.to_dict("records")
        ]
        if found is None:
            found = _create(sdk().Dataset(dataset, workspace=place, settings=wanted, client=client))
        refused: dict[str, str] = {}
        for batch in _batches(records):
            refused |= _log(client, found, batch)
    taken = set(sample["record_id"]) - refused.keys()
    gone = [there[key]["metadata"] for key in there.keys() - set(table["record_id"])]
    asked = set(zip(table["arm"], table["id"], strict=True))
    changed = sum((one.get("arm"), one.get("row_id")) in asked for one in gone)
    return Pushed(
        dataset=dataset,
        workspace=str(place.name),
        url=f"{client.api_url.rstrip('/')}/dataset/{found.id}/annotation-mode",
        created=len(taken - there.keys()),
        updated=len(taken & there.keys()),
        answered=len(taken & answered),
        gone=len(there.keys() - set(sample["record_id"])),
        changed=changed,
        notes=_notes(changed, foreign, sample.attrs.get("without_chance") or {}),
        refused=refused,
        left_out=left_out,
    )


def _same_sample(
    table: "pd.DataFrame",
    drawn: "pd.DataFrame",
    there: dict[str, dict[str, Any]],
    design: str,
    dataset: str,
) -> "pd.DataFrame":
    """The sample that is on the server, with its weights, or a larger one that holds it."""
    if not there:
        return drawn
    elsewhere = f"give another name than '{dataset}'"
    earlier = {str(record["metadata"].get("stratum")).split("/")[0] for record in there.values()}
    if earlier != {design}:
        raise DistilabelUserError(
            f"design: found {design!r}, expected {sorted(earlier)[0]!r}, by which the records of"
            f" the dataset were drawn, or {elsewhere}."
        )
    known = table[table["record_id"].isin(there)]
    if known.empty:
        raise DistilabelUserError(
            f"dataset: none of its {len(there)} records is about one of these answers; {elsewhere}."
        )
    if len(drawn) > len(there) and set(there) <= set(drawn["record_id"]):
        return drawn
    if len(drawn) > len(there):
        raise DistilabelUserError(
            f"n: a sample of {len(drawn)} drawn now does not hold the {len(there)} records that"
            f" are there, because rows or settings have changed; {elsewhere}."
        )
    first = {key: record["metadata"] for key, record in there.items()}
    return known.assign(
        stratum=[first[key]["stratum"] for key in known["record_id"]],
        weight=[first[key].get("weight") for key in known["record_id"]],
    )


def _notes(changed: int, foreign: int, without_chance: dict[str, int]) -> list[str]:
    notes = []
    if changed:
        notes.append(
            f"{changed} records: their answers changed since the push; the new answers are not"
            " reviewed. Another dataset takes a sample of all answers there are now."
        )
    if foreign:
        notes.append(f"{foreign} records that no push made were left alone.")
    if without_chance:
        told = ", ".join(f"{name} ({rows} rows)" for name, rows in without_chance.items())
        notes.append(
            f"n is smaller than the number of strata, so some had no chance: {told}. No rate can"
            " be estimated until a push with a larger n."
        )
    return notes


def _create(dataset: "Dataset") -> "Dataset":
    from argilla._exceptions import ConflictError

    try:
        return dataset.create()
    except ConflictError:
        raise DistilabelUserError(
            f"dataset: somebody else is just making '{dataset.name}'; push again in a moment, what"
            " it holds by then is not made twice."
        ) from None


def _batches(records: "list[Record]") -> "Iterator[list[Record]]":
    for start in range(0, len(records), BATCH):
        yield records[start : start + BATCH]


def _log(client: "Argilla", dataset: "Dataset", batch: "list[Record]") -> dict[str, str]:
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
        return _log(client, dataset, batch[:half]) | _log(client, dataset, batch[half:])
    return {}
