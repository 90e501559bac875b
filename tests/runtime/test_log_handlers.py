"""What a run logs: no line for each request of a library, no warning twice."""

import logging
import sysconfig
from pathlib import Path

import pytest

from distilabel_rag4rag.runtime.log_handlers import WithoutNoise

LIBRARY = str(Path(sysconfig.get_paths()["purelib"]) / "httpx2" / "_client.py")


def record(name: str, level: int, text: str, path: str = LIBRARY) -> logging.LogRecord:
    return logging.LogRecord(name, level, path, 1, text, None, None)


@pytest.mark.parametrize(
    ("name", "level", "path", "logged"),
    [
        ("httpx2", logging.INFO, LIBRARY, False),
        ("azure.core.pipeline.policies.http_logging_policy", logging.INFO, LIBRARY, False),
        ("google_genai.models", logging.INFO, LIBRARY, False),
        ("LiteLLM", logging.INFO, LIBRARY, False),
        ("httpx2", logging.WARNING, LIBRARY, True),
        ("distilabel.step.ask", logging.INFO, LIBRARY, True),
        ("distilabel_rag4rag.steps", logging.INFO, LIBRARY, True),
        ("my_step", logging.INFO, "/home/me/my_step.py", True),
    ],
)
def test_lines_of_libraries(name: str, level: int, path: str, logged: bool) -> None:
    assert WithoutNoise().filter(record(name, level, "a line", path)) is logged


def test_a_warning_is_given_once() -> None:
    noise = WithoutNoise()
    texts = ["401", "401", "402", "401"]
    assert [noise.filter(record("distilabel.llm.x", logging.WARNING, t)) for t in texts] == [
        True,
        False,
        True,
        False,
    ]
    assert noise.filter(record("distilabel.llm.x", logging.INFO, "402"))
