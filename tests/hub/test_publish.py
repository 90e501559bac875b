"""Publishing to a Hub on this machine, with the real clients: what is there, and what is read."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers.fresh import RAG4RAG, run_program
from helpers.local_hub import LocalHub
from helpers.publish_runs import load, load_by_step, load_equal, marked_rows, push, table, write_run

from distilabel_rag4rag import load_rows
from distilabel_rag4rag.schema import BY_NAME, arrow_schema

ARMS = ("zero_shot", "gold_context", "rag4rag")
PRODUCTS = ("kept", "pairs", "passage_pairs", "corpus", "queries", "qrels")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on twelve passages, its folder."""
    return write_run(tmp_path_factory.mktemp("run") / "towns", marked_rows())


@pytest.fixture(scope="module")
def rows(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / "rows.parquet").to_pylist()


def card(hub: LocalHub, repo: str, revision: str = "main") -> tuple[dict[str, Any], str]:
    text = hub.repos[repo].files(revision)["README.md"].decode()
    head, body = re.fullmatch(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL).groups()
    return yaml.safe_load(head), body


def by_id(found: dict[str, list[dict]]) -> list[dict]:
    return sorted((row for part in found.values() for row in part), key=lambda row: row["id"])


def test_every_config_is_read_back_with_equal_rows(
    local_hub: LocalHub, run: Path, rows: list[dict]
) -> None:
    local_hub.call(push, run, "ann/equal")
    head, _ = card(local_hub, "ann/equal")
    assert [c["config_name"] for c in head["configs"]] == sorted([*ARMS, *PRODUCTS])
    for arm in ARMS:
        expected = [row for row in rows if row["arm"] == arm]
        found = local_hub.call(load, "ann/equal", arm)
        assert by_id(found) == sorted(expected, key=lambda row: row["id"])
        for split in found:
            by_step = local_hub.call(load_by_step, "ann/equal", arm, split)
            assert by_step == found[split]
    assert local_hub.call(load, "ann/equal") == local_hub.call(load, "ann/equal", "rag4rag")
    kept = [r for r in rows if r["arm"] == "rag4rag" and r["keep_row_after_grounding"]]
    assert by_id(local_hub.call(load, "ann/equal", "kept")) == kept
    pairs = [p for part in local_hub.call(load, "ann/equal", "pairs").values() for p in part]
    assert {(p["anchor"], p["positive"]) for p in pairs} == {
        (r["question"], r["answer"]) for r in kept
    }
    [corpus] = local_hub.call(load, "ann/equal", "corpus").values()
    assert {(p["_id"], p["title"], p["text"]) for p in corpus} == {
        (f"d-{r['passage_id']}", r["title"], r["context"]) for r in rows
    }
    qrels = [q for part in local_hub.call(load, "ann/equal", "qrels").values() for q in part]
    assert {(q["query-id"], q["corpus-id"], q["score"]) for q in qrels} == {
        (f"q-{r['id']}", f"d-{r['passage_id']}", 1) for r in kept
    }
    [queries] = local_hub.call(load, "ann/equal", "queries").values()
    assert {(q["_id"], q["text"]) for q in queries} == {
        (f"q-{r['id']}", r["question"]) for r in kept
    }


def test_no_passage_stands_in_two_splits(local_hub: LocalHub, run: Path) -> None:
    local_hub.call(push, run, "ann/splits")
    split_of: dict[str, set[str]] = {}
    for config in (*ARMS, "kept"):
        for split, part in local_hub.call(load, "ann/splits", config).items():
            for row in part:
                for key in (row["passage_id"], row["title"], row["context"], row["id"]):
                    split_of.setdefault(key, set()).add(split)
    assert {len(splits) for splits in split_of.values()} == {1}
    counts = {
        s: sum(s in found for found in split_of.values()) for s in ("train", "validation", "test")
    }
    assert all(counts.values())
    assert counts["train"] > counts["test"]


