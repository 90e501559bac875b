"""What is taken for a secret, and what is not: names, forms, values, and a way out."""

import json
import time
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from datasets import ClassLabel, Dataset, Features, Value
from distilabel.errors import DistilabelUserError
from helpers.publish_runs import TERMS, marked_rows, table, write_run

from distilabel_rag4rag.hub import PublishError, dry_run
from distilabel_rag4rag.hub.scan import Scanner
from distilabel_rag4rag.hub.secret_patterns import PATTERNS, SecretPattern, secret_form
from distilabel_rag4rag.utils.secrets import is_secret_name

#: Hexadecimal, so that only the name it stands under tells what it is.
PLAIN = "abcdef01" * 4


def refusal_of(text: str, name: str, *accept: str) -> str:
    """Why a text is refused; empty if it is not."""
    try:
        Scanner(accept).text(text, name)
    except PublishError as error:
        message = str(error)
    else:
        return ""
    assert PLAIN not in message
    return message


@pytest.mark.parametrize(
    "name",
    [
        *("X-Api-Key", "api-key", "Ocp-Apim-Subscription-Key", "Cookie", "api_keys", "accessToken"),
        *("clientSecret", "pwd", "apikey", "openai_key", "api_key_1", "passphrase", "db.password"),
        *(
            "Authorization",
            "credentials",
            "connection_string",
            "connectionString",
            "TOKEN",
            "dbpass",
        ),
    ],
)
def test_names_of_secrets(name: str) -> None:
    values = (PLAIN, [PLAIN], {"value": PLAIN}, 1234567899)
    for value in values:
        assert f"field llm.{name}" in refusal_of(yaml.safe_dump({"llm": {name: value}}), "p.yaml")
    pair = json.dumps({"parameters": [{"name": name, "value": PLAIN}]})
    assert f"field parameters.0.{name}: found a value" in refusal_of(pair, "run.json")
    setting = json.dumps({"llm_set": [f"{name}={PLAIN}", f"a={json.dumps({name: PLAIN})}"]})
    assert f"field llm_set.0.{name}: found a value" in refusal_of(setting, "run.json")
    inner = json.dumps({"llm_set": [f"headers={json.dumps({name: PLAIN})}"]})
    assert f"field llm_set.0.headers.{name}: found a value" in refusal_of(inner, "run.json")
    if "." not in name:
        for line in (f"call {name}={PLAIN} failed", f"{{'{name}': '{PLAIN}'}}"):
            assert "line 2: found a value under" in refusal_of(f"a\n{line}\n", "run/pipeline.log")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("max_new_tokens", 128),
            ("input_tokens", [1, 2]),
            ("output_tokens", 7),
            ("tokenizer", "a"),
        ),
        *(
            ("pad_token", "<pad>"),
            ("eos_token_id", 2),
            ("keep_columns", ["a"]),
            ("use_token", True),
        ),
        *(
            ("token", None),
            ("api_key", ""),
            ("api_key", "**********"),
            ("api_key", "${OPENAI_KEY}"),
        ),
        *(("keys", [{"name": "a"}]), ("pass_rate", 0.5), ("token_count", 9), ("keyword", "town")),
        *(("api_key_env_var", "OPENAI_API_KEY"), ("monkey", "ape"), ("primary_key", "id")),
    ],
)
def test_names_of_other_things(name: str, value: object) -> None:
    assert refusal_of(yaml.safe_dump({"step": {name: value}}), "p.yaml") == ""


@pytest.mark.parametrize(
    "planted",
    [
        *("redis://:s3cretpass@host:6379/0", "https://s3cretpass99@host/v1"),
        *("HTTPS://bob:s3cretpass@host/v1", "https://bob:s3cret/pass@host/v1"),
        *("https://h/v1?api_key=abcdef0123456789", "https://h/x?a=b&X-Amz-Signature=abcdef0123"),
        "https://hooks.slack.com/services/" + "T00000000/B00000000/" + "Ab1" * 8,
        "AccountName=x;AccountKey=" + "abc123" * 4 + "==",
        *("Basic dXNlcjpwYXNzd29yZA==", "my_hf_" + "Wq" * 17, "csk-" + "abcdEFGH1234" * 2),
        *("jina_" + "abcdEFGH1234" * 2, "tvly-" + "abcdEFGH1234abcd", "npm_" + "abcdEFGH1234" * 3),
        *("dapi" + "0123456789abcdef" * 2, "ya29." + "a0AfH6SMabcdEFGH1234", "SK" + "01ab" * 8),
        *("SG." + "a1" * 11 + "." + "b2" * 21 + "c", "sk-" + "abcdefghij" * 3),
    ],
)
def test_forms_of_secrets(planted: str) -> None:
    rows = marked_rows(2)
    rows[4]["context"] = f"A passage with {planted} in it."
    with pytest.raises(PublishError) as failed:
        Scanner().rows(table(rows), "rag4rag/train")
    where = f"rag4rag/train, column context, row {rows[4]['id']}: found what looks like"
    assert str(failed.value).startswith(where)
    assert planted not in str(failed.value)
    assert "`accept`" in str(failed.value)
    assert Scanner([planted]).rows(table(rows), "rag4rag/train").num_rows == len(rows)


