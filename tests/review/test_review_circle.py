"""The whole circle: compared, pushed, answered by three people, pushed again, pulled, reported."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers.comparison_rows import make_rows
from helpers.review_server.server import ANNOTATORS, WORKSPACE, Server
from typer.testing import CliRunner

from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.comparison.formatting import percent
from distilabel_rag4rag.review.page_text import page_text
from distilabel_rag4rag.review.records import record_id

#: Before the answer of every other row: an emoji, what HTML would eat, a line end of Windows.
HOSTILE = "🎉 <b>R&D</b>\r\n"
THRESHOLD = 0.5


def rag4rag(server: Server, *arguments: Any) -> str:
    """The command's output, in the name of the owner."""
    env = {"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.key("olga")}
    done = CliRunner().invoke(app, list(map(str, arguments)), env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def hostile_rows() -> list[dict[str, Any]]:
    rows = make_rows(40)
    for number, row in enumerate(rows):
        if row["answer"] and number % 2:
            row["answer"] = HOSTILE + row["answer"]
            for span in row["hallucinated_spans"]:
                span["start"] += len(HOSTILE)
                span["end"] += len(HOSTILE)
    return rows


class Review:
    """Three people answer by rules; what should come of it is known without asking the server."""

    def __init__(self, server: Server, records: list[dict[str, Any]], rows: dict[str, Any]) -> None:
        self.votes: dict[str, dict[str, bool]] = defaultdict(dict)
        self.spans: dict[str, list[tuple[int, int]]] = {}
        self.suggestion: dict[str, str] = {}
        self.drafts = self.discarded = 0
        for number, record in enumerate(records):
            row = rows[record["external_id"]]
            flagged = row["hallucination_score"] >= THRESHOLD
            truth = flagged != (number % 5 == 0)  # the judge errs on every fifth
            key = record["external_id"]
            suggested = [(s["start"], s["end"]) for s in row["hallucinated_spans"]]
            if truth and number % 10 == 3 and suggested:  # a correction: one character less
                spans, self.suggestion[key] = [(suggested[0][0], suggested[0][1] - 1)], "edited"
            elif truth and suggested:
                spans, self.suggestion[key] = suggested, "accepted"
            elif truth:  # missed by the judge: all of the answer
                spans, self.suggestion[key] = [(0, len(row["answer"]))], "edited"
            else:
                spans, self.suggestion[key] = [], "edited" if suggested else "none"
            self.spans[key] = spans
            self._answer(server, "ann", record, truth, spans)
            if number % 7:
                self._answer(server, "bob", record, truth, spans)
            else:
                self._answer(server, "bob", record, not truth, [] if truth else [(0, 2)])
                self.suggestion[key] = "any"
            if number % 2 == 0:
                self._answer(server, "cyd", record, truth, spans)
            elif number % 4 == 1:
                server.answer("cyd", record["id"], {"verdict": "partly"}, "draft")
                self.drafts += 1
            else:
                server.answer("cyd", record["id"], None, "discarded")
                self.discarded += 1

    def _answer(
        self, server: Server, user: str, record: dict[str, Any], truth: bool, spans: list
    ) -> None:
        values: dict[str, Any] = {
            "verdict": "hallucinated" if truth else "supported",
            "spans": [{"start": a, "end": b, "label": "hallucinated"} for a, b in spans],
        }
        if user == "ann" and truth:
            values["corrected_answer"] = f"🌋 {record['metadata']['row_id']}"
        server.answer(user, record["id"], values)
        self.votes[record["external_id"]][user] = truth

    def label(self, key: str) -> bool | None:
        """What more than half of those who submitted say."""
        votes = list(self.votes[key].values())
        yes = sum(votes)
        return None if 2 * yes == len(votes) else 2 * yes > len(votes)


def test_the_whole_circle(server: Server, tmp_path: Path) -> None:
    rows = hostile_rows()
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    by_id = {record_id(row): row for row in rows if row["answer"] and row["question"]}
    arguments = ("--dataset", "circle", "--workspace", WORKSPACE)
    options = ("--n", 60, "--annotators", 3, "--seed", 4)

    said = rag4rag(server, "review", "push", tmp_path, *arguments, *options)
    assert "60 records made, 0 brought up to date" in said
    records = server.records("circle")
    assert len(records) == 60
    before = {record["external_id"]: record for record in records}
    assert sum(HOSTILE in by_id[key]["answer"] for key in before) > 20
    for key, record in before.items():  # what is shown is as long as what was written
        shown = record["fields"]["answer"]
        assert shown == page_text(by_id[key]["answer"])
        assert len(shown) == len(by_id[key]["answer"])
        assert not set(shown) & set("<\r🎉")
        assert "R&D" not in shown

    people = Review(server, records, by_id)

    # Again, with other scores and spans, as after a run with another judge.
    for row in rows:
        if row["hallucination_score"] is not None:
            row["hallucination_score"] = 1 - row["hallucination_score"]
            row["hallucinated_spans"] = [
                {"start": 0, "end": 1, "text": row["answer"][0], "confidence": 0.9}
            ]
    again = tmp_path / "again"
    again.mkdir()
    pd.DataFrame(rows).to_parquet(again / "rows.parquet")
    said = rag4rag(server, "review", "push", again, *arguments, *options)
    assert "0 records made, 60 brought up to date (60 of them answered)" in said
    after = {record["external_id"]: record for record in server.records("circle")}
    assert after.keys() == before.keys()
    for key, record in after.items():
        now = by_id[key]["hallucination_score"]
        assert record["metadata"]["score"] == pytest.approx(now)
        for name in ("weight", "stratum"):  # as they were drawn
            assert record["metadata"][name] == before[key]["metadata"][name]
        assert len(record["responses"]) == 3
        assert record["suggestions"][0]["value"] == before[key]["suggestions"][0]["value"]

    said = rag4rag(server, "review", "pull", tmp_path, *arguments)
    assert f"{people.drafts} drafts and {people.discarded} discarded" in said
    gold = pd.read_parquet(tmp_path / "review" / "gold.parquet").set_index("record_id")
    assert sorted(gold.index) == sorted(before)
    ties = 0
    for key, label in gold.iterrows():
        row, expected = by_id[str(key)], people.label(str(key))
        assert label["gold_hallucinated"] is expected
        assert label["answer"] == row["answer"]  # the original, not the page's copy
        ties += expected is None
        assert label["gold_tie"] == (expected is None)
        assert set(label["gold_by"]) == set(people.votes[str(key)])
        if expected is None:
            assert label["gold_spans"] is None
            continue
        found = [(s["start"], s["end"]) for s in label["gold_spans"]]
        assert found == people.spans[str(key)]
        assert all(s["text"] == row["answer"][s["start"] : s["end"]] for s in label["gold_spans"])
        assert label["gold_answer"] == (f"🌋 {row['id']}" if expected else row["answer"])
        if people.suggestion[str(key)] != "any":
            assert label["gold_suggestion"] == people.suggestion[str(key)]
    assert ties == 4
    responses = pd.read_parquet(tmp_path / "review" / "responses.parquet")
    assert responses.groupby("annotator").size().to_dict() == {"ann": 60, "bob": 60, "cyd": 30}
    assert not responses.duplicated(["record_id", "annotator"]).any()

    # The corrected rate, by hand: from the rows, the strata and the rules of the three people.
    first = [row for row in hostile_rows() if row["hallucination_score"] is not None]
    size: dict[Any, int] = defaultdict(int)
    labelled: dict[Any, int] = defaultdict(int)
    for row in first:
        size[stratum(row)] += 1
    first_by_id = {record_id(row): row for row in first}
    # A tie counts half as hallucinated, half as not.
    known = {key: 0.5 if (said := people.label(key)) is None else float(said) for key in before}
    for key in known:
        labelled[stratum(first_by_id[key])] += 1
    caught = wrong = passed = right = 0.0
    own: dict[tuple[str, bool], list[tuple[float, float]]] = defaultdict(list)
    for key, hallucinated in known.items():
        row = first_by_id[key]
        weight = size[stratum(row)] / labelled[stratum(row)]
        flag = row["hallucination_score"] >= THRESHOLD
        wrong += weight * hallucinated
        caught += weight * hallucinated * flag
        right += weight * (1 - hallucinated)
        passed += weight * (1 - hallucinated) * (not flag)
        own[row["arm"], flag].append((weight * hallucinated, weight))
    sensitivity, specificity = caught / wrong, passed / right
    comparison = compare(pd.read_parquet(tmp_path / "rows.parquet"), labels=gold.reset_index())
    judge = comparison.judge.labelled
    assert judge is not None
    assert judge.weighted
    assert (judge.rows, judge.ties) == (56, 4)
    assert judge.sensitivity.value == pytest.approx(sensitivity)
    assert judge.specificity.value == pytest.approx(specificity)
    for arm, corrected in judge.corrected.items():
        flags = [r["hallucination_score"] >= THRESHOLD for r in first if r["arm"] == arm]
        rate = sum(flags) / len(flags)
        by_hand = (rate + specificity - 1) / (sensitivity + specificity - 1)
        assert corrected.unclipped == pytest.approx(by_hand)
        by_hand = 0.0
        for flag, part in ((True, rate), (False, 1 - rate)):
            wrong_here, known_here = map(sum, zip(*own[arm, flag], strict=True))
            by_hand += part * wrong_here / known_here
        assert corrected.own_rate is not None
        assert corrected.own_rate.value == pytest.approx(by_hand)

    rag4rag(server, "report", tmp_path, "--labels", tmp_path / "review" / "gold.parquet")
    report = (tmp_path / "report.md").read_text("utf-8").replace("\\", "")  # without escapes
    for arm, corrected in judge.corrected.items():
        assert f"- {arm}: " in report
        assert f"{percent(corrected.corrected_rate)} corrected" in report
    assert "Against 56 human labels, each with its weight in the sample" in report
    assert "4 more answers are ties and count half" in report
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "counts each labelled answer with its weight in the sample" in page
    summary = json.loads((tmp_path / "review" / "agreement.json").read_text("utf-8"))
    assert summary["agreement"]["pairs"].keys() == {"ann, bob", "ann, cyd", "bob, cyd"}
    status = rag4rag(server, "review", "status", tmp_path, *arguments)
    assert "30 of 60 records completed" in status
    assert "cyd: 30 submitted, 15 draft, 15 discarded" in status
    assert len(ANNOTATORS) == 3


def stratum(row: dict[str, Any]) -> tuple[str, str]:
    score = row["hallucination_score"]
    return row["arm"], "flagged" if score >= THRESHOLD else "faint" if score > 0 else "clean"
