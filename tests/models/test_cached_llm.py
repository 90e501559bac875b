"""cached(llm): asks only for what is missing, whatever the LLM, and never answers wrongly."""

import json
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from distilabel.models import MixtureOfAgentsLLM, OpenAILLM
from distilabel.models.llms import LLM
from distilabel.steps.tasks import TextGeneration
from helpers.fault_steps import BatchLLM, FormLLM, HashLLM
from helpers.openai_server import Odd, OpenAIServer

from distilabel_rag4rag.models.llms.cached_llm import CachedAsyncLLM, CachedLLM, cached
from distilabel_rag4rag.models.llms.generation_key import shaped_by
from distilabel_rag4rag.models.llms.generation_store import GenerationStore, clear
from distilabel_rag4rag.utils.progress import receive_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def ask(llm: CachedLLM, *questions: str, num_generations: int = 1, **kwargs: Any) -> list[Any]:
    """Load, ask, unload, as a run does."""
    llm.load()
    try:
        inputs: Any = [[{"role": "user", "content": question}] for question in questions]
        given = {**llm.get_generation_kwargs(), **kwargs}
        outputs = llm.generate_outputs(inputs=inputs, num_generations=num_generations, **given)
        return [output["generations"] for output in outputs]
    finally:
        llm.unload()


def echo(messages: list[dict[str, Any]]) -> str:
    return f"re {messages[-1]['content']}"


def openai(server: OpenAIServer, **settings: Any) -> OpenAILLM:
    return OpenAILLM(model="m", base_url=server.base_url, api_key="sk-secret", **settings)