def test_one_commit_and_the_card_says_what_is_there(local_hub: LocalHub, run: Path) -> None:
    local_hub.call(push, run, "ann/card", title="Towns *and* rivers")
    repo = local_hub.repos["ann/card"]
    assert repo.messages == ["initial commit", "Publish with rag4rag"]
    head, body = card(local_hub, "ann/card")
    summary = json.loads((run / "summary.json").read_text())
    assert head["license"] == "cc-by-4.0"
    assert head["language"] == ["en"]
    assert head["size_categories"] == ["n<1K"]
    assert head["task_categories"] == [
        "question-answering",
        "sentence-similarity",
        "text-retrieval",
    ]
    assert head["tags"] == ["synthetic", "distilabel", "rag4rag"]
    assert head["pretty_name"] == "Towns *and* rivers"
    assert "# Towns \\*and\\* rivers" in body
    rate = summary["arms"]["rag4rag"]["hallucination_rate"]
    low, high = summary["arms"]["rag4rag"]["hallucination_rate_ci"]
    assert f"{100 * rate:.1f}% \\[{100 * low:.1f}, {100 * high:.1f}\\]" in body
    for expected in ("invented towns, for tests", "distilabel 1.5.3", "synthetic", "2502.17125"):
        assert expected in body
    infos = {info["config_name"]: info for info in head["dataset_info"]}
    sizes = {s["name"]: s["num_examples"] for s in infos["rag4rag"]["splits"]}
    assert sum(sizes.values()) == 36
    assert set(repo.files()) >= {"run/run.json", "run/summary.json", "run/pipelines/rag4rag.yaml"}


def test_a_dry_run_writes_what_is_sent_to_the_byte(
    local_hub: LocalHub, run: Path, tmp_path: Path
) -> None:
    terms = (
        "--license",
        "cc-by-4.0",
        "--language",
        "en",
        "--passages",
        "invented towns, for tests",
    )
    before = len(local_hub.requests)
    done = local_hub.rag4rag("publish", run, "ann/dry", *terms, "--dry-run", "-o", tmp_path / "dry")
    assert done.returncode == 0, done.stderr
    assert {r.method for r in local_hub.requests[before:]} == {"GET"}
    local_hub.call(push, run, "ann/dry")
    written = {
        path.relative_to(tmp_path / "dry").as_posix(): path.read_bytes()
        for path in (tmp_path / "dry").rglob("*")
        if path.is_file()
    }
    sent = local_hub.repos["ann/dry"].files()
    assert written == {name: data for name, data in sent.items() if name != ".gitattributes"}
    for name, data in written.items():
        assert re.search(rf"{len(data):,}\s+{re.escape(name)}$", done.stdout, re.MULTILINE)


def test_publishing_the_same_again_changes_nothing(local_hub: LocalHub, run: Path) -> None:
    first, changed, _ = local_hub.call(push, run, "ann/twice")
    assert changed
    assert local_hub.call(push, run, "ann/twice") == (first, False, [])
    assert len(local_hub.repos["ann/twice"].commits) == 2


def test_publishing_another_run_replaces_ours_and_nothing_else(
    local_hub: LocalHub, run: Path, tmp_path: Path
) -> None:
    local_hub.call(push, run, "ann/again", shard_rows=5)
    repo = local_hub.repos["ann/again"]
    [shard] = [n for n in repo.files() if n.startswith("rag4rag/train-00003-of-0000")]
    edit(local_hub, "ann/again", {"notes.txt": b"mine"})
    few = marked_rows(6, arms=("zero_shot", "rag4rag"))
    fewer = write_run(tmp_path / "fewer", few)
    local_hub.call(push, fewer, "ann/again", configs=["rag4rag", "zero_shot", "notebook"])
    after = set(repo.files())
    assert not any(name.startswith(("gold_context/", "kept/", "corpus/")) for name in after)
    assert shard not in after
    assert repo.files()["notes.txt"] == b"mine"
    head, _ = card(local_hub, "ann/again")
    assert [c["config_name"] for c in head["configs"]] == ["notebook", "rag4rag", "zero_shot"]
    assert [i["config_name"] for i in head["dataset_info"]] == ["notebook", "rag4rag", "zero_shot"]
    notebook = local_hub.call(load, "ann/again", "notebook")
    rag = {r["question"]: r for r in few if r["arm"] == "rag4rag"}
    for row in (row for part in notebook.values() for row in part):
        source = rag[row["anchor"]]
        spans = source["hallucinated_spans"]
        assert row == {
            "anchor": source["question"],
            "human_positive": source["human_answer"],
            "synthetic_positive": source["answer"],
            "hallucinated_span": spans[0]["text"] if spans else None,
            "confidence": spans[0]["confidence"] if spans else None,
        }


