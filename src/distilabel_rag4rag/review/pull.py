"""Labels back: per person, merged into gold columns, with the weights of the sample."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.review.agreement import agreement
from distilabel_rag4rag.review.merge import merge
from distilabel_rag4rag.review.page_text import without_surrogates
from distilabel_rag4rag.review.responses import Gathered, Response, gather
from distilabel_rag4rag.utils.text import counted

if TYPE_CHECKING:
    import pandas as pd
    from argilla import Argilla

#: What the gold table takes over from the rows.
KEPT = (
    "arm",
    "id",
    "passage_id",
    "title",
    "context",
    "question",
    "human_answer",
    "answer",
    "hallucinated_spans",
    "hallucination_score",
)


@dataclass(frozen=True)
class Pulled:
    """The labels of people.

    Attributes:
        gold: one row per reviewed record: the row's own columns, `record_id`, the gold columns of
            `merge`, and for `compare(labels=…)` `human_hallucinated` and `review_weight`.
        responses: one row per record and person: see `Response`.
        agreement: see `agreement`.
        records: on the server, of these rows.
        drafts, discarded, gone: see `Gathered`.
        notes: what a reader must know before believing a figure.
    """

    gold: "pd.DataFrame"
    responses: "pd.DataFrame"
    agreement: dict[str, Any]
    records: int
    drafts: int
    discarded: int
    gone: int
    notes: list[str]


def pull(rows: Any, *, client: "Argilla", dataset: str, workspace: str | None = None) -> Pulled:
    """Read the submitted responses, whether or not their record is completed.

    Args:
        rows: the rows that were pushed; their original texts come back, not the page's copies.
        client: of `connect`.
        dataset, workspace: their names.

    Raises:
        ConfigError: if there is no such dataset, or none of these rows in it.
    """
    import pandas as pd

    gathered = gather(rows, client=client, dataset=dataset, workspace=workspace)
    by_record: dict[str, list[Response]] = defaultdict(list)
    for response in gathered.responses:
        by_record[response.record_id].append(response)
    gold = []
    for entry in gathered.records.to_dict("records"):
        if responses := by_record.get(entry["record_id"]):
            kept = {name: entry["row"].get(name) for name in KEPT}
            merged = merge(responses, entry["row"]["answer"])
            gold.append(without_surrogates({**kept, "record_id": entry["record_id"], **merged}))
    columns = [*KEPT, "record_id", *_GOLD]
    frame = pd.DataFrame(gold, columns=columns)
    for name in ("gold_hallucinated", "gold_question_is_good"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    frame["human_hallucinated"] = frame["gold_hallucinated"]
    counts = frame["gold_hallucinated"].notna() | (frame["gold_tie"] == True)  # noqa: E712
    weights, notes = weigh(gathered.records, set(frame.loc[counts, "record_id"]))
    frame["review_weight"] = frame["record_id"].map(weights)
    if ties := int((frame["gold_tie"] == True).sum()):  # noqa: E712
        notes.append(f"{counted(ties, 'tie')}: in rates each counts half as hallucinated.")
    if unlabelled := int((~counts).sum()):
        answers = counted(unlabelled, "answer has", "answers have")
        notes.append(f"{answers} no label: people said only that the question is unanswerable.")
    return Pulled(
        gold=frame,
        responses=pd.DataFrame(
            [without_surrogates(asdict(one)) for one in gathered.responses], columns=list(_FIELDS)
        ),
        agreement=agreement(gathered.responses),
        records=len(gathered.records),
        drafts=gathered.drafts,
        discarded=gathered.discarded,
        gone=gathered.gone,
        notes=[*notes, *_notes(gathered)],
    )


_GOLD = (
    "gold_hallucinated",
    "gold_tie",
    "gold_verdict",
    "gold_spans",
    "gold_answer",
    "gold_question_is_good",
    "gold_suggestion",
    "gold_by",
    "gold_at",
)
_FIELDS = Response.__dataclass_fields__


def weigh(records: "pd.DataFrame", labelled: set[str]) -> tuple[dict[str, float], list[str]]:
    """The weight of each labelled record, for its stratum's rows and those not labelled.

    Within a stratum those that people answered stand for those that they did not. Nothing is
    known of a stratum in which nothing was answered, and a note says so.
    """
    weights: dict[str, float] = {}
    notes: list[str] = []
    for name, stratum in records.groupby("stratum"):
        given = stratum.set_index("record_id")["weight"].astype(float)
        answered = [key for key in given.index if key in labelled]
        if not answered:
            rows = given.sum()
            notes.append(
                f"{name}: no label yet on its {counted(len(given), 'record')}, so"
                f" {counted(round(rows), 'row')} in it are left out of corrected rates."
            )
            continue
        share = given.sum(skipna=False) / given[answered].sum(skipna=False)
        weights |= {key: float(given[key] * share) for key in answered}
    if len(records) and records["weight"].isna().any():
        notes.append(
            "The sample was drawn without a random share, or with fewer records than strata, so"
            " no rate can be estimated from it."
        )
    return weights, notes


def _notes(gathered: Gathered) -> list[str]:
    notes = []
    if gathered.changed:
        records = counted(gathered.changed, "record was", "records were")
        notes.append(
            f"{records} left out: the answer changed since the push. The new answers had no chance"
            " to be drawn; the labels are about the others only."
        )
    if missing := gathered.gone - gathered.changed:
        records = counted(missing, "record was", "records were")
        notes.append(f"{records} left out: the rows no longer have the answer.")
    if gathered.others:
        records = counted(
            gathered.others, "record that no push made was", "records that no push made were"
        )
        notes.append(f"{records} ignored.")
    if left := sum(response.replacements_left for response in gathered.responses):
        answers = counted(left, "corrected answer has", "corrected answers have")
        notes.append(
            f"{answers} characters of the page's copy (□, ‹, ＆) that could not be put back."
        )
    if contradicting := sum(response.contradicts for response in gathered.responses):
        responses = counted(contradicting, "response says", "responses say")
        notes.append(
            f"{responses} 'supported' and keep spans: the verdict counts, the spans do not."
        )
    without_spans = [r for r in gathered.responses if r.hallucinated and not r.spans]
    if without_spans:
        responses = counted(len(without_spans), "response says", "responses say")
        notes.append(f"{responses} 'hallucinated' or 'partly' and mark no span.")
    return notes