def test_sync_llm_is_asked_once(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    llm = cached(HashLLM(history_path=str(history)), folder=str(tmp_path))
    first = ask(llm, "a", "b", "a")
    assert ask(llm, "b", "c", "a") == [first[1], ask(llm, "c")[0], first[0]]
    asked = [json.loads(line)["messages"][0]["content"] for line in history.open()]
    assert asked == ["a", "b", "c"]


def test_async_llm_is_asked_once_and_statistics_are_kept(tmp_path: Path) -> None:
    with OpenAIServer(echo) as server:
        llm = cached(openai(server), folder=str(tmp_path))
        assert isinstance(llm, CachedAsyncLLM)
        for _ in range(2):
            llm.load()
            question: Any = [{"role": "user", "content": "how are you"}]
            assert (
                llm.generate(inputs=[question, question])
                == [
                    {
                        "generations": ["re how are you"],
                        "statistics": {"input_tokens": [3], "output_tokens": [4]},
                    }
                ]
                * 2
            )
            llm.unload()
        assert len(server.history) == 1


def test_async_replies_are_kept_as_they_arrive(tmp_path: Path) -> None:
    """One slow reply of a batch does not hold up the others' way to the disk."""
    with OpenAIServer(echo, faults=[None, None, "delay"], delay=60.0) as server:
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]);"
            "from test_cached_llm import *;"
            "ask(cached(OpenAILLM(model='m', base_url=sys.argv[2], api_key='k'),"
            " folder=sys.argv[3]), 'a', 'b', 'c')"
        )
        here = str(Path(__file__).parent)
        process = subprocess.Popen(
            [sys.executable, "-c", code, here, server.base_url, str(tmp_path / "kept")]
        )
        deadline = time.monotonic() + 40
        while not (tmp_path / "kept").exists() or len(GenerationStore(tmp_path / "kept")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.wait()
        llm = cached(openai(server), folder=str(tmp_path / "kept"))
        assert ask(llm, "a", "b", "c") == [["re a"], ["re b"], ["re c"]]
        assert len(server.history) == 4


def test_none_is_asked_again_and_errors_stay_with_their_row(tmp_path: Path) -> None:
    with OpenAIServer(echo, faults=["invalid_json", "empty_choice"]) as server:
        llm = cached(openai(server), folder=str(tmp_path))
        found = ask(llm, "a", "b", "c", "d")
        assert sorted(map(str, found)).count("[None]") == 2
        assert ask(llm, "a", "b", "c", "d") == [["re a"], ["re b"], ["re c"], ["re d"]]
        assert len(server.history) == 6


def test_sync_error_stays_with_its_row(tmp_path: Path) -> None:
    llm = cached(HashLLM(how="raise", at="bad"), folder=str(tmp_path))
    good, bad, other = ask(llm, "good", "bad", "other")
    assert (good[0] is not None, bad, other[0] is not None) == (True, [None], True)


@pytest.mark.parametrize(("size", "calls"), [(None, [5]), (2, [2, 2, 1])])
def test_inputs_per_call(tmp_path: Path, size: int | None, calls: list[int]) -> None:
    llm = cached(BatchLLM(), folder=str(tmp_path), inputs_per_call=size)
    ask(llm, *"abcde")
    assert llm.llm.calls == calls  # type: ignore[attr-defined]


def test_inputs_of_like_length_go_together(tmp_path: Path) -> None:
    """And the replies come in the order of the inputs."""
    history = tmp_path / "history.jsonl"
    llm = cached(HashLLM(history_path=str(history)), folder=str(tmp_path), inputs_per_call=2)
    questions = ["aaaa", "b", "ccc", "dd", "e"]
    apart = [ask(cached(HashLLM(), enabled=False), question)[0] for question in questions]
    assert ask(llm, *questions) == apart
    asked = [json.loads(line)["messages"][0]["content"] for line in history.open()]
    assert asked == ["b", "e", "dd", "ccc", "aaaa"]


def test_a_call_is_as_large_as_the_llms_own_batch(tmp_path: Path) -> None:
    class OwnSize(BatchLLM):
        batch_size: int = 3

    llm = cached(OwnSize(), folder=str(tmp_path))
    ask(llm, *"abcdefgh")
    assert llm.llm.calls == [3, 3, 2]  # type: ignore[attr-defined]
    assert llm.rows_at_once == 24


def test_weights_are_loaded_when_they_are_needed(tmp_path: Path) -> None:
    """A run whose replies are all kept loads no LLM, where the weights are known without."""
    loads: list[str] = []

    class Packaged(BatchLLM):
        weights_source: str | None = "a package"

        def load(self) -> None:
            loads.append("load")
            super().load()

        def unload(self) -> None:
            loads.append("unload")

    def asked(**settings: Any) -> list[str]:
        loads.clear()
        llm = cached(Packaged(**settings), folder=str(tmp_path))
        assert ask(llm, "a", "b") == [["Yes."]] * 2
        return loads[:]

    assert asked() == ["load", "unload"]
    assert asked() == []
    assert asked(weights_source=None, default="Yes.") == ["load", "unload"]
    assert asked(weights_source=None) == ["load", "unload"]


def test_threads_may_ask_at_once(tmp_path: Path) -> None:
    """Their requests share the limit, and what both ask for is asked once."""
    at_once, most = 0, 0
    lock = threading.Lock()

    def reply(messages: list[dict[str, Any]]) -> str:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.1)
        with lock:
            at_once -= 1
        return echo(messages)

    with OpenAIServer(reply) as server:
        llm = cached(openai(server), folder=str(tmp_path), max_concurrency=5)
        llm.load()
        batches = [[f"{n}" for n in range(start, start + 10)] for start in (0, 5, 10, 15)]
        inputs: Any = [[[{"role": "user", "content": text}] for text in b] for b in batches]
        with ThreadPoolExecutor() as pool:
            outputs = list(pool.map(lambda batch: llm.generate(inputs=batch), inputs))
        llm.unload()
        assert len(server.history) == 25
    found = [[output["generations"][0] for output in batch] for batch in outputs]
    assert found == [[f"re {text}" for text in batch] for batch in batches]
    assert most == 5