def edit(hub: LocalHub, name: str, files: dict[str, bytes]) -> None:
    """A person's commit."""
    from helpers.local_hub_store import File

    repo = hub.repos[name]
    there = repo.commits[repo.branches["main"]]
    new = {path: File(data, False) for path, data in files.items()}
    repo.commit("main", {**there, **new}, "by hand")


def test_what_a_person_wrote_in_the_card_stays(
    local_hub: LocalHub, run: Path, tmp_path: Path
) -> None:
    local_hub.call(push, run, "ann/edited")
    text = local_hub.repos["ann/edited"].files()["README.md"].decode()
    text = text.replace("# edited\n", "# My title\n\nMy words, on /home/page.\n")
    text = text.replace("- synthetic\n", "- synthetic\n- mine\n")
    text = text.replace("pretty_name: edited\n", "pretty_name: My title\nannotations: [a, b]\n")
    edit(local_hub, "ann/edited", {"README.md": (text + "\nMy last word.\n").encode()})
    other = write_run(tmp_path / "other", marked_rows(9))
    local_hub.call(push, other, "ann/edited")
    head, body = card(local_hub, "ann/edited")
    assert head["tags"] == ["synthetic", "mine", "distilabel", "rag4rag"]
    assert head["pretty_name"] == "My title"
    assert head["annotations"] == ["a", "b"]
    assert body.startswith("\n# My title\n\nMy words, on /home/page.\n\n<!-- rag4rag")
    assert body.rstrip().endswith("-->\n\nMy last word.")
    assert body.count("## Citation") == 1
    assert "27 questions" in body or "train (" in body
    sizes = [
        s["num_examples"]
        for i in head["dataset_info"]
        if i["config_name"] == "rag4rag"
        for s in i["splits"]
    ]
    assert sum(sizes) == 27


def test_a_card_without_our_markers_keeps_every_word(local_hub: LocalHub, run: Path) -> None:
    from helpers.local_hub_store import Repo

    repo = local_hub.repos["ann/theirs"] = Repo(False)
    repo.commit("main", {}, "initial commit")
    edit(local_hub, "ann/theirs", {"README.md": b"# Theirs\n\nAll of it.\n"})
    local_hub.call(push, run, "ann/theirs")
    head, body = card(local_hub, "ann/theirs")
    assert body.startswith("\n# Theirs\n\nAll of it.\n\n<!-- rag4rag")
    assert head["license"] == "cc-by-4.0"


def test_files_without_config_are_never_overwritten(local_hub: LocalHub, run: Path) -> None:
    from helpers.local_hub_store import Repo

    repo = local_hub.repos["ann/taken"] = Repo(False)
    repo.commit("main", {}, "initial commit")
    edit(local_hub, "ann/taken", {"kept/mine.csv": b"a,b\n"})
    before = repo.files()
    with pytest.raises(Exception, match=r"holds files of others .*: kept\."):
        local_hub.call(push, run, "ann/taken")
    assert repo.files() == before


def test_private_and_a_revision(local_hub: LocalHub, run: Path) -> None:
    local_hub.call(push, run, "ann/hidden", private=True)
    assert local_hub.repos["ann/hidden"].private
    assert local_hub.call(load, "ann/hidden", "kept")
    local_hub.call(push, run, "ann/branched", configs=["rag4rag"])
    main = local_hub.repos["ann/branched"].files()
    local_hub.call(push, run, "ann/branched", revision="v2", configs=["zero_shot"])
    assert local_hub.repos["ann/branched"].files() == main
    head, _ = card(local_hub, "ann/branched", "v2")
    assert [c["config_name"] for c in head["configs"]] == ["zero_shot"]
    assert len(by_id(local_hub.call(load, "ann/branched", "zero_shot", revision="v2"))) == 36
    with pytest.raises(Exception, match="is public, and `private` was asked for"):
        local_hub.call(push, run, "ann/branched", private=True)


