"""Nothing private leaves: planted keys and paths, and every byte that reached the server."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Dataset
from distilabel.distiset import Distiset
from distilabel.errors import DistilabelUserError
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts, PushToHub
from distilabel.steps.tasks import TextGeneration
from helpers.local_hub import LocalHub
from helpers.publish_runs import TERMS, marked_rows, table, write_run

from distilabel_rag4rag.hub import PublishError, SafeDistiset, dry_run, publish
from distilabel_rag4rag.hub.scan import Scanner, without_paths

#: Keys of no service, put together so that no scanner of this repository takes them for real.
HUB_TOKEN = "hf_" + "q7" * 17
PLAIN = "correct-horse-battery-staple"
OPENAI = "sk-" + "proj-a1B2" * 5
HOME = "/home/ann/secret-client/acme notes.txt"


def publish_with(environment: dict[str, str], source: Any, repo: str) -> None:
    """With secrets in the environment."""
    os.environ.update(environment)
    try:
        publish(source, repo, **TERMS)
    finally:
        for name in environment:
            del os.environ[name]


def assert_refused(
    hub: LocalHub, source: Any, repo: str, where: str, planted: str, **environment: str
) -> None:
    """The publication stops, names the place, does not repeat the secret, and sends nothing."""
    with pytest.raises(PublishError) as failed:
        hub.call(publish_with, environment, source, repo)
    assert failed.value.step == "looking for secrets"
    assert where in str(failed.value)
    assert planted not in str(failed.value)
    assert repo not in hub.repos
    assert planted.encode() not in hub.sent()


def saved_pipeline(path: Path, **push: Any) -> Path:
    """A pipeline of distilabel's own steps, with a token as a parameter if one is given."""
    with Pipeline(name="planted") as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": "Say it."}])
        ask = TextGeneration(llm=OpenAILLM(model="gpt-4o-mini", api_key="sk-unused-1234567890"))
        load >> ask >> PushToHub(repo_id="ann/x", **push)
    pipeline.save(path, format="yaml")
    return path


def distiset(folder: Path, pipeline: Path, log: str) -> SafeDistiset:
    rows = Distiset({"default": Dataset.from_list([{"question": "Who?"}])})
    (folder / "pipeline.log").write_text(log)
    rows.pipeline_path, rows.log_filename_path = pipeline, folder / "pipeline.log"
    return SafeDistiset(rows)


def test_a_token_as_a_parameter_of_a_step(local_hub: LocalHub, tmp_path: Path) -> None:
    for name, token in (("form", HUB_TOKEN), ("field", PLAIN)):
        pipeline = saved_pipeline(tmp_path / f"{name}.yaml", token=token)
        assert token in pipeline.read_text()  # distilabel writes it in clear
        where = "run/pipeline.yaml, " + ("line" if name == "form" else "field")
        assert_refused(
            local_hub, distiset(tmp_path, pipeline, ""), f"ann/token-{name}", where, token
        )


def test_a_secret_of_the_environment_in_settings_rows_and_log(
    local_hub: LocalHub, tmp_path: Path
) -> None:
    secret = {"MY_SERVICE_PASSWORD": PLAIN}
    run = write_run(tmp_path / "set", marked_rows(3), llm_set=[f"default_headers.X={PLAIN}"])
    where = "run/run.json, line 1: found the value of the environment variable MY_SERVICE_PASSWORD"
    assert_refused(local_hub, run, "ann/set", where, PLAIN, **secret)

    rows = marked_rows(3)
    rows[4]["hallucinated_spans"] = [{"start": 0, "end": 9, "text": f"x {PLAIN}", "confidence": 1}]
    run = write_run(tmp_path / "rows", rows)
    where = "column hallucinated_spans"
    assert_refused(local_hub, run, "ann/rows", where, PLAIN, **secret)

    safe = distiset(tmp_path, saved_pipeline(tmp_path / "p.yaml"), f"a\nlogged in with {PLAIN}\n")
    assert_refused(local_hub, safe, "ann/log", "run/pipeline.log, line 2", PLAIN, **secret)


