"""What reviewers and rows do unplanned: ties, silence, changed answers, odd texts."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distilabel.errors import DistilabelUserError
from helpers.comparison_rows import make_rows
from helpers.review_server.server import WORKSPACE, Server
from test_review import _id, a_row
from test_review_labels import ANSWER, TABLE, gold_row, said
from typer.testing import CliRunner

from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.review.connect import find_workspace, import_argilla
from distilabel_rag4rag.review.merge import merge
from distilabel_rag4rag.review.page_text import page_text, restore
from distilabel_rag4rag.review.pull import pull
from distilabel_rag4rag.review.push import _create, push
from distilabel_rag4rag.review.records import rows_to_review
from distilabel_rag4rag.review.sample import sample_rows
from distilabel_rag4rag.review.settings import make_settings
from distilabel_rag4rag.review.training_file import training_samples


def cli(server: Server, *arguments: Any) -> tuple[int, str]:
    env = {"ARGILLA_API_URL": server.url, "ARGILLA_API_KEY": server.key("olga")}
    done = CliRunner().invoke(app, ["review", *map(str, arguments)], env=env)
    return done.exit_code, done.output


def by_row(server: Server, name: str) -> dict[str, dict[str, Any]]:
    return {record["metadata"]["row_id"]: record for record in server.records(name)}


def supported(server: Server, user: str, record: dict[str, Any]) -> None:
    server.answer(user, record["id"], {"verdict": "supported", "spans": []})


def test_a_tie_counts_half_in_every_rate() -> None:
    # Flagged: 8 hallucinated, 1 not, 1 tie. Passed: 1 hallucinated, 18 not, 1 tie of weight 3.
    cells = [(0.9, True, 8), (0.9, False, 1), (0.9, None, 1), (0.1, True, 1), (0.1, False, 18)]
    rows, labels = [], []
    for score, label, count in [*cells, (0.1, None, 1)]:
        for _ in range(count):
            key = {"arm": "a", "id": str(len(rows))}
            rows.append({**key, "answer": "x", "hallucination_score": score})
            weight = 3.0 if score < 0.5 and label is None else 1.0
            one = {"human_hallucinated": label, "gold_tie": label is None, "review_weight": weight}
            labels.append({**key, **one})
    found = compare(rows, labels=labels, by=(), bootstrap=200).judge.labelled
    assert found is not None
    assert (found.rows, found.ties) == (28, 2)
    assert found.sensitivity.value == pytest.approx(8.5 / (8.5 + 2.5))
    assert found.specificity.value == pytest.approx(19.5 / (19.5 + 1.5))
    own = found.corrected["a"].own_rate
    assert own is not None
    assert own.value == pytest.approx(1 / 3 * 8.5 / 10 + 2 / 3 * 2.5 / 22)


def test_a_question_that_cannot_be_answered_is_no_label() -> None:
    silent = said("r", "a", "unanswerable", hallucinated=None)
    found = merge([silent], ANSWER)
    assert (found["gold_hallucinated"], found["gold_tie"]) == (None, False)
    assert (found["gold_verdict"], found["gold_answer"]) == ("unanswerable", None)
    found = merge([silent, said("r", "b", "supported")], ANSWER)
    assert (found["gold_hallucinated"], found["gold_tie"]) == (False, False)
    row = gold_row(0, gold_hallucinated=None, gold_verdict="unanswerable", gold_spans=None)
    assert training_samples(pd.DataFrame([row])) == []


@pytest.mark.parametrize(
    ("answer", "change", "expected"),
    [
        ("🎉 <b>AT&T</b>\r\n1999", ("1999", "2001"), ("🎉 <b>AT&T</b>\r\n2001", False)),
        ("In 1999 🇮🇹 & 🎉", ("1999 ", ""), ("In 🇮🇹 & 🎉", False)),
        ("R&D", ("D", "D & more"), ("R&D & more", False)),
        ("a < b", ("a ‹ b", "b ‹ a ‹ c"), ("b < a ‹ c", True)),
        ("plain", ("plain", "□"), ("□", False)),
    ],
)
def test_a_correction_gets_back_what_the_page_could_not_show(
    answer: str, change: tuple[str, str], expected: tuple[str, bool]
) -> None:
    shown = page_text(answer)
    assert change[0] in shown
    found, left = restore(shown.replace(*change), answer)
    assert left == expected[1]
    if not left:
        assert found == expected[0]


def test_strata_without_a_chance_are_named_and_no_rate_is_estimated() -> None:
    strata = set(sample_rows(TABLE, n=200)["stratum"])
    sample = sample_rows(TABLE, n=5)
    left = sample.attrs["without_chance"]
    assert set(left) | set(sample["stratum"]) == strata
    assert len(left) == len(strata) - 5
    assert sample["weight"].isna().all()
    enough = sample_rows(TABLE, n=len(strata))
    assert enough.attrs["without_chance"] == {}
    assert enough["weight"].notna().all()


def test_pandas_na_in_dicts_is_none() -> None:
    table, _ = rows_to_review(
        [a_row(0, hallucination_score=pd.NA, passage_id=pd.NA, abstained=pd.NA)]
    )
    assert table["score"].isna().all()
    assert table["row"][0]["passage_id"] is None


def test_labels_are_not_overwritten_with_nothing(
    server: Server, client: Any, tmp_path: Path
) -> None:
    rows = make_rows(6)
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    where = ("--workspace", WORKSPACE)
    assert cli(server, "push", tmp_path, *where, "--dataset", "kept-labels", "--n", 20)[0] == 0
    for record in server.records("kept-labels")[:3]:
        supported(server, "ann", record)
    code, output = cli(server, "pull", tmp_path, *where, "--dataset", "kept-labels")
    assert code == 0, output
    gold = tmp_path / "review" / "gold.parquet"
    before = gold.read_bytes()

    cli(server, "push", tmp_path, *where, "--dataset", "nobody-yet", "--n", 20)
    push(make_rows(6, seed=9), client=client, dataset="other-rows", workspace=WORKSPACE, n=15)
    rg = import_argilla()
    rg.Dataset(
        "foreign",
        workspace=WORKSPACE,
        settings=rg.Settings(
            fields=[rg.TextField("answer", client=client)],
            questions=[rg.TextQuestion("x", client=client)],
        ),
        client=client,
    ).create()
    answers = len(rows_to_review(rows)[0])
    for name, expected in (
        ("nobody-yet", "holds 3 labelled answers and the pull found none; it was kept"),
        (
            "other-rows",
            f"about some of the {answers} answers in the rows. None of its 15 records is",
        ),
        (
            "foreign",
            "expected a dataset that `review push` made. It differs: field 'passage' is missing",
        ),
    ):
        code, output = cli(server, "pull", tmp_path, *where, "--dataset", name)
        assert code == 2, output
        assert expected in output
        assert gold.read_bytes() == before


def test_a_pull_tells_what_its_labels_do_not_cover(server: Server, client: Any) -> None:
    rows, where = [a_row(n) for n in range(6)], {"dataset": "covers", "workspace": WORKSPACE}
    push(rows, client=client, design="all", **where)
    records = by_row(server, "covers")
    supported(server, "ann", records["r0"])
    server.answer("bob", records["r0"]["id"], {"verdict": "hallucinated", "spans": []})
    server.answer("ann", records["r1"]["id"], {"verdict": "unanswerable", "spans": []})
    supported(server, "ann", records["r2"])
    supported(server, "ann", records["r3"])
    fields = {"question": "Whose?", "passage": "Somebody's.", "answer": "Nobody's."}
    added = server.as_user("olga").post(
        f"/datasets/{_id(server, 'covers')}/records/bulk", json={"items": [{"fields": fields}]}
    )
    assert added.status_code == 201, added.text
    rows[3]["answer"] = "Someone else."
    del rows[5]
    found = pull(rows, client=client, **where)
    gold = found.gold.set_index("id").sort_index()
    assert gold.index.tolist() == ["r0", "r1", "r2"]
    assert gold["gold_hallucinated"].tolist() == [None, None, False]
    assert gold["gold_tie"].tolist() == [True, False, False]
    # r0 and r2 stand for themselves, r1 and r4: the tie has its weight too.
    assert gold["review_weight"].fillna(0).tolist() == [2.0, 0.0, 2.0]
    output = " ".join(found.notes)
    assert "1 tie: in rates each counts half" in output
    assert "1 answer has no label: people said only that the question is unanswerable" in output
    assert "1 record was left out: the answer changed since the push. The new answers" in output
    assert "1 record was left out: the rows no longer have the answer" in output
    assert "1 record that no push made was ignored" in output
    done = push(rows, client=client, **where)  # the design is that of the records
    assert (done.created, done.updated, done.gone, done.changed) == (0, 4, 2, 1)
    assert done.notes[0].startswith("1 record is about an answer that changed since the push")
    assert done.notes[1] == "1 record that no push made was left alone."


def test_lone_surrogates_stop_nothing(server: Server, tmp_path: Path) -> None:
    rows = [a_row(0), a_row(1, answer="It was \ud800 Ines."), a_row(2, id="r2\ud800")]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    where = ("--workspace", WORKSPACE, "--dataset", "surrogates")
    code, output = cli(server, "push", file, *where, "--design", "all")
    assert code == 0, output
    assert "3 records made" in output
    for record in server.records("surrogates"):
        supported(server, "ann", record)
    code, output = cli(server, "pull", file, *where, "--out", tmp_path / "out")
    assert code == 0, output
    gold = pd.read_parquet(tmp_path / "out" / "gold.parquet")
    assert sorted(gold["id"]) == ["r0", "r1", "r2\ufffd"]
    assert "It was \ufffd Ines." in set(gold["answer"])


def test_a_second_push_takes_over_what_the_first_one_set(server: Server, client: Any) -> None:
    rows, where = make_rows(6), {"dataset": "taken-over", "workspace": WORKSPACE}
    push(rows, client=client, design="uncertainty", annotators=2, n=12, **where)
    done = push(rows, client=client, n=18, **where)
    assert (done.created, done.updated) == (6, 12)
    strata = {record["metadata"]["stratum"] for record in server.records("taken-over")}
    assert strata == {"uncertainty/first", "uncertainty/others"}
    # An admin's own property to filter by is no other shape.
    added = server.as_user("olga").post(
        f"/datasets/{_id(server, 'taken-over')}/metadata-properties",
        json={"name": "mine", "title": "Mine", "settings": {"type": "terms"}},
    )
    assert added.status_code == 201, added.text
    assert push(rows, client=client, n=18, **where).updated == 18


def test_names_that_cannot_be_given(client: Any) -> None:
    with pytest.raises(DistilabelUserError, match="expected at most 200 characters"):
        push(make_rows(3), client=client, dataset="x" * 300, workspace=WORKSPACE)
    push(make_rows(3), client=client, dataset="made-twice", workspace=WORKSPACE, n=20)
    again = import_argilla().Dataset(
        "made-twice",
        workspace=find_workspace(client, WORKSPACE),
        settings=make_settings(client),
        client=client,
    )
    with pytest.raises(DistilabelUserError, match="another user is making 'made-twice'"):
        _create(again)
    with pytest.raises(DistilabelUserError, match="workspace: found None, expected one of"):
        push(make_rows(3), client=client, dataset="anywhere")


def test_a_push_smaller_than_its_strata_says_so(server: Server, tmp_path: Path) -> None:
    pd.DataFrame(make_rows(8)).to_parquet(tmp_path / "rows.parquet")
    where = ("--workspace", WORKSPACE, "--dataset", "too-small")
    code, output = cli(server, "push", tmp_path, *where, "--n", 3)
    assert code == 0, output
    assert "n is smaller than the number of strata, so some had no chance: stratified/" in output
    code, output = cli(server, "pull", tmp_path, *where)
    assert code == 0, output
    assert "No reviewer has submitted a response yet, so there is no label for `report`." in output
    assert "Corrected rates" not in output
    code, output = cli(server, "push", tmp_path, *where, "--n", 40)
    assert "no chance" not in output
    assert all("weight" in record["metadata"] for record in server.records("too-small"))


def test_lone_surrogates_in_dicts_stop_nothing(client: Any, server: Server) -> None:
    rows = [a_row(0), a_row(1, answer="It was \ud800 🎉 Ines."), a_row(2, id="r2\ud800")]
    where = {"dataset": "surrogates-in-dicts", "workspace": WORKSPACE}
    assert push(rows, client=client, design="all", **where).created == 3
    for record in server.records("surrogates-in-dicts"):
        shown = record["fields"]["answer"]
        values = {"verdict": "partly", "spans": [], "corrected_answer": f"{shown} Really."}
        server.answer("ann", record["id"], values)
    found = pull(rows, client=client, **where)
    gold = found.gold.set_index("id")["gold_answer"]
    assert gold["r1"] == "It was \ufffd 🎉 Ines. Really."
    assert set(gold.index) == {"r0", "r1", "r2\ufffd"}