def test_a_run_on_the_sample_world_from_the_command_line(
    local_hub: LocalHub, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    scripted = ("--llm", "distilabel_rag4rag.testing.ScriptedLLM", "--llm-set", "default=Ambleth")
    done = run_program(
        RAG4RAG, "compare", "--arms", "gold_context", "--limit", 6, *scripted, "--out", out
    )
    assert done.returncode == 0, done.stderr
    done = local_hub.rag4rag("publish", out, "lab/world")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith(f"Published: {local_hub.url}/datasets/lab/world")
    head, body = card(local_hub, "lab/world")
    assert (head["license"], head["language"]) == ("cc0-1.0", ["en"])
    assert "GroundedAnswerGeneration" in body
    assert "![hallucination rate](assets/hallucination_rate.png)" in body
    assert local_hub.repos["lab/world"].files()["assets/hallucination_rate.png"][:4] == b"\x89PNG"
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    for arm in ("gold_context", "human"):
        mine = [row for row in rows if row["arm"] == arm]
        assert by_id(local_hub.call(load, "lab/world", arm)) == sorted(mine, key=lambda r: r["id"])

    done = local_hub.rag4rag("report", "lab/world", "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    ours = json.loads((out / "summary.json").read_text())
    assert json.loads((tmp_path / "report" / "summary.json").read_text()) == ours
    done = local_hub.rag4rag(
        *("compare", "lab/world", "--arms", "gold_context", *scripted, "--out", tmp_path / "b")
    )
    assert done.returncode == 0, done.stderr
    again = pq.read_table(tmp_path / "b" / "rows.parquet").to_pylist()
    columns = ("arm", "id", "passage_id", "title", "context", "question", "human_answer", "answer")
    contents = [sorted(tuple(row[c] for c in columns) for row in rs) for rs in (rows, again)]
    assert contents[0] == contents[1]


def test_shapes_that_break_other_cards(local_hub: LocalHub, tmp_path: Path) -> None:
    nothing = marked_rows(4)
    for row in nothing:
        row |= {"hallucinated_spans": None, "hallucination_score": None, "title": None}
        row |= {"keep_row_after_grounding": None}
    local_hub.call(push, write_run(tmp_path / "nulls", nothing), "ann/nulls")
    found = local_hub.call(load, "ann/nulls", "rag4rag")
    assert [row["hallucinated_spans"] for row in by_id(found)] == [None] * 12
    head, _ = card(local_hub, "ann/nulls")
    assert {c["config_name"] for c in head["configs"]} == {*ARMS, "corpus"}
    local_hub.call(push, write_run(tmp_path / "full", marked_rows(4)), "ann/full-types")
    full, _ = card(local_hub, "ann/full-types")
    types = [
        next(i["features"] for i in h["dataset_info"] if i["config_name"] == "rag4rag")
        for h in (head, full)
    ]
    assert types[0] == types[1]

    one = [row for row in marked_rows(1) if row["arm"] == "rag4rag"][:1]
    local_hub.call(push, write_run(tmp_path / "one", one), "ann/one")
    assert local_hub.call(load, "ann/one", "rag4rag") == {"train": table(one).to_pylist()}

    whole = write_run(tmp_path / "gap", marked_rows(4))
    left = [row for row in marked_rows(4) if row["arm"] != "gold_context"]
    pq.write_table(table(left), whole / "rows.parquet")
    _, _, notes = local_hub.call(push, whole, "ann/gap")
    assert notes == ["The arm gold_context has no rows."]
    assert "- The arm gold\\_context has no rows." in card(local_hub, "ann/gap")[1]
    pq.write_table(table([]), whole / "rows.parquet")
    with pytest.raises(Exception, match="found no rows, expected at least one"):
        local_hub.call(push, whole, "ann/empty")
    assert "ann/empty" not in local_hub.repos


def push_datasets(kind: str) -> Any:
    """Publishes a Distiset with an image, datetimes, an empty config, null columns and classes."""
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
    from PIL import Image as Picture

    from distilabel_rag4rag.hub import SafeDistiset

    day = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    features = Features(
        {
            "when": Value("timestamp[us, tz=UTC]"),
            "picture": Image(),
            "nothing": Value("null"),
            "label": ClassLabel(names=["no", "yes"]),
            "hallucinated_spans": Value("null"),
        }
    )
    picture = Picture.new("RGB", (4, 4), "red")
    row = {"when": day, "picture": picture, "nothing": None, "label": 1, "hallucinated_spans": None}
    full = Dataset.from_list([row] * 3, features=features)
    empty = Dataset.from_dict({"a": []}, features=Features({"a": Value("string")}))
    split_card = DatasetDict(train=full.select([0, 1]), test=full.select([2]))
    safe = SafeDistiset({"full": full, "none": empty, "split_card": split_card})
    terms = {"license": "mit", "language": "en,de", "passages": "none"}
    return safe.push_to_hub("ann/shapes", **terms).prepared.notes


def test_images_are_left_out_and_datetimes_and_classes_stay(local_hub: LocalHub) -> None:
    notes = local_hub.call(push_datasets, "")
    assert notes == [
        "full: the column picture (Image) is left out.",
        "split_card: the column picture (Image) is left out.",
        "split_card: the splits are as they came, not made by document.",
        "none: no rows, left out.",
    ]
    row = {
        "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "nothing": None,
        "label": 1,
        "hallucinated_spans": None,
    }
    assert local_hub.call(load, "ann/shapes", "full") == {"train": [row] * 3}
    assert local_hub.call(load, "ann/shapes", "split_card") == {"train": [row] * 2, "test": [row]}
    head, _ = card(local_hub, "ann/shapes")
    infos = {i["config_name"]: i for i in head["dataset_info"]}
    assert "none" not in infos
    names = {f["name"]: f for f in infos["full"]["features"]}
    assert names["label"]["dtype"]["class_label"]["names"] == {"0": "no", "1": "yes"}
    assert names["nothing"]["dtype"] == "string"
    assert [f["name"] for f in names["hallucinated_spans"]["list"]] == [
        "start",
        "end",
        "text",
        "confidence",
    ]
    assert head["language"] == ["en", "de"]


def test_fifty_thousand_rows_in_shards(local_hub: LocalHub, tmp_path: Path) -> None:
    n = 50_000
    columns: dict[str, Any] = {name: pa.nulls(n, c.type) for name, c in BY_NAME.items()}
    columns |= {
        "arm": ["rag4rag"] * n,
        "id": [f"q{i}" for i in range(n)],
        "passage_id": [f"p{i // 10}" for i in range(n)],
        "context": [f"Passage number {i // 10}." for i in range(n)],
        "question": [f"What is {i}?" for i in range(n)],
        "answer": [str(i) for i in range(n)],
        "keep_row_after_grounding": [i % 2 == 0 for i in range(n)],
    }
    folder = tmp_path / "many"
    folder.mkdir()
    many = pa.table([pa.array(columns[f.name], f.type) for f in arrow_schema()], arrow_schema())
    pq.write_table(many, folder / "rows.parquet")
    (folder / "summary.json").write_text("{}")
    local_hub.call(push, folder, "ann/many", configs=["rag4rag"])
    names = [n for n in local_hub.repos["ann/many"].files() if n.startswith("rag4rag/train")]
    assert names == ["rag4rag/train-00000-of-00002.parquet", "rag4rag/train-00001-of-00002.parquet"]
    sizes = local_hub.call(load_equal, "ann/many", "rag4rag", folder / "rows.parquet")
    assert sum(sizes.values()) == n
    head, _ = card(local_hub, "ann/many")
    assert head["size_categories"] == ["10K<n<100K"]
    assert sizes["test"] >= 5000
    assert sizes["validation"] >= 5000


def test_what_a_pipeline_returned_and_what_it_saved(local_hub: LocalHub, tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "helpers" / "publish_runs.py"
    env = {**os.environ, "DISTILABEL_LOG_LEVEL": "INFO"}
    done = local_hub.programs.run(script, "ann/pipeline", tmp_path / "saved", env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    files = local_hub.repos["ann/pipeline"].files()
    pipeline = yaml.safe_load(files["run/pipeline.yaml"])
    assert pipeline["pipeline"]["name"].startswith("published")
    assert files["run/pipeline.log"].strip()
    assert str(tmp_path).encode() not in local_hub.sent()
    loaded = local_hub.call(load, "ann/pipeline")
    ids = [row["id"] for part in loaded.values() for row in part]
    assert sorted(ids) == sorted(load_rows(limit=20)["id"])
    local_hub.call(push, tmp_path / "saved", "ann/saved")
    assert local_hub.call(load, "ann/saved") == loaded


def test_nothing_left_the_machine(local_hub: LocalHub) -> None:
    assert local_hub.went() == {"127.0.0.1"}
    foreign = {r.path for r in local_hub.requests if not r.path.startswith("/")}
    # The data sets' viewer, asked through the proxy that is this server: refused here.
    assert all(path.startswith("http://datasets-server.127.0.0.1") for path in foreign)
    assert not [r for r in local_hub.requests if r.method == "CONNECT"]
