"""One cache for the whole test session, no Hub, and the markers that fixtures bring."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ("helpers.local_hub",)

# Processes that tests start find the helpers too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)
os.environ["HF_HUB_OFFLINE"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DISTILABEL_LOG_LEVEL", "ERROR")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}  # no token at home

_FOLDER = tempfile.TemporaryDirectory(prefix="rag4rag-tests-")
# What takes long to make (converted models) is shared with the user's own cache, read and written
# atomically; what a test must find empty (generations, indexes, runs) is not.
os.environ.setdefault("DISTILABEL_CACHE_DIR", str(Path(_FOLDER.name) / "distilabel"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests by the servers that they use."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "local_hub" in fixtures:
            item.add_marker(pytest.mark.hub)
        if fixtures & {"server", "client"}:
            item.add_marker(pytest.mark.argilla)


# The command line and distilabel's pipelines set levels; each test finds them as they were first.
_LOGGERS = [logging.getLogger(name) for name in (None, "distilabel", "transformers", "httpx")]
_LEVELS = [logger.level for logger in _LOGGERS]


@pytest.fixture(autouse=True)
def _log_levels() -> None:
    for logger, level in zip(_LOGGERS, _LEVELS, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def _converted_models() -> list[Path]:
    """The packaged models, whose conversion takes half a minute."""
    from distilabel_rag4rag.models.packaged import judge_path, llm_path

    return [Path(judge_path()), Path(llm_path())]


@pytest.fixture
def own_cache(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    _converted_models: list[Path],
) -> Path:
    """A cache folder of this test's own, empty but for the converted models."""
    folder = tmp_path_factory.mktemp("cache")
    for model in _converted_models:
        (folder / model.name).symlink_to(model)
    monkeypatch.setenv("RAG4RAG_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def server() -> Any:
    """The Argilla server of the whole session."""
    from helpers.review_server.server import running_server

    return running_server()


@pytest.fixture(scope="session")
def client(server: Any) -> Any:
    """Its owner's client."""
    from distilabel_rag4rag.review.connect import connect

    return connect(server.url, server.key("olga"))
