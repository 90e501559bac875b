"""By what of a user's own code what it made is found again."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distilabel_rag4rag.utils.identity import identity

MODULE = """
import math
from json import dumps as text_of

PREFIX = "a"
try:
    LIMIT = 3
except ImportError:
    LIMIT = 4
OTHER = 1


def prompt(text):
    return shorten(text) + PREFIX


def shorten(text):
    return text[:LIMIT]


def other():
    return OTHER


class Mine:
    def dump(self):
        return {}

    def process(self, text):
        return text_of(prompt(text))
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The identity of the class, with a text of its module replaced."""

    def identity_with(old: str = "", new: str = "") -> Any:
        assert old in MODULE
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "mine.py").write_text(MODULE.replace(old, new) if old else MODULE)
        spec = importlib.util.spec_from_file_location("module_of_mine", folder / "mine.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "module_of_mine", module)
        spec.loader.exec_module(module)
        return identity(module.Mine())

    return identity_with


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return text_of(prompt(text))", "return text_of(prompt(text * 2))"),
        ("return shorten(text) + PREFIX", "return PREFIX + shorten(text)"),
        ('PREFIX = "a"', 'PREFIX = "b"'),
        ("return text[:LIMIT]", "return text[:LIMIT + 1]"),
        ("LIMIT = 3", "LIMIT = 5"),
        ("from json import dumps as text_of", "from json import loads as text_of"),
    ],
)
def test_a_change_of_what_a_class_uses_is_another_identity(
    found: Callable[..., Any], old: str, new: str
) -> None:
    assert found() != found(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [("OTHER = 1", "OTHER = 2"), ("import math", "import cmath"), ("\n\n\n", "\n\n")],
)
def test_a_change_of_what_it_does_not_use_is_none(
    found: Callable[..., Any], old: str, new: str
) -> None:
    assert found() == found(old, new)
