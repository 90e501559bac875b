"""What real scripts print: the message last, and nothing that only libraries care for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

MISSING_KEY = """
from distilabel.models import OpenAILLM
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from distilabel_rag4rag import FailFastPipeline, cached

secret_of_mine = "sk-local-variable"
with FailFastPipeline("script") as pipeline:
    ask = TextGeneration(name="ask", llm=cached(OpenAILLM(model="gpt-4o-mini")))
    LoadDataFromDicts(data=[{"instruction": "Say it."}]) >> ask

if __name__ == "__main__":
    pipeline.run()
"""

SERVED = """
from distilabel_rag4rag import FailFastPipeline, LettuceDetectJudge, cached
from distilabel.models import OpenAILLM
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from helpers.openai_server import OpenAIServer

if __name__ == "__main__":
    LettuceDetectJudge(name="outside")
    try:
        OpenAILLM(model="known", no_such_setting=1)
    except ValueError:
        print("refused")
    with OpenAIServer("Yes.") as server:
        with FailFastPipeline("script") as pipeline:
            llm = OpenAILLM(model="known", base_url=server.base_url, api_key="sk-test")
            ask = TextGeneration(name="ask", llm=cached(llm))
            LoadDataFromDicts(data=[{"instruction": str(n)} for n in range(3)]) >> ask
        print(list(pipeline.run()["default"]["train"]["generation"]))
"""

OWN_HOOK = """
import sys

def hook(kind, error, trace):
    print("mine:", error)

sys.excepthook = hook
import distilabel_rag4rag
from distilabel.pipeline import Pipeline
raise ValueError("an error")
"""

RICH_HOOK = """
import distilabel_rag4rag
from rich import traceback
traceback.install(show_locals=False)
from distilabel_rag4rag import FailFastPipeline
raise ValueError("an error")
"""

LONE_STEPS = """
from distilabel.steps import KeepColumns

from distilabel_rag4rag import KeepMarked, LettuceDetectJudge, LoadRows

KeepMarked()
LettuceDetectJudge(name="judge")
LoadRows(name="load")
KeepColumns(name="theirs", columns=["id"])
"""


def run(script: str, folder: Path, **environment: str) -> tuple[str, str, int]:
    """Standard output, standard error and exit code of a script."""
    (folder / "script.py").write_text(script, "utf-8")
    own = {
        "DISTILABEL_CACHE_DIR": str(folder / "pipelines"),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "RAG4RAG_CACHE": str(folder / "cache"),
        "COLUMNS": "80",
    }
    outside = {k: v for k, v in os.environ.items() if k != "OPENAI_API_KEY"}
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env={**outside, **own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout, done.stderr, done.returncode


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
def test_a_missing_key_is_the_last_line(tmp_path: Path, level: str) -> None:
    """distilabel's own hook prints 380 lines here, the local variables among them."""
    out, err, code = run(MISSING_KEY, tmp_path, DISTILABEL_LOG_LEVEL=level)
    assert code == 1
    lines = err.splitlines()
    # 43 where distilabel's log of the steps has come out before the end.
    assert len(out.splitlines()) + len(lines) <= 60
    last = lines[-1]
    assert last.startswith("distilabel_rag4rag.errors.RunFailed: step 'ask' failed to load: ValueE")
    assert "OPENAI_API_KEY" in last
    assert "sk-local-variable" not in out + err


def test_a_script_that_ends_well_prints_what_it_prints(tmp_path: Path) -> None:
    """No warning of pydantic's, no line per request, no bar, no word on a step made alone."""
    out, err, code = run(SERVED, tmp_path, DISTILABEL_LOG_LEVEL="WARNING")
    assert (out, err, code) == ("refused\n['Yes.', 'Yes.', 'Yes.']\n", "", 0)


def test_the_pipelines_own_log_is_shown(tmp_path: Path) -> None:
    out, err, code = run(SERVED, tmp_path, DISTILABEL_LOG_LEVEL="INFO")
    assert "HTTP Request" not in out + err
    assert "Processing batch" in out
    assert (out.splitlines()[-1], err, code) == ("['Yes.', 'Yes.', 'Yes.']", "", 0)


def test_hooks_of_the_user_are_kept(tmp_path: Path) -> None:
    assert run(OWN_HOOK, tmp_path)[0] == "mine: an error\n"
    err = run(RICH_HOOK, tmp_path)[1]
    assert "Traceback (most recent call last) " in err
    assert err.splitlines()[-1] == "ValueError: an error"


def test_steps_made_outside_a_pipeline(tmp_path: Path) -> None:
    """Ours also work alone; of others distilabel's hint may be what the user needs."""
    err = run(LONE_STEPS, tmp_path)[1]
    hints = [line for line in err.splitlines() if "hasn't received a pipeline" in line]
    assert [hint.split("'")[1] for hint in hints] == ["theirs"]
