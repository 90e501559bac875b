"""Models are loaded or reached before anything is asked: what is wrong is named by its setting."""

import os
import signal
import socket
import threading
import time
from typing import Any

import psutil
import pytest
from distilabel.models import Embeddings, OpenAILLM
from helpers.fault_steps import HashEmbeddings, fail
from helpers.openai_server import OpenAIServer

from distilabel_rag4rag import LettuceDetectJudge, cached, embedded
from distilabel_rag4rag.errors import ConfigError, RunFailed
from distilabel_rag4rag.experiment.check_models import check_models
from distilabel_rag4rag.testing import ScriptedLLM, VerbatimDetector

pytestmark = pytest.mark.slow

JUDGE = LettuceDetectJudge(model=VerbatimDetector())


class FaultyEmbeddings(HashEmbeddings):
    """An embedder that fails while it loads, or gives what is no vector."""

    how: str = ""
    vectors: Any = None

    def load(self) -> None:
        if self.how == "slow":
            time.sleep(600)
        else:
            fail(self.how)
        super().load()

    def encode(self, inputs: list[str]) -> Any:
        return super().encode(inputs) if self.vectors is None else self.vectors


def check(
    llm: Any = None, embeddings: Embeddings | None = None, judge: LettuceDetectJudge = JUDGE
) -> tuple[list[str], list[str]]:
    """The phases and notes of a check."""
    phases: list[str] = []
    notes: list[str] = []
    check_models(llm or ScriptedLLM(), embeddings, judge, phases.append, notes.append)
    return phases, notes


def test_models_that_load_are_named_while_they_do_and_stay_unloaded() -> None:
    embeddings = HashEmbeddings()
    phases, notes = check(embeddings=embeddings)
    assert phases == ["loading the embedder hash", "loading the judge VerbatimDetector"]
    assert notes == []
    assert JUDGE._detector is None


def test_packaged_models_are_prepared_but_not_loaded() -> None:
    phases, _ = check(cached(embedded.llm()), embedded.embeddings(), embedded.judge())
    assert phases == [
        "preparing the packaged LLM",
        "preparing the packaged embedder",
        "preparing the packaged judge",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"how": "raise"}, "ValueError: a scripted error"),
        ({"how": "raise_unpicklable"}, "Unpicklable: the key is wrong"),
        ({"how": "sys_exit"}, None),
        ({"vectors": [[float("nan"), 1.0]]}, "NaN or infinite values"),
        ({"vectors": []}, "gave 0 vectors for 1 texts"),
    ],
)
def test_an_embedder_that_cannot_be_used_is_named(
    settings: dict[str, Any], message: str | None
) -> None:
    if message is None:
        with pytest.raises(RunFailed, match="a scripted exit"):
            check(embeddings=FaultyEmbeddings(**settings))
        return
    with pytest.raises(ConfigError, match=message) as caught:
        check(embeddings=FaultyEmbeddings(**settings))
    assert (caught.value.field, caught.value.found) == ("embeddings", "hash")


def test_a_judge_that_cannot_be_loaded_is_named() -> None:
    class Contradicting(VerbatimDetector):  # local, so that it cannot be pickled
        def load(self) -> None:
            raise ValueError("cannot contradict")

    with pytest.raises(ConfigError, match="cannot contradict") as caught:
        check(judge=LettuceDetectJudge(model=Contradicting()))
    assert caught.value.field == "judge"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("how", "end"), [("kill", "was killed by SIGKILL"), ("os_exit", "exited with 3")]
)
def test_a_process_that_dies_while_it_loads_is_an_error(how: str, end: str) -> None:
    with pytest.raises(RunFailed, match=f"the process that loads the models {end}"):
        check(embeddings=FaultyEmbeddings(how=how))


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_no_process(number: int) -> None:
    before = set(psutil.Process().children(recursive=True))
    threading.Timer(1.0, os.kill, (os.getpid(), number)).start()
    with pytest.raises(KeyboardInterrupt):
        check(embeddings=FaultyEmbeddings(how="slow"))
    assert set(psutil.Process().children(recursive=True)) <= before


def open_ai(base_url: str) -> OpenAILLM:
    return OpenAILLM(model="gpt-4o-mini", base_url=base_url)


def test_a_server_that_lists_its_models_is_asked_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    with OpenAIServer(api_key="sk-right") as server:
        phases, notes = check(open_ai(server.base_url))
        assert (server.history, server.listed) == ([], 1)
    assert (phases[0], notes) == ("reaching gpt-4o-mini", [])


@pytest.mark.parametrize("status", [404, 405, 429, 500, 501])
def test_a_server_without_such_a_list_is_left_to_the_first_request(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    with OpenAIServer(list_status=status) as server:
        assert check(open_ai(server.base_url))[1] == []
        assert server.listed == 1


def test_a_key_that_is_refused_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with OpenAIServer(api_key="sk-right") as server:
        with pytest.raises(ConfigError, match=r"401.*Incorrect API key") as caught:
            check(open_ai(server.base_url))
        assert (caught.value.field, caught.value.found) == ("llm", "gpt-4o-mini")
        assert "sk-wrong" not in str(caught.value)
        # Replies that are on disk need no key.
        _, notes = check(cached(open_ai(server.base_url)))
    assert len(notes) == 1
    assert notes[0].startswith("llm: found 'gpt-4o-mini', expected a server that takes requests.")
    assert notes[0].endswith("Only replies kept on disk can be used.")


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for llm in (open_ai(f"{url}/v1"), cached(open_ai(f"{url}/v1"), enabled=False)):
        with pytest.raises(ConfigError, match=f"expected a server that takes requests.*{url}"):
            check(llm)


def test_a_missing_key_is_named_also_where_replies_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for llm in (open_ai("http://127.0.0.1:9/v1"), cached(open_ai("http://127.0.0.1:9/v1"))):
        with pytest.raises(ConfigError, match="api_key") as caught:
            check(llm)
        assert caught.value.field == "llm"
