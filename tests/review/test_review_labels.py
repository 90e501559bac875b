"""Samples, weights, merged labels, agreement, the training file: no server needed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distilabel.errors import DistilabelUserError
from helpers.comparison_rows import make_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from lettucedetect.datasets.hallucination_dataset import HallucinationData
from lettucedetect.detectors.prompt_utils import PromptUtils

from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.review.agreement import agreement
from distilabel_rag4rag.review.merge import merge
from distilabel_rag4rag.review.pull import weigh
from distilabel_rag4rag.review.records import record_id, rows_to_review
from distilabel_rag4rag.review.responses import Response
from distilabel_rag4rag.review.sample import DESIGNS, sample_rows
from distilabel_rag4rag.review.training_file import training_samples, write_training_file

TABLE, _ = rows_to_review(make_rows(40))
JUDGED = TABLE[TABLE["score"].notna()]


def keys(sample: pd.DataFrame) -> list[str]:
    return sample["record_id"].tolist()


@pytest.mark.parametrize("design", DESIGNS)
def test_a_sample_is_the_same_for_the_same_seed_and_stands_for_all_rows(design: str) -> None:
    sample = sample_rows(TABLE, design, n=60, seed=3)
    assert keys(sample_rows(TABLE[::-1], design, n=60, seed=3)) == keys(sample)
    assert sample["record_id"].is_unique
    population = TABLE if design == "all" else JUDGED
    assert len(sample) == (len(population) if design == "all" else 60)
    assert sample["weight"].sum() == pytest.approx(len(population))
    for _, stratum in sample.groupby("stratum"):
        assert stratum["weight"].nunique() == 1
    if design != "all":
        assert keys(sample_rows(TABLE, design, n=60, seed=4)) != keys(sample)
        larger = sample_rows(TABLE, design, n=110, seed=3)
        assert set(keys(sample)) < set(keys(larger))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 400),
    seed=st.integers(0, 99),
    design=st.sampled_from(DESIGNS[:3]),
    share=st.sampled_from([0.0, 0.25, 0.9]),
)
def test_no_sample_is_larger_or_smaller_than_it_can_be(
    n: int, seed: int, design: str, share: float
) -> None:
    sample = sample_rows(TABLE, design, n=n, seed=seed, random_share=share)
    assert len(sample) <= n
    if share or design != "disagreements":
        assert len(sample) == min(n, len(JUDGED))
    assert (sample["weight"].dropna() >= 1).all()


def test_a_stratified_sample_takes_as_many_from_each_stratum() -> None:
    sample = sample_rows(TABLE, "stratified", n=90, seed=0)
    sizes = sample["stratum"].value_counts()
    score = JUDGED["score"]
    band = np.select([score >= 0.5, score > 0], ["flagged", "faint"], "clean")
    population = ("stratified/" + JUDGED["arm"] + "/" + band).value_counts()
    assert set(sizes.index) == set(population.index)
    small = [name for name in sizes.index if population[name] < sizes.max()]
    assert all(sizes[name] == population[name] for name in small)
    others = sizes.drop(small)
    assert others.max() - others.min() <= 1
    half = (
        sample["stratum"].iloc[:45].value_counts()
    )  # of each stratum half, each reviewer who stops here
    assert ((half - sizes / 2).abs() <= 1).all()


def test_uncertainty_takes_the_nearest_to_the_threshold_first() -> None:
    sample = sample_rows(TABLE, "uncertainty", n=40, seed=0, threshold=0.6, random_share=0.25)
    distance = (JUDGED["score"] - 0.6).abs().sort_values()
    first = sample[sample["stratum"] == "uncertainty/first"]
    assert (first["score"] - 0.6).abs().tolist() == pytest.approx(distance[:30].tolist())
    assert first["weight"].unique().tolist() == [1.0]
    others = sample[sample["stratum"] == "uncertainty/others"]
    assert others["weight"].unique().tolist() == [(len(JUDGED) - 30) / 10]


def test_disagreements_come_first() -> None:
    sample = sample_rows(TABLE, "disagreements", n=40, seed=0, random_share=0.1)
    flags = JUDGED.assign(flag=JUDGED["score"] >= 0.5).groupby("id")["flag"].agg(set)
    first = sample[sample["stratum"] == "disagreements/first"]
    assert len(first) == 36
    assert all(flags[i] == {True, False} for i in first["id"])
    others = sample[sample["stratum"] == "disagreements/others"]
    assert all(len(flags[i]) == 1 for i in others["id"])


@pytest.mark.slow
def test_without_a_random_share_nothing_is_said_of_the_others() -> None:
    sample = sample_rows(TABLE, "uncertainty", n=20, random_share=0)
    assert sample["weight"].isna().all()
    records = sample[["record_id", "stratum", "weight"]]
    weights, notes = weigh(records, set(keys(sample)[:5]))
    assert notes[-1].startswith("The sample was drawn without a random share")
    rows = pd.DataFrame(make_rows(40))
    labels = sample[["arm", "id"]].assign(
        human_hallucinated=[True, False] * 10, review_weight=[np.nan] * 20
    )
    found = compare(rows, labels=labels, bootstrap=200).judge.labelled
    assert found is not None
    assert found.corrected == {}
    assert found.reason is not None
    assert "picked" in found.reason
    assert np.isnan(list(weights.values())).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"design": "best"}, "design: found 'best'"),
        ({"n": 0}, "n: found 0"),
        ({"random_share": 1.0}, "random_share: found 1.0"),
    ],
)
def test_settings_of_a_sample_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DistilabelUserError, match=message):
        sample_rows(TABLE, **arguments)
    with pytest.raises(DistilabelUserError, match="expected at least one answer that was judged"):
        sample_rows(TABLE[TABLE["score"].isna()])


def test_those_who_answered_stand_for_those_who_did_not() -> None:
    records = pd.DataFrame(
        {
            "record_id": list("abcdef"),
            "stratum": ["x", "x", "x", "y", "y", "z"],
            "weight": [4.0, 4.0, 4.0, 2.5, 2.5, 7.0],
        }
    )
    weights, notes = weigh(records, {"a", "b", "d", "e"})
    assert weights == {"a": 6.0, "b": 6.0, "d": 2.5, "e": 2.5}
    assert notes == [
        "z: no label yet on its 1 record, so 7 rows in it are left out of corrected rates."
    ]


def test_weights_undo_an_uneven_sample() -> None:
    # Ten flagged answers, of which people call 8 wrong, and 90 passed ones, 9 of them wrong. All
    # flagged ones are labelled, and of the others every third: 30 with 3 wrong.
    rows, labels = [], []
    for number in range(100):
        flagged = number < 10
        wrong = number % 10 < 8 if flagged else number % 10 == 0
        score = 0.9 if flagged else 0.1
        row = {"arm": "a", "id": str(number), "answer": "x", "hallucination_score": score}
        rows.append(row)
        if flagged or (number // 10) % 3 == 0:
            label = {"arm": "a", "id": str(number), "human_hallucinated": wrong}
            labels.append({**label, "review_weight": 1.0 if flagged else 3.0})
    found = compare(rows, labels=labels, by=(), bootstrap=300).judge.labelled
    assert found is not None
    assert found.weighted
    assert (found.true_flags, found.missed, found.false_flags, found.true_passes) == (8, 3, 2, 27)
    assert found.sensitivity.value == pytest.approx(8 / 17)
    assert found.specificity.value == pytest.approx(81 / 83)
    corrected = found.corrected["a"].corrected_rate
    assert corrected.value == pytest.approx(0.17)  # the share that people call wrong
    assert corrected.low is not None
    assert corrected.high is not None
    assert corrected.low < 0.17 < corrected.high
    even = [{**label, "review_weight": 5.0} for label in labels]
    bare = [{k: v for k, v in label.items() if k != "review_weight"} for label in labels]
    same = compare(rows, labels=even, by=(), bootstrap=300).judge.labelled
    plain = compare(rows, labels=bare, by=(), bootstrap=300).judge.labelled
    assert same is not None
    assert plain is not None
    assert not same.weighted
    assert same.sensitivity.value == plain.sensitivity.value == pytest.approx(8 / 11)
    assert same.corrected["a"].unclipped == pytest.approx(plain.corrected["a"].unclipped)


def said(
    record: str,
    annotator: str,
    verdict: str = "hallucinated",
    spans: tuple[tuple[int, int], ...] = (),
    **changes: Any,
) -> Response:
    given: dict[str, Any] = {
        "record_id": record,
        "annotator": annotator,
        "at": f"2026-01-0{len(annotator)}",
        "verdict": verdict,
        "hallucinated": verdict != "supported",
        "spans": list(spans),
        "suggestion": "accepted",
        "contradicts": False,
        "corrected": None,
        "replacements_left": False,
        "question_is_good": None,
    }
    return Response(**{**given, **changes})


ANSWER = "It was founded in 1901 by monks."


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        (
            [said("r", "a", spans=((18, 22),)), said("r", "bb", spans=((18, 22), (26, 31)))],
            {"gold_hallucinated": True, "gold_spans": ["1901", "monks"], "gold_at": "2026-01-02"},
        ),
        (
            [
                said("r", "a", spans=((18, 22),)),
                said("r", "bb", "partly", spans=((15, 22),)),
                said("r", "ccc", spans=((20, 31),), suggestion="edited"),
            ],
            {
                "gold_hallucinated": True,
                "gold_verdict": "hallucinated",
                "gold_spans": ["1901"],
                "gold_suggestion": "mixed",
                "gold_by": ["a", "bb", "ccc"],
            },
        ),
        (
            [said("r", "a", spans=((18, 22),)), said("r", "b", "supported")],
            {"gold_hallucinated": None, "gold_tie": True, "gold_spans": None, "gold_answer": None},
        ),
        (
            [said("r", "a", "supported"), said("r", "b", "supported", corrected="1284")],
            {"gold_hallucinated": False, "gold_spans": [], "gold_answer": "1284"},
        ),
        (
            [said("r", "a", "supported", question_is_good=True)],
            {"gold_answer": ANSWER, "gold_question_is_good": True, "gold_tie": False},
        ),
        (
            [said("r", "a", corrected="1284"), said("r", "b", corrected="1285")],
            {"gold_answer": None, "gold_question_is_good": None},
        ),
    ],
)
def test_one_label_of_several(responses: list[Response], expected: dict[str, Any]) -> None:
    found = merge(responses, ANSWER)
    if found["gold_spans"]:
        for span in found["gold_spans"]:
            assert span["text"] == ANSWER[span["start"] : span["end"]]
        found["gold_spans"] = [span["text"] for span in found["gold_spans"]]
    assert {name: found[name] for name in expected} == expected


def test_agreement_of_two_by_hand() -> None:
    # Ten records: both say hallucinated 4 times, both supported 3, a alone 2, b alone 1.
    votes = [(1, 1)] * 4 + [(0, 0)] * 3 + [(1, 0)] * 2 + [(0, 1)]
    responses = []
    for number, (a, b) in enumerate(votes):
        for name, vote, end in (("a", a, 4), ("b", b, 6)):
            spans = ((0, end),) if vote else ()
            verdict = "hallucinated" if vote else "supported"
            responses.append(said(str(number), name, verdict, spans))
    found = agreement([*responses, said("alone", "a")])
    by_chance = (6 * 5 + 4 * 5) / 100
    assert found["kappa_kind"] == "Cohen"
    assert found["records"] == found["kappa_records"] == 10
    assert found["kappa"] == pytest.approx((0.7 - by_chance) / (1 - by_chance))
    # shared: 4 records of 4 characters; marked: a 6 times 4, b 5 times 6
    assert found["span_f1"] == pytest.approx(2 * 16 / (24 + 30))
    assert found["pairs"]["a, b"]["kappa"] == found["kappa"]


def test_agreement_of_three_by_hand() -> None:
    # Fleiss: per record the share of agreeing pairs is 1, 1/3, 1, 1/3; 7 of 12 votes are yes.
    votes = ["yyy", "yyn", "nnn", "yyn"]
    responses = [
        said(str(number), name, "hallucinated" if vote == "y" else "supported")
        for number, three in enumerate(votes)
        for name, vote in zip("abc", three, strict=True)
    ]
    responses += [said("pair", "a"), said("pair", "b")]
    found = agreement(responses)
    by_chance = (7 / 12) ** 2 + (5 / 12) ** 2
    assert found["kappa_kind"] == "Fleiss"
    assert (found["records"], found["kappa_records"]) == (5, 4)
    assert found["kappa"] == pytest.approx((2 / 3 - by_chance) / (1 - by_chance))
    assert found["span_f1"] is None


@pytest.mark.parametrize(
    "responses",
    [[], [said("r", "a")], [said("r", "a"), said("r", "b")]],
    ids=["none", "alone", "unanimous"],
)
def test_kappa_is_none_where_it_is_not_defined(responses: list[Response]) -> None:
    found = agreement(responses)
    assert found["kappa"] is found["verdict_kappa"] is found["span_f1"] is None


def gold_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "arm": "rag4rag",
        "passage_id": f"p{number}",
        "context": "It was founded in 1284.",
        "question": "When?",
        "answer": ANSWER,
        "gold_hallucinated": True,
        "gold_verdict": "partly",
        "gold_spans": [{"start": 18, "end": 22, "text": "1901"}],
        **changes,
    }


def test_the_training_file_is_lettucedetects(tmp_path: Path) -> None:
    gold = pd.DataFrame(
        [
            gold_row(0),
            gold_row(1, gold_hallucinated=False, gold_verdict="supported", gold_spans=[]),
            gold_row(2, gold_hallucinated=None, gold_verdict=None, gold_spans=None),
            gold_row(3, gold_spans=[]),  # partly, and no span was marked
            gold_row(4, gold_verdict="hallucinated", gold_spans=[]),
        ]
    )
    counts = write_training_file(gold, tmp_path / "training.json")
    data = HallucinationData.from_json(json.loads((tmp_path / "training.json").read_text()))
    assert sum(counts.values()) == 3
    assert [sample.metadata["id"] for sample in data.samples] == ["q0", "q1", "q4"]
    assert [sample.labels for sample in data.samples] == [
        [{"start": 18, "end": 22, "label": "hallucinated"}],
        [],
        [{"start": 0, "end": len(ANSWER), "label": "hallucinated"}],
    ]
    # what the detector is shown when it judges
    expected = PromptUtils.format_context(["It was founded in 1284."], "When?", "en")
    assert data.samples[0].prompt == expected


def test_answers_about_one_passage_go_into_one_split() -> None:
    rows = [
        gold_row(number, passage_id=passage, context=f"It was founded in 1284. {passage}")
        for number in range(200)
        for passage in [f"p{number % 50}"]
    ]
    gold = pd.DataFrame(rows)
    samples = training_samples(gold)
    by_passage: dict[str, set[str]] = {}
    for row, sample in zip(gold.to_dict("records"), samples, strict=True):
        by_passage.setdefault(row["passage_id"], set()).add(sample["split"])
    assert all(len(splits) == 1 for splits in by_passage.values())
    assert {split for splits in by_passage.values() for split in splits} == {"train", "dev", "test"}


@pytest.mark.parametrize("column", ["title", "context"])
def test_answers_about_one_document_go_into_one_split(column: str) -> None:
    """Also where their passages have other ids: the judge would be tested on what it has read."""
    rows = []
    for number in range(120):
        common = {"context": f"In 1284. {number}", column: f"document {number % 20}"}
        rows.append(gold_row(number, **common))
    samples = training_samples(pd.DataFrame(rows))
    splits = [{sample["split"] for sample in samples[start::20]} for start in range(20)]
    assert all(len(found) == 1 for found in splits)
    assert {"train", "dev", "test"} == set.union(*splits)
    assert training_samples(pd.DataFrame(rows[:0], columns=list(rows[0]))) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(answer=row["answer"] + " "),
        lambda row: row.update(arm="gold_context"),
        lambda row: row.update(context="Other."),
    ],
)
def test_another_answer_arm_or_passage_is_another_record(
    change: Callable[[dict[str, Any]], None],
) -> None:
    row = gold_row(0)
    first = record_id(row)
    assert first == record_id({**row, "hallucination_score": 0.1})
    change(row)
    assert record_id(row) != first
