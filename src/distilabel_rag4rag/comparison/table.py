"""Rows in, one table out, in which every row has exactly one outcome."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from distilabel_rag4rag.comparison.column_types import with_types
from distilabel_rag4rag.data.columns import ALIASES, GOLD_COLUMNS
from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.data.gold_answers import read_answers
from distilabel_rag4rag.data.identity import normalised
from distilabel_rag4rag.data.values import truth
from distilabel_rag4rag.schema import ARM_ORDER, BY_NAME, COLUMNS, OLD_ARM_NAMES, REPAIRED
from distilabel_rag4rag.steps.tasks.replies.refusals import MARKER
from distilabel_rag4rag.utils.scripts import words
from distilabel_rag4rag.utils.text import has_text


class HasToPandas(Protocol):
    """A `datasets.Dataset`, an Arrow table and their like."""

    def to_pandas(self) -> Any: ...


Rows: TypeAlias = pd.DataFrame | HasToPandas | Sequence[Mapping[str, Any]]

#: What became of a row; every row is exactly one of these.
OUTCOMES = ("grounded", "flagged", "unjudged", "abstained", "failed")

#: F1 against the human answer from which an answer counts as right.
RIGHT_F1 = 0.5

#: The column of human labels: True where a person calls the answer hallucinated.
LABEL = "human_hallucinated"

#: How many rows a labelled row stands for: one over the chance with which it was drawn. Without
#: the column all stand for as many; None: the row was not drawn at random.
WEIGHT = "review_weight"

#: The column of ties: True where as many people say hallucinated as not.
TIE = "gold_tie"


def as_table(
    rows: Rows, *, columns: Mapping[str, str | None] | None = None, arm: str | None = None
) -> pd.DataFrame:
    """One table with our columns, sorted by arm and id, whatever the order of the rows.

    Args:
        rows: one row per question and arm: a DataFrame, a Dataset or dicts.
        columns: our name -> the name in `rows`, for data of other origin; None: not used.
        arm: the arm of all rows, for data without the column.

    Raises:
        ValueError: if there are no rows, a needed column is missing, a value does not fit its
            column, or an id comes twice.
    """
    table = _frame(rows)
    ours_all = {*BY_NAME, LABEL, WEIGHT}
    if unknown := sorted((columns or {}).keys() - ours_all):
        raise ValueError(f"columns: found {unknown}, expected some of {sorted(ours_all)}")
    for ours, theirs in (columns or {}).items():
        if theirs is None:
            table = table.drop(columns=ours, errors="ignore")
            continue
        if theirs not in table:
            raise ValueError(
                f"columns: {ours!r} is mapped to {theirs!r}, which is not a column; "
                f"found {sorted(map(str, table.columns))}"
            )
        table[ours] = table[theirs]
    if arm is not None:
        table["arm"] = arm
    if "id" not in table and "question" in table:
        table["id"] = table["question"]
    if missing := [name for name in ("arm", "id", "answer") if name not in table]:
        raise ValueError(
            f"rows: columns {missing} are missing; found {sorted(map(str, table.columns))}; "
            "map others with columns={'answer': 'their_name'} or name the arm with arm='…'"
        )
    if table.empty:
        raise ValueError("rows: found none, expected at least one per arm")
    if "passage_id" not in table:
        table["passage_id"] = table["context"] if "context" in table else table["id"]
    table = with_types(_with_golds(table, columns or {}))
    table["arm"] = table["arm"].replace(OLD_ARM_NAMES)
    _check_questions(table)
    # Rows that others made may hold the marker of an abstention as their answer.
    marked = table["answer"].map(lambda text: has_text(text) and letters(text) == letters(MARKER))
    if marked.any():
        table.loc[marked, "answer"] = None
        declined = table["abstained"].eq(True) if "abstained" in table else False
        table["abstained"] = marked | declined
    if "hallucination_score" not in table and "hallucinated_spans" in table:
        table["hallucination_score"] = table["hallucinated_spans"].map(_largest_confidence)
    for name in (column.name for column in COLUMNS):
        if name not in table:
            table[name] = None
    # These belong to the question, whichever arm's rows carry them.
    for name in ("human_answers", "answerable"):
        table[name] = _of_question(table, name)
    first = [golds[0] if golds else None for golds in table["human_answers"]]
    table["human_answer"] = pd.Series(first, index=table.index, dtype=object)
    return _sorted(table)


def _check_questions(table: pd.DataFrame) -> None:
    """Rows with one id are compared as answers to one question.

    Raises:
        ValueError: if they have several.
    """
    if "question" not in table:
        return
    asked = table.loc[table["question"].map(has_text), ["id", "question"]]
    different = asked.assign(question=asked["question"].map(normalised)).drop_duplicates()
    repeated = different[different["id"].duplicated(keep=False)]
    if len(repeated):
        first = repeated["id"].iloc[0]
        texts = repeated.loc[repeated["id"] == first, "question"].tolist()
        raise ValueError(
            f"rows: id {first!r} stands for different questions, {texts[0]!r} and {texts[1]!r};"
            " the same id must be the same question in every arm"
        )


def _with_golds(table: pd.DataFrame, unused: Collection[str]) -> pd.DataFrame:
    """The human answers and `answerable`, read as `load_rows` reads them.

    `unused`: our columns that are not to be read under other names.
    """
    columns = [name for name in GOLD_COLUMNS if name in table]
    if not columns and not {*GOLD_COLUMNS} & set(unused):
        columns = [name for name in ALIASES["human_answers"] if name in table][:1]
    golds: list[list[str] | None] = []
    answerable: list[bool | None] = []
    is_empty_squad: list[bool] = []
    # pandas 2 iterates over no rows where no column is chosen.
    chosen = table[columns].itertuples(index=False, name=None) if columns else [()] * len(table)
    for row, values in enumerate(chosen):
        found = [
            read_answers(value, f"column {name!r}, row {row}: ")
            for name, value in zip(columns, values, strict=True)
        ]
        golds.append(list(dict.fromkeys(text for one in found for text in one.texts)) or None)
        no_answer = any(one.answerable is False for one in found) and not golds[-1]
        answerable.append(False if no_answer else None)
        is_empty_squad.append(any(one.is_empty_squad for one in found))
    if any(golds):  # a test set without any answers has the same form
        pairs = zip(answerable, is_empty_squad, strict=True)
        answerable = [False if empty else known for known, empty in pairs]
    given = pd.Series(None, index=table.index, dtype=object)
    if "answerable" in table:
        given = table["answerable"].astype(object)
    elif "is_impossible" in table and "answerable" not in unused:
        said = [truth(value, "column 'is_impossible': ") for value in table["is_impossible"]]
        given = pd.Series([None if no is None else not no for no in said], table.index, object)
    return table.drop(columns=[name for name in columns if name in GOLD_COLUMNS]).assign(
        human_answers=pd.Series(golds, index=table.index, dtype=object),
        answerable=given.where(given.notna(), pd.Series(answerable, table.index, object)),
    )


def _of_question(table: pd.DataFrame, name: str) -> pd.Series:
    """The column, with what another row of the same question says where a row says nothing."""
    said: dict[str, Any] = {}
    for key, value in zip(table["id"], table[name], strict=True):
        if value is not None:
            said.setdefault(key, value)
    values = [
        said.get(key) if value is None else value
        for key, value in zip(table["id"], table[name], strict=True)
    ]
    return pd.Series(values, index=table.index, dtype=object)


def arm_names(table: pd.DataFrame) -> list[str]:
    """The arms in the order in which they are reported."""
    return sorted(table["arm"].unique(), key=_arm_rank)


def run_arms(names: Iterable[str]) -> list[str]:
    """Those of the arms that were run, not computed from others."""
    return [name for name in names if name != REPAIRED]


def mark_outcomes(table: pd.DataFrame, threshold: float, right_f1: float) -> pd.DataFrame:
    """Add what is counted: `outcome`, booleans, EM and F1, and the cluster of each row."""
    from distilabel_rag4rag.comparison.metrics import lenient_scores, squad_scores

    abstained = table["abstained"] == True  # noqa: E712
    unanswerable = table["answerable"] == False  # noqa: E712
    score = table["hallucination_score"].astype(float)
    answered = table["answer"].map(has_text).astype(bool) & ~abstained
    judged = answered & score.notna()
    flagged = judged & (score >= threshold)
    human = table["human_answers"].map(bool).astype(bool) & ~unanswerable
    answers = [a if ok else None for a, ok in zip(table["answer"], answered, strict=True)]
    golds = [list(g) if ok else [] for g, ok in zip(table["human_answers"], human, strict=True)]
    exact, f1 = squad_scores(answers, golds)
    lenient_f1, contains_gold = lenient_scores(answers, golds)
    # As in SQuAD 2.0: where there is no answer, declining is the right one.
    rightly_abstained = abstained & unanswerable
    exact, f1 = np.where(rightly_abstained, 1.0, exact), np.where(rightly_abstained, 1.0, f1)
    return table.assign(
        answered=answered,
        abstained=abstained,
        failed=~answered & ~abstained,
        judged=judged,
        unjudged=answered & ~judged,
        flagged=flagged,
        grounded=judged & ~flagged,
        outcome=np.select(
            [flagged, judged, answered, abstained],
            ["flagged", "grounded", "unjudged", "abstained"],
            default="failed",
        ),
        score=score,
        unanswerable=unanswerable,
        human=human,
        has_truth=human | unanswerable,
        exact=exact,
        f1=f1,
        right=(human | unanswerable) & (f1 >= right_f1),
        lenient_f1=lenient_f1,
        lenient_right=human & (lenient_f1 >= right_f1),
        contains_gold=contains_gold,
        label=_labels(table),
        tie=with_types(table, {TIE: pa.bool_()})[TIE] == True if TIE in table else False,  # noqa: E712
        weight=with_types(table, {WEIGHT: pa.float64()})[WEIGHT].astype(float)
        if WEIGHT in table
        else 1.0,
        words=[len(words(answer)) if answer else 0 for answer in answers],
        # A row without a passage is a cluster of its own.
        cluster=table["passage_id"].where(table["passage_id"].notna(), "id:" + table["id"]),
    )


def add_labels(table: pd.DataFrame, labels: Rows) -> pd.DataFrame:
    """Put human labels from another table (`id`, `arm`, `human_hallucinated`) beside the rows.

    With them their `review_weight` and `gold_tie`, where there are any.

    Raises:
        ValueError: if a column is missing or a label belongs to no row.
    """
    given = _frame(labels)
    if missing := [name for name in ("arm", "id", LABEL) if name not in given]:
        raise ValueError(f"labels: columns {missing} are missing; found {list(given.columns)}")
    kinds = {"arm": pa.string(), "id": pa.string(), LABEL: pa.bool_(), TIE: pa.bool_()}
    kinds |= {WEIGHT: pa.float64()}
    given = with_types(given, {name: kind for name, kind in kinds.items() if name in given})
    given["arm"] = given["arm"].replace(OLD_ARM_NAMES)
    if given[["arm", "id"]].isna().any(axis=None):
        raise ValueError("labels: `arm` and `id` must be set in every row; found None")
    names = [name for name in (LABEL, TIE, WEIGHT) if name in given]
    by_row = given.set_index(["arm", "id"])[names]
    if len(twice := by_row.index[by_row.index.duplicated()]):
        raise ValueError(
            f"labels: arm and id {twice[0]} come more than once, expected one label per answer"
        )
    index = pd.MultiIndex.from_frame(table[["arm", "id"]])
    if unknown := sorted(set(by_row.index) - set(index)):
        raise ValueError(
            f"labels: {len(unknown)} belong to no row, the first to arm and id {unknown[0]}"
        )
    found = by_row.reindex(index)
    return table.assign(**{name: found[name].to_numpy() for name in names})


def repaired_arm(table: pd.DataFrame, *, baseline: str, candidate: str) -> pd.DataFrame:
    """The baseline's rows, the flagged ones replaced by the candidate's.

    Every row of the baseline counts. A flagged row that the candidate does not have stays.
    Takes and returns rows of `mark_outcomes`; `repaired_from` says which arm a row is from.
    """
    kept = table[table["arm"] == baseline].set_index("id", drop=False)
    new = table[table["arm"] == candidate].set_index("id", drop=False)
    replaced = kept.index[kept["flagged"]].intersection(new.index)
    rows = pd.concat([kept.drop(index=replaced), new.loc[replaced]])
    return rows.assign(repaired_from=rows["arm"], arm=REPAIRED).sort_index()


def _frame(rows: Any) -> pd.DataFrame:
    """A table of its own, whose index says nothing."""
    if isinstance(rows, pd.DataFrame):
        return rows.reset_index(drop=True)
    return rows.to_pandas() if hasattr(rows, "to_pandas") else pd.DataFrame(list(rows))


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    if table["arm"].isna().any() or table["id"].isna().any():
        raise ValueError("rows: `arm` and `id` must be set in every row; found None")
    twice = table[table.duplicated(["arm", "id"])]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"rows: id {first['id']!r} comes more than once in arm {first['arm']!r} "
            f"({len(twice)} such rows); expected one row per question and arm"
        )
    rank = {arm: i for i, arm in enumerate(arm_names(table))}
    order = table.assign(_rank=table["arm"].map(rank)).sort_values(["_rank", "id"]).index
    return table.loc[order].reset_index(drop=True)


def _arm_rank(arm: str) -> tuple[int, str]:
    return (ARM_ORDER.index(arm) if arm in ARM_ORDER else len(ARM_ORDER), arm)


def _labels(table: pd.DataFrame) -> pd.Series:
    """True, False or None per row."""
    if LABEL not in table:
        return pd.Series(None, index=table.index, dtype=object)
    return with_types(table, {LABEL: pa.bool_()})[LABEL]


def _largest_confidence(spans: Any) -> float | None:
    return None if spans is None else max((span["confidence"] for span in spans), default=0.0)