@pytest.mark.parametrize(
    "planted",
    [
        HUB_TOKEN,
        OPENAI,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "Authorization: Bearer " + "abc123def456ghi789",
        "https://ann:" + "hunter22@example.org/v1",
    ],
)
def test_keys_are_known_by_their_form(planted: str, tmp_path: Path) -> None:
    rows = marked_rows(2)
    rows[0]["context"] = f"A passage with {planted} in it."
    with pytest.raises(PublishError, match="rag4rag/train, column context, row q000-0: found what"):
        Scanner().rows(table(rows), "rag4rag/train")


def test_ordinary_text_is_no_secret() -> None:
    for text in (
        "The risk-management-committee-of-1998 met in the sk-language-speaking-regions.",
        "input_tokens: 12, the tokenizer's token_budget, a bearer of good news to the town",
        "https://example.org:8080/a/b@c and ann@example.org, hf_hub_download, key=value",
    ):
        assert Scanner().secret_in(text) is None
    pipeline = "steps:\n- token: null\n  max_new_tokens: 9\n  tokenizer: abc\n  use_token: true\n"
    assert Scanner().text(pipeline, "p.yaml") == pipeline


def test_local_paths_are_taken_out_and_urls_stay(local_hub: LocalHub, tmp_path: Path) -> None:
    log = f"Reading {HOME.split()[0]}\nGET https://host.org/home/page 200\n~/data/x.csv\nand/or\n"
    pipeline = saved_pipeline(tmp_path / "p.yaml")
    text = pipeline.read_text().replace("ann/x", HOME)
    pipeline.write_text(text)
    local_hub.call(publish_with, {}, distiset(tmp_path, pipeline, log), "ann/paths")
    files = local_hub.repos["ann/paths"].files()
    assert files["run/pipeline.log"].decode() == (
        "Reading <local path>\nGET https://host.org/home/page 200\n<local path>\nand/or\n"
    )
    sent = yaml.safe_load(files["run/pipeline.yaml"])
    steps = {step["name"]: step["step"] for step in sent["pipeline"]["steps"]}
    assert steps["push_to_hub_0"]["repo_id"] == "<local path>"
    assert steps["text_generation_0"]["llm"]["model"] == "gpt-4o-mini"

    rows = marked_rows(3)
    rows[0] |= {"answer": None, "answer_reason": f"FileNotFoundError: '{HOME.split()[0]}'"}
    rows[0]["context"] = "The scroll says /etc/passwd and C:\\Users\\ann are old names."
    run = write_run(tmp_path / "run", rows, source=HOME, corpus="C:\\Users\\ann\\corpus")
    local_hub.call(publish_with, {}, run, "ann/reasons")
    settings = json.loads(local_hub.repos["ann/reasons"].files()["run/run.json"])["settings"]
    assert (settings["source"], settings["corpus"]) == ("<local path>", "<local path>")
    sent = local_hub.sent()
    for gone in (b"secret-client", b"acme", b"ann\\corpus", str(tmp_path).encode()):
        assert gone not in sent
    assert b"The scroll says /etc/passwd" in sent  # the documents stay as they are
    assert b"FileNotFoundError: '<local path>'" in sent


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("in /tmp/x/y.parquet, and", "in <local path>, and"),
        ("file:///var/log/a", "<local path>"),
        ("'C:\\data\\b.txt'", "'<local path>'"),
        ("\\\\server\\share\\c", "<local path>"),
        ("src/distilabel_rag4rag/cli.py", "src/distilabel_rag4rag/cli.py"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("1/2 and a/b </p> and/or", "1/2 and a/b </p> and/or"),
        ("hf://datasets/a/b and s3://a/home/b", "hf://datasets/a/b and s3://a/home/b"),
        ("C:/Users/ann/x.json", "<local path>"),
        ("read C:\\Users\\Ann Lee\\x.json today", "read <local path> today"),
        ("read /home/ann lee/x.json today", "read <local path> today"),
        ("file:///C:/Users/ann/x", "<local path>"),
        ("sqlite:////home/ann/x.db", "<local path>"),
        ("P=/opt/a:/home/ann/b", "P=<local path>:<local path>"),
        ("-I/home/ann/x", "-I<local path>"),
        ("Model(/nas/ann/m)", "Model(<local path>)"),
        ("TransformersLLM:/gpfs/ann/m", "TransformersLLM:<local path>"),
        ("../ann-project/x.json", "<local path>"),
        ("a/../ann/x", "<local path>"),
        ("~ann/x", "<local path>"),
        ("\\\\wsl$\\Ubuntu\\home\\ann\\x", "<local path>"),
        ("http://127.0.0.1:8000/tmp/x", "http://127.0.0.1:8000/tmp/x"),
    ],
)
def test_what_is_a_local_path(text: str, clean: str) -> None:
    assert without_paths(text) == clean