def test_refusals_are_known_to_the_limit_and_not_to_the_client(tmp_path: Path) -> None:
    """The LLM's own retries are ours, and its setting stays as it was given."""
    with OpenAIServer(echo, faults=["429"] * 3) as server:
        llm = cached(openai(server, max_retries=4), folder=str(tmp_path))
        assert sorted(map(str, ask(llm, "a", "b"))) == ["['re a']", "['re b']"]
        assert llm.llm.max_retries == 4  # type: ignore[attr-defined]
        assert [request["fault"] for request in server.history] == ["429"] * 3 + [None] * 2
        server.next_fault = lambda body: "429"  # type: ignore[method-assign]
        assert ask(cached(openai(server, max_retries=0), enabled=False), "a") == [[None]]


def test_what_shapes_a_reply_is_in_the_key(tmp_path: Path) -> None:
    """Each of these asks anew; timeouts and keys do not."""
    with OpenAIServer(echo) as server:

        def asks(change: dict[str, Any], repetition: int = 0, **call: Any) -> int:
            before = len(server.history)
            settings = {"base_url": server.base_url, "model": "m", "api_key": "k", **change}
            llm = cached(OpenAILLM(**settings), folder=str(tmp_path), repetition=repetition)
            ask(llm, "a", **call)
            return len(server.history) - before

        assert asks({}) == 1
        assert asks({}) == 0
        assert asks({"timeout": 5, "max_retries": 1, "api_key": "other"}) == 0
        assert asks({"model": "other"}) == 1
        assert asks({"generation_kwargs": {"temperature": 0.3}}) == 1
        assert asks({"generation_kwargs": {"temperature": 0.3}}) == 0
        assert asks({}, num_generations=2) == 1
        assert asks({}, repetition=1) == 1
        assert asks({}, max_new_tokens=7) == 1


def test_a_local_model_that_changed_is_asked_again(tmp_path: Path) -> None:
    weights = tmp_path / "model.bin"
    weights.write_text("old")
    before = shaped_by(HashLLM(model=str(weights)))
    assert shaped_by(HashLLM(model=str(weights))) == before
    weights.write_text("newer")
    assert shaped_by(HashLLM(model=str(weights))) != before


def test_mixture_of_agents(tmp_path: Path) -> None:
    """It writes into its inputs; a proposer may be cached as well."""
    with OpenAIServer(echo) as server:
        mixture = MixtureOfAgentsLLM(
            aggregator_llm=openai(server),
            proposers_llms=[openai(server), cached(openai(server), folder=str(tmp_path))],
        )
        llm = cached(mixture, folder=str(tmp_path))
        first = ask(llm, "a", "b")
        asked = len(server.history)
        assert ask(llm, "b", "a") == first[::-1]
        assert len(server.history) == asked == 6


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_dump_load_pickle_and_runtime_parameters(tmp_path: Path, kind: str) -> None:
    inner: LLM = HashLLM() if kind == "sync" else OpenAILLM(model="m", api_key="sk-secret")
    plain, task = TextGeneration(llm=inner, name="t"), TextGeneration(llm=cached(inner), name="t")
    assert "sk-secret" not in json.dumps(task.dump())
    loaded = TextGeneration.from_dict(task.dump())
    assert type(loaded.llm) is type(cached(inner))
    assert type(loaded.llm.llm) is type(inner)
    assert loaded.dump() == task.dump()
    assert pickle.loads(pickle.dumps(task)).dump() == task.dump()
    names = task.runtime_parameters_names["llm"]
    assert plain.runtime_parameters_names["llm"].items() <= names.items()  # type: ignore[union-attr]
    assert json.dumps(plain.get_runtime_parameters_info())
    loaded.set_runtime_parameters(
        {"llm": {"generation_kwargs": {"seed": 1}, "folder": str(tmp_path), "repetition": 3}}
    )
    assert loaded.llm.get_generation_kwargs() == {"seed": 1}
    assert loaded.llm.llm.generation_kwargs == {"seed": 1}
    assert (loaded.llm.folder, loaded.llm.repetition) == (str(tmp_path), 3)


