"""One cache for the whole test session, no Hub, and the markers that fixtures bring."""

import logging
import os
import re
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


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What `-m "not (…)"` leaves out by the mark of a whole file is not even imported."""
    left_out = re.fullmatch(r"not \(([\w ]+)\)", config.option.markexpr)
    if left_out is None or not collection_path.name.startswith("test_"):
        return None
    marks = re.search(r"^pytestmark = .*", collection_path.read_text("utf-8"), re.MULTILINE)
    of_file = set(re.findall(r"mark\.(\w+)", marks[0])) if marks else set()
    return True if of_file & set(left_out[1].split(" or ")) else None


#: Files that take a minute or more: begun first, so that the last process does not run alone.
LONGEST = (
    *("test_ray_shards", "test_app", "test_documentation", "test_notebooks", "test_faults"),
    *("test_golden", "test_examples", "test_report", "test_publish", "test_detectors"),
    *("test_arms", "test_contract", "test_properties", "test_faults_of_the_hub", "test_resume"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; marks the tests by the servers that they use."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))
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