@pytest.mark.parametrize("known", PATTERNS, ids=lambda known: known.example[:12])
def test_every_pattern_finds_its_example(known: SecretPattern) -> None:
    text = f"before {known.example} after"
    assert any(map(known.confirms, known.pattern.finditer(text)))
    assert secret_form(text) == known.kind


@pytest.mark.parametrize(
    "text",
    [
        "Heralds and the standard-bearer responsibilities of the court",
        "a basic understanding of sk-2024-limited-edition-racing skis and PK-1941-prototype",
        "postgres://user:password@localhost/db and ftp://anonymous:guest@ftp.example.org",
        "AWS documents AKIAIOSFODNN7EXAMPLE; a key such as hf_" + "x" * 30,
        "rk-runge-kutta-fourth-order-4, r8-engine-of-2015-by-audi, git+ssh://git@github.com/a/b",
    ],
)
def test_prose_and_placeholders_pass(text: str) -> None:
    assert Scanner().secret_in(text) is None


@pytest.mark.parametrize(
    "name",
    [
        *("OPENAI_KEY", "DB_PASS", "MYSQL_PWD", "PGPASSWORD", "JWT", "AUTH", "SSH_PASSPHRASE"),
        *("AZURE_STORAGE_CONNECTION_STRING", "AWS_ACCESS_KEY_ID", "MY_CREDENTIALS"),
    ],
)
def test_values_of_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = 'Zq9"\\ä wV7\nuTs5rRr99'
    monkeypatch.setenv(name, value)
    scanner = Scanner()
    message = f"the value of the environment variable {name}"
    assert scanner.secret_in(f"a {value} b") == scanner.secret_in("a uTs5rRr99 b") == message
    for text, file in (
        (json.dumps({"x": value}), "run.json"),
        (json.dumps({"x": value}, ensure_ascii=False), "run.json"),
        (yaml.safe_dump({"x": value}), "p.yaml"),
        (f"a\n'{json.dumps(value)}'\n", "pipeline.log"),
    ):
        with pytest.raises(PublishError, match=message):
            scanner.text(text, file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("TOKEN_TYPE", "Standard-1"), ("POSTGRES_PASSWORD", "postgres"), ("DB_PASS", "Sh0rt")),
        *(("KEYCLOAK_MODE", "Parallel-9"), ("API_KEY", "hallucinated_spans")),
    ],
)
def test_values_that_stand_everywhere(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert Scanner().secret_in(f"The {value} gauge is used.") is None


def test_names_of_columns_classes_and_bytes() -> None:
    key = "sk-proj-" + "abcDEF123456" * 2
    labels = Features({"l": ClassLabel(names=[key, "x"])})
    for data in (
        Dataset.from_dict({key: ["a"]}),
        Dataset.from_dict({"l": [0]}, features=labels),
        Dataset.from_dict({"b": [key.encode()]}, features=Features({"b": Value("binary")})),
    ):
        rows = data.with_format("arrow")[:]
        rows = rows.replace_schema_metadata(data.features.arrow_schema.metadata)
        with pytest.raises(PublishError, match="looks like an access token or key"):
            Scanner().rows(rows, "default/train")
    with pytest.raises(PublishError, match="column password"):
        Scanner().rows(pa.table({"password": ["x"]}), "default/train")


def test_a_refused_row_can_be_accepted_and_the_hubs_token_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    key = "sk-proj-" + "abcDEF123456" * 2
    rows = marked_rows(3)
    rows[0]["context"] = f"The tale's key is {key}."
    run = write_run(tmp_path / "run", rows)
    with pytest.raises(PublishError, match=r"column context, row q000-0: found what looks like"):
        dry_run(run, "ann/x", tmp_path / "a", **TERMS)
    done = dry_run(run, "ann/x", tmp_path / "b", accept=[key], **TERMS)
    assert done.configs["rag4rag"]
    monkeypatch.setenv("HF_TOKEN", key)
    with pytest.raises(PublishError, match="found the value of the Hub's token"):
        dry_run(run, "ann/x", tmp_path / "c", accept=[key], **TERMS)
    with pytest.raises(DistilabelUserError, match="accept: found"):
        dry_run(run, "ann/x", tmp_path / "d", accept=["sk"], **TERMS)


def test_errors_in_a_log_are_no_secrets() -> None:
    for line in (
        "KeyError: 'question'",
        "JSONDecodeError: unexpected token: word.",
        "input_tokens: 123456, output_tokens=2345",
        "Answer key: Paris",
    ):
        assert refusal_of(line, "run/pipeline.log") == ""
    assert refusal_of("password: hunter", "run/pipeline.log")


@pytest.mark.slow
def test_long_words_take_no_time() -> None:
    started = time.perf_counter()
    for text in ("a" * 200_000, "a/" * 5_000, "https://h/" + "a" * 200_000, "a." * 50_000):
        assert refusal_of(text, "run/pipeline.log") == ""
    assert time.perf_counter() - started < 20


def test_a_name_is_taken_apart() -> None:
    assert [is_secret_name(n) for n in ("HTTPAuth", "tokenA", "KeyError", "turkey")] == [
        *(True, True, False, False)
    ]