def test_switched_off(tmp_path: Path) -> None:
    llm = cached(BatchLLM(), folder=str(tmp_path / "none"), enabled=False)
    ask(llm, "a")
    ask(llm, "a")
    assert llm.llm.calls == [1, 1]  # type: ignore[attr-defined]
    assert not (tmp_path / "none").exists()


def test_default_folder_and_clear(own_cache: Path) -> None:
    llm = cached(BatchLLM())
    ask(llm, "a")
    assert (own_cache / "generations" / "generations.sqlite").exists()
    clear()
    ask(llm, "a")
    assert llm.llm.calls == [1, 1]  # type: ignore[attr-defined]


def test_cached_twice_is_cached_once() -> None:
    llm = cached(HashLLM())
    assert cached(llm) is llm


def test_offline_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="use_offline_batch_generation=True"):
        cached(OpenAILLM(model="m", use_offline_batch_generation=True))


def test_size_limit_drops_the_oldest(tmp_path: Path) -> None:
    store = GenerationStore(tmp_path, size_limit=300_000)
    for number in range(1024):
        store.put(f"{number:04d}", "x" * 1000)
    store._make_room()
    assert store.size() <= 300_000
    kept = store.get(f"{number:04d}" for number in range(1024))
    assert sorted(kept)[-1] == "1023"
    assert sorted(kept) == [f"{number:04d}" for number in range(1024 - len(kept), 1024)]
    assert len(kept) > 100


def test_any_text_is_kept(tmp_path: Path) -> None:
    store = GenerationStore(tmp_path)
    value = {"generations": ["\ud800\x00\U0001f600 é", ""], "statistics": {"logprobs": [-1.5]}}
    store.put("key", value)
    assert store.get(["key", "other"]) == {"key": value}


def test_many_processes_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from distilabel_rag4rag.models.llms.generation_store import GenerationStore;"
        "store = GenerationStore(sys.argv[1]);"
        "[store.put(f'{sys.argv[2]}-{n}', n) for n in range(200)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)]) for n in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(GenerationStore(tmp_path)) == 800


def test_a_file_that_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "generations.sqlite").write_bytes(os.urandom(4096))
    with pytest.raises(OSError, match=r"cannot be used .*set folder or RAG4RAG_CACHE"):
        GenerationStore(tmp_path)


def test_a_damaged_entry_is_asked_again(tmp_path: Path) -> None:
    """An entry without its end, as a failing disk leaves it."""
    history = tmp_path / "history.jsonl"
    llm = cached(HashLLM(history_path=str(history)), folder=str(tmp_path))
    replies = ask(llm, "a")
    with sqlite3.connect(tmp_path / "generations.sqlite") as table:
        table.execute("UPDATE generations SET value = substr(value, 1, 5)")
    assert [ask(llm, "a") for _ in range(2)] == [replies, replies]
    assert len(history.read_text().splitlines()) == 2


@pytest.mark.parametrize("value", ["[1, 2]", "{}", '{"generations": 3}'])
def test_an_entry_of_another_form_is_asked_again(tmp_path: Path, value: str) -> None:
    llm = cached(HashLLM(), folder=str(tmp_path))
    replies = ask(llm, "a")
    with sqlite3.connect(tmp_path / "generations.sqlite") as table:
        table.execute("UPDATE generations SET value = ?", (value,))
    assert ask(llm, "a") == replies


def test_a_folder_that_cannot_be_made() -> None:
    with pytest.raises(OSError, match=r"cannot be used .*set folder or RAG4RAG_CACHE"):
        GenerationStore("/dev/null/cache")


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    store = GenerationStore(tmp_path)
    for number in range(2_000):
        store.put(str(number), "x" * 100)
    store.close()
    file = tmp_path / "generations.sqlite"
    file.write_bytes(file.read_bytes()[:8_192] + b"?" * (file.stat().st_size - 8_192))
    with pytest.raises(OSError, match=r"cannot be used .*set folder or RAG4RAG_CACHE"):
        GenerationStore(tmp_path).get(map(str, range(2_000)))


