"""What people submitted, one row per record and person, on the original texts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.review.connect import find_workspace, get_dataset, told
from distilabel_rag4rag.review.records import display, reviewable
from distilabel_rag4rag.review.server_records import read_records

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
        hallucinated: what the verdict says; of an unanswerable question, whether spans were
            marked.
        spans: [start, end] pairs into the original answer; none where the verdict is `supported`.
        suggestion: `accepted` or `edited`, compared with the judge's spans; `none` if the judge
            marked nothing and neither did the person.
        contradicts: spans were left in although the verdict is `supported`.
        corrected: the answer that the person wrote, or None.
        question_is_good: True, False or None.
    """

    record_id: str
    annotator: str
    at: str
    verdict: str
    hallucinated: bool
    spans: list[tuple[int, int]]
    suggestion: str
    contradicts: bool
    corrected: str | None
    question_is_good: bool | None


@dataclass(frozen=True)
class Gathered:
    """All that is on the server for some rows.

    Attributes:
        records: one row per record that belongs to a row: `record_id`, `stratum`, `weight`, `row`.
        responses: the submitted ones.
        drafts, discarded: responses that do not count.
        gone: records whose answer is no longer in the rows.
    """

    records: "pd.DataFrame"
    responses: list[Response]
    drafts: int
    discarded: int
    gone: int


def gather(rows: Any, *, client: "Argilla", dataset: str, workspace: str | None = None) -> Gathered:
    """Read the dataset and put each response to its row.

    Raises:
        DistilabelUserError: if there is no such workspace or dataset.
    """
    import pandas as pd

    table, _ = reviewable(rows)
    by_id = {entry["record_id"]: entry["row"] for entry in table.to_dict("records")}
    place = find_workspace(client, workspace)
    found = get_dataset(client, place, dataset)
    records, responses, counts, gone = [], [], dict.fromkeys((SUBMITTED, DRAFT, DISCARDED), 0), 0
    with told(client.api_url):
        names = _names(client, place)
        for record in read_records(client, found):
            key = record["external_id"]
            row = by_id.get(key)
            if row is None or record["fields"]["answer"] != display(row["answer"]):
                gone += 1
                continue
            metadata = record["metadata"]
            records.append(
                {
                    "record_id": key,
                    "stratum": metadata.get("stratum"),
                    "weight": metadata.get("weight"),
                    "row": row,
                }
            )
            suggested = _suggested(record, found)
            for given in record["responses"]:
                counts[given["status"]] += 1
                if given["status"] == SUBMITTED:
                    responses.append(_response(record, given, suggested, names))
    frame = pd.DataFrame(records, columns=["record_id", "stratum", "weight", "row"])
    return Gathered(frame, responses, counts[DRAFT], counts[DISCARDED], gone)


def _response(
    record: dict[str, Any],
    given: dict[str, Any],
    suggested: list[tuple[int, int]],
    names: dict[str, str],
) -> Response:
    values = {name: answer["value"] for name, answer in (given["values"] or {}).items()}
    marked = sorted((span["start"], span["end"]) for span in values.get("spans") or [])
    verdict = values["verdict"]
    good = values.get("question_is_good")
    corrected = (values.get("corrected_answer") or "").strip() or None
    return Response(
        record_id=record["external_id"],
        annotator=names.get(given["user_id"], given["user_id"]),
        at=given["updated_at"],
        verdict=verdict,
        hallucinated=bool(marked)
        if verdict == "unanswerable"
        else verdict in ("partly", "hallucinated"),
        spans=[] if verdict == "supported" else marked,
        suggestion="edited" if marked != suggested else "accepted" if marked else "none",
        contradicts=verdict == "supported" and bool(marked),
        corrected=corrected if corrected != record["fields"]["answer"].strip() else None,
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