def test_a_model_in_a_local_folder_is_named_by_its_last_part(tmp_path: Path) -> None:
    rows = marked_rows(3)
    for row in rows:
        row["model_name"] = "/home/ann/models/tiny v2"
    run = write_run(tmp_path / "run", rows, source="acme/data/towns.jsonl")
    done = dry_run(run, "ann/x", tmp_path / "out", **TERMS)
    assert "model_name: of a model in a local folder, only the last part." in done.notes
    data = pq.read_table(tmp_path / "out" / "rag4rag" / "train-00000-of-00001.parquet")
    assert set(data["model_name"].to_pylist()) == {"tiny v2"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Answers by tiny v2." in card
    assert "model\\_name: of a model in a local folder" in card
    assert "| source | towns.jsonl |" in card
    assert "acme" not in card


def test_a_token_as_an_argument_is_refused() -> None:
    safe = SafeDistiset({"default": Dataset.from_list([{"a": 1}])})
    with pytest.raises(DistilabelUserError, match="token: found one, expected None") as failed:
        safe.push_to_hub("ann/x", token=HUB_TOKEN)  # type: ignore[arg-type]
    assert HUB_TOKEN not in str(failed.value)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, which is not published."""
    return write_run(tmp_path_factory.mktemp("run") / "run", marked_rows(2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"license": None}, "license: found None, expected for example cc-by-4.0"),
        ({"language": ""}, "language: found ''"),
        ({"passages": None}, "passages: found None"),
        ({"license": "CC BY"}, "license: found 'CC BY'"),
        ({"language": "english"}, r"language: found \['english'\]"),
        ({"configs": ["kept", "best"]}, r"configs: found \['best'\], expected some of"),
        ({"shard_rows": 0}, "shard_rows: found 0"),
    ],
)
def test_settings_are_checked_before_anything_else(
    run: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", HUB_TOKEN)
    with pytest.raises(DistilabelUserError, match=message):
        publish(run, "ann/x", **{**TERMS, **settings})


@pytest.mark.parametrize(
    ("source", "repo", "message"),
    [
        ("nowhere", "ann/x", "source: found 'nowhere', expected a folder with the rows.parquet"),
        ({}, "ann/x", "source: found dict"),
        ({"a": 1}, "ann/x", "'a' is a int, expected a Dataset"),
        ({"assets": Dataset.from_list([{"a": 1}])}, "ann/x", "the name 'assets' is taken"),
        (
            {"a b": Dataset.from_list([{"a": 1}])},
            "ann/x",
            "configs: found 'a b', expected",
        ),
        (Dataset.from_dict({"a": []}), "ann/x", "found no rows"),
        ({}, "x", "repo_id: found 'x', expected OWNER/NAME"),
        ({}, "a/b/c", "repo_id: found 'a/b/c'"),
    ],
)
def test_sources_and_names_are_checked(
    monkeypatch: pytest.MonkeyPatch, source: Any, repo: str, message: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", HUB_TOKEN)
    with pytest.raises(DistilabelUserError) as failed:
        publish(source, repo, **TERMS)
    assert message in str(failed.value)


def test_an_arm_named_like_a_product_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", HUB_TOKEN)
    run = write_run(tmp_path / "run", marked_rows(2))
    rows = pq.read_table(run / "rows.parquet").to_pylist()
    pq.write_table(table([row | {"arm": "Kept"} for row in rows[::3]]), run / "rows.parquet")
    with pytest.raises(DistilabelUserError, match="the name 'Kept' is taken"):
        publish(run, "ann/x", **TERMS)