def test_a_full_disk_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = GenerationStore(tmp_path)
    store._table.execute(f"PRAGMA max_page_count = {store._pragma('page_count')}")
    store.put("key", "x" * 100_000)
    assert "could not be kept" in caplog.text
    with pytest.raises(sqlite3.OperationalError):
        store._table.execute("INSERT INTO generations VALUES ('k', 0, ?)", ("x" * 100_000,))


# -- what servers send -------------------------------------------------------------------------

TOO_LONG = {
    "message": "This model's maximum context length is 8192 tokens.",
    "type": "invalid_request_error",
    "code": "context_length_exceeded",
}
FILTERED = {"message": "The prompt was filtered.", "type": None, "code": "content_filter"}
#: What is sent for a question, and the generations and error that come of it.
SENT: dict[str, tuple[Any, str | None, str | None]] = {
    "parts": (
        Odd([{"type": "text", "text": "Tor"}, {"type": "text", "text": "gau"}]),
        *("Torgau", None),
    ),
    "image": (Odd([{"type": "image_url"}]), None, "the LLM gave no text: found image_url"),
    "number": (Odd(1712), None, "the LLM gave no text: found int"),
    "dict": (Odd({"answer": "Torgau"}), None, "the LLM gave no text: found a dict of ['answer']"),
    "null": (
        *(Odd(None, finish_reason="content_filter"), None),
        "the LLM gave nothing (finish reason: content_filter)",
    ),
    "no choice": (Odd("x", choices=0), None, "the LLM gave nothing: 0 of 1 replies"),
    "two choices": (Odd("Torgau", choices=2), "Torgau", None),
    "too long": (
        *(Odd(status=400, error=TOO_LONG), None),
        "the LLM failed: BadRequestError (context_length_exceeded): "
        f"Error code: 400 - {TOO_LONG['message']}",
    ),
    "filtered": (
        *(Odd(status=400, error=FILTERED), None),
        "the LLM failed: BadRequestError (content_filter): "
        "Error code: 400 - The prompt was filtered.",
    ),
    "key": (
        *(Odd(status=401, error={"message": "Incorrect key: sk-secret-of-mine."}), None),
        "the LLM failed: AuthenticationError: Error code: 401 - Incorrect key: ***.",
    ),
    "model": (
        *(Odd(status=404, error={"message": "The model `m` does not exist."}), None),
        "the LLM failed: NotFoundError: Error code: 404 - The model `m` does not exist.",
    ),
    "good": ("Torgau", "Torgau", None),
}


@pytest.mark.parametrize("enabled", [True, False])
def test_what_a_server_sends_stays_with_its_row(tmp_path: Path, enabled: bool) -> None:
    """With and without the cache; what is not text is asked again and never stored."""
    with OpenAIServer(lambda messages: SENT[messages[-1]["content"]][0]) as server:
        inner = OpenAILLM(model="m", base_url=server.base_url, api_key="sk-secret-of-mine")
        llm = cached(inner, folder=str(tmp_path), enabled=enabled)
        for asked in (len(SENT), sum(text is None for _, text, _ in SENT.values())):
            before = len(server.history)
            llm.load()
            inputs: Any = [[{"role": "user", "content": name}] for name in SENT]
            outputs = llm.generate(inputs=inputs)
            llm.unload()
            for name, output in zip(SENT, outputs, strict=True):
                assert output["generations"] == [SENT[name][1]], name
                assert output["statistics"].get("error") == (SENT[name][2] and [SENT[name][2]])
            assert len(server.history) - before == (asked if enabled else len(SENT))


