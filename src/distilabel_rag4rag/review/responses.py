"""What people submitted, one row per record and person, on the original texts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.review.connect import find_workspace, get_dataset, plain_errors
from distilabel_rag4rag.review.page_text import page_text, restore
from distilabel_rag4rag.review.records import rows_to_review
from distilabel_rag4rag.review.server_records import count_changed, pushed_records
from distilabel_rag4rag.review.settings import check_readable, make_settings
from distilabel_rag4rag.utils.text import counted

if TYPE_CHECKING:
    import pandas as pd
    from argilla import Argilla, Dataset

SUBMITTED, DRAFT, DISCARDED = "submitted", "draft", "discarded"


@dataclass(frozen=True)
class Response:
    """One person's answer to one record.

    Attributes:
        record_id: the record.
        annotator: the user's name.
        at: when it was last submitted, ISO 8601.
        verdict: one of `settings.VERDICTS`.
        hallucinated: what the verdict says; of an unanswerable question True where spans were
            marked, else None: nothing was said of the answer.
        spans: [start, end] pairs into the original answer; none where the verdict is `supported`.
        suggestion: `accepted` or `edited`, compared with the judge's spans; `none` if the judge
            marked nothing and neither did the person.
        contradicts: spans were left in although the verdict is `supported`.
        corrected: the answer that the person wrote, or None; with the characters that the page
            could not show, as far as they were kept.
        replacements_left: it still has characters that replace others on the page.
        question_is_good: True, False or None.
    """

    record_id: str
    annotator: str
    at: str
    verdict: str
    hallucinated: bool | None
    spans: list[tuple[int, int]]
    suggestion: str
    contradicts: bool
    corrected: str | None
    replacements_left: bool
    question_is_good: bool | None


@dataclass(frozen=True)
class Gathered:
    """All that is on the server for some rows.

    Attributes:
        records: one row per record that belongs to a row: `record_id`, `stratum`, `weight`, `row`.
        responses: the submitted ones.
        drafts, discarded: responses that do not count.
        gone: records whose answer is no longer in the rows.
        changed: those of them whose question has another answer there now.
        others: records that no push made.
    """

    records: "pd.DataFrame"
    responses: list[Response]
    drafts: int
    discarded: int
    gone: int
    changed: int
    others: int


def gather(rows: Any, *, client: "Argilla", dataset: str, workspace: str | None = None) -> Gathered:
    """Read the dataset and put each response to its row.

    Raises:
        ConfigError: if there is no such workspace or dataset, if it was not made by a push, or if
            none of its records is about one of the rows.
    """
    import pandas as pd

    table, _ = rows_to_review(rows)
    by_id = {entry["record_id"]: entry["row"] for entry in table.to_dict("records")}
    place = find_workspace(client, workspace)
    found = get_dataset(client, place, dataset)
    counts = dict.fromkeys((SUBMITTED, DRAFT, DISCARDED), 0)
    current: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    responses: list[Response] = []
    with plain_errors(client.api_url):
        check_readable(found, make_settings(client))
        names = _names(client, place)
        pushed, others = pushed_records(client, found)
    for key, record in pushed.items():
        row, metadata = by_id.get(key), record["metadata"]
        if row is None or record["fields"]["answer"] != page_text(row["answer"]):
            gone.append(record)
            continue
        sample = {name: metadata.get(name) for name in ("stratum", "weight")}
        current.append({"record_id": key, **sample, "row": row})
        suggested = _suggested(record, found)
        for given in record["responses"]:
            counts[given["status"]] += 1
            if given["status"] == SUBMITTED:
                responses.append(_response(record, given, suggested, names, row["answer"]))
    if not current:
        raise ConfigError(
            "dataset",
            dataset,
            f"one with records about some of the {counted(len(table), 'answer')} in the rows",
            f"None of its {counted(len(gone) + others, 'record')} is about one; nothing was"
            " written.",
        )
    return Gathered(
        records=pd.DataFrame(current, columns=["record_id", "stratum", "weight", "row"]),
        responses=responses,
        drafts=counts[DRAFT],
        discarded=counts[DISCARDED],
        gone=len(gone),
        changed=count_changed(gone, table),
        others=others,
    )


def _response(
    record: dict[str, Any],
    given: dict[str, Any],
    suggested: list[tuple[int, int]],
    names: dict[str, str],
    answer: str,
) -> Response:
    values = {name: answer["value"] for name, answer in (given["values"] or {}).items()}
    marked = sorted((span["start"], span["end"]) for span in values.get("spans") or [])
    verdict = values["verdict"]
    good = values.get("question_is_good")
    corrected = (values.get("corrected_answer") or "").strip() or None
    if corrected == record["fields"]["answer"].strip():
        corrected = None
    original, replacements_left = restore(corrected or "", answer)
    return Response(
        record_id=record["external_id"],
        annotator=names.get(given["user_id"], given["user_id"]),
        at=given["updated_at"],
        verdict=verdict,
        hallucinated=(bool(marked) or None)
        if verdict == "unanswerable"
        else verdict in ("partly", "hallucinated"),
        spans=[] if verdict == "supported" else marked,
        suggestion="edited" if marked != suggested else "accepted" if marked else "none",
        contradicts=verdict == "supported" and bool(marked),
        corrected=original or None,
        replacements_left=replacements_left,
        question_is_good=None if good is None else good == "yes",
    )


def _suggested(record: dict[str, Any], dataset: "Dataset") -> list[tuple[int, int]]:
    question = str(dataset.settings.questions["spans"].id)
    values = [s["value"] for s in record["suggestions"] if s["question_id"] == question]
    return sorted((span["start"], span["end"]) for value in values for span in value)


def _names(client: "Argilla", workspace: Any) -> dict[str, str]:
    """User id -> name; admins see the users of their workspace, owners all."""
    users = client.users if client.me.role.value == "owner" else workspace.users
    return {str(user.id): str(user.username) for user in [*users, client.me]}