@pytest.mark.parametrize("enabled", [True, False])
def test_a_server_that_is_slow_or_gone(tmp_path: Path, enabled: bool) -> None:
    with OpenAIServer(echo, faults=["delay"], delay=5.0) as server:
        settings = {"timeout": 1, "max_retries": 0}
        llm = cached(openai(server, **settings), folder=str(tmp_path), enabled=enabled)
        llm.load()
        question: Any = [{"role": "user", "content": "a"}]
        found = llm.generate(inputs=[question])[0]
        url = server.base_url.removesuffix("/v1")
    gone = llm.generate(inputs=[[{"role": "user", "content": "b"}]])[0]
    llm.unload()
    assert (found["generations"], gone["generations"]) == ([None], [None])
    assert found["statistics"] == {
        "error": [
            f"the LLM failed: APITimeoutError: Request timed out. (ReadTimeout: ({url}))",
        ]
    }
    assert gone["statistics"] == {
        "error": [
            "the LLM failed: APIConnectionError: Connection error."
            f" (ConnectError: All connection attempts failed ({url}))"
        ]
    }


def test_no_usage_is_no_tokens(tmp_path: Path) -> None:
    with OpenAIServer(lambda messages: Odd("Torgau", usage=False)) as server:
        llm = cached(openai(server), folder=str(tmp_path))
        for _ in range(2):
            llm.load()
            output = llm.generate(inputs=[[{"role": "user", "content": "a"}]])[0]
            llm.unload()
            assert output == {"generations": ["Torgau"], "statistics": {}}


@pytest.mark.parametrize(
    "value",
    [
        '{"generations": [[{"type": "text", "text": "Torgau"}]], "statistics": {}}',
        '{"generations": [1712], "statistics": {}}',
        '{"generations": [null], "statistics": {}}',
        '{"generations": [], "statistics": {}}',
        '{"generations": ["a", "b"], "statistics": {}}',
        '{"generations": "Torgau", "statistics": {}}',
    ],
)
def test_an_entry_that_is_not_text_is_asked_again(tmp_path: Path, value: str) -> None:
    """As earlier versions stored what a server had sent."""
    llm = cached(HashLLM(), folder=str(tmp_path))
    replies = ask(llm, "a")
    with sqlite3.connect(tmp_path / "generations.sqlite") as table:
        table.execute("UPDATE generations SET value = ?", (value,))
    assert ask(llm, "a") == replies
    [(kept,)] = sqlite3.connect(tmp_path / "generations.sqlite").execute(
        "SELECT value FROM generations"
    )
    assert json.loads(kept)["generations"] == replies[0]


def test_an_entry_without_usage_has_no_tokens(tmp_path: Path) -> None:
    llm = cached(HashLLM(), folder=str(tmp_path))
    ask(llm, "a")
    old = '{"generations": ["x"], "statistics": {"input_tokens": [0], "output_tokens": [0]}}'
    with sqlite3.connect(tmp_path / "generations.sqlite") as table:
        table.execute("UPDATE generations SET value = ?", (old,))
    llm.load()
    [output] = llm.generate(inputs=[[{"role": "user", "content": "a"}]])
    llm.unload()
    assert output == {"generations": ["x"], "statistics": {}}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raise", "the LLM failed: ValueError: a scripted error"),
        ("raise_unpicklable", "the LLM failed: Unpicklable: the key is wrong"),
    ],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_a_sync_llm_that_raises(tmp_path: Path, enabled: bool, how: str, reason: str) -> None:
    llm = cached(HashLLM(how=how, at="bad"), folder=str(tmp_path), enabled=enabled)
    llm.load()
    inputs: Any = [[{"role": "user", "content": text}] for text in ("good", "bad", "other")]
    outputs = llm.generate(inputs=inputs)
    llm.unload()
    assert [output["generations"][0] is None for output in outputs] == [False, True, False]
    assert outputs[1]["statistics"] == {"error": [reason]}


@pytest.mark.parametrize("outputs", [None, [], ["Yes."], [{"generations": ["a"]}] * 2])
def test_an_llm_that_gives_another_form(tmp_path: Path, outputs: Any) -> None:
    llm = cached(FormLLM(outputs=outputs), folder=str(tmp_path))
    assert ask(llm, "a") == [[None]]
    assert len(GenerationStore(tmp_path)) == 0


def test_switched_off_equal_questions_are_asked_each(tmp_path: Path) -> None:
    llm = cached(BatchLLM(), folder=str(tmp_path), enabled=False)
    ask(llm, "a", "a")
    assert llm.llm.calls == [2]  # type: ignore[attr-defined]
    with OpenAIServer(echo) as server:
        ask(cached(openai(server), enabled=False), "a", "a")
        assert len(server.history) == 2


def test_what_a_client_logs_reaches_its_own_row_alone(tmp_path: Path) -> None:
    """Asked at once, and where the user shows no warnings."""
    reasons = {"a": "length", "b": "content_filter", "c": "tool_calls"}

    def reply(messages: Any) -> Odd:
        return Odd(None, finish_reason=reasons[messages[-1]["content"]])

    with OpenAIServer(reply, latency=0.2) as server:
        llm = cached(openai(server), folder=str(tmp_path))
        llm.load()
        logging.getLogger("distilabel").setLevel(logging.CRITICAL)
        try:
            inputs: Any = [[{"role": "user", "content": name}] for name in reasons]
            outputs = llm.generate(inputs=inputs)
        finally:
            logging.getLogger("distilabel").setLevel(logging.NOTSET)
            llm.unload()
    assert [output["statistics"]["error"] for output in outputs] == [  # type: ignore[typeddict-item]
        [f"the LLM gave nothing (finish reason: {reason})"] for reason in reasons.values()
    ]


# -- what shapes a reply -----------------------------------------------------------------------


def test_weights_that_changed_in_place_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder below the model's, and where the model is named without a slash."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "adapter").mkdir(parents=True)
    weights = tmp_path / "mine" / "adapter" / "weights.bin"
    weights.write_text("old")
    before = shaped_by(HashLLM(model="mine"))
    assert shaped_by(HashLLM(model="mine")) == before
    weights.write_text("newer")
    assert shaped_by(HashLLM(model="mine")) != before


def test_the_settings_of_an_llm_inside_are_not_those_of_the_cache() -> None:
    """`folder` is the cache's place in a CachedLLM; in another LLM it may be the model's."""

    def mixture(**settings: Any) -> MixtureOfAgentsLLM:
        proposers = [cached(OpenAILLM(model="p"), **settings)]
        return MixtureOfAgentsLLM(aggregator_llm=OpenAILLM(model="m"), proposers_llms=proposers)

    quick = mixture(folder="a", size_limit=1, max_concurrency=8, tokens_per_minute=1000)
    assert shaped_by(quick) == shaped_by(mixture(folder="b"))
    assert shaped_by(mixture(repetition=1)) != shaped_by(mixture())
    assert shaped_by(FormLLM(folder="a")) != shaped_by(FormLLM(folder="b"))
    assert shaped_by(FormLLM(timeout=1)) == shaped_by(FormLLM(timeout=2))


def reports(llm: CachedLLM, *questions: str) -> list[int]:
    """Rows that were reported as done, as a run counts them: each larger number once."""
    seen: list[int] = []
    with receive_rows(seen.append):
        ask(llm, *questions)
    return sorted(set(seen))


def test_rows_are_reported_as_replies_come(tmp_path: Path) -> None:
    """What is kept counts at once; the same question in two rows is two rows."""
    folder = str(tmp_path)
    assert reports(cached(BatchLLM(), folder=folder, inputs_per_call=1), *"abca") == [0, 1, 2, 3]
    assert reports(cached(HashLLM(), folder=folder), *"abcd") == [0, 1, 2, 3, 4]
    assert reports(cached(HashLLM(), folder=folder), *"abcdef") == [1, 2, 4]
    with OpenAIServer(echo) as server:
        llm = cached(openai(server), folder=folder)
        assert reports(llm, *"abc") == [1, 2, 3]
        assert reports(llm, *"abcd") == [1, 2, 3, 4]
