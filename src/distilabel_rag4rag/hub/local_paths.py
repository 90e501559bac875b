"""Local paths: they reveal users and machines, and are useless elsewhere."""

import os
import re
from functools import cache
from pathlib import PureWindowsPath
from typing import Any

LOCAL_PATH = "<local path>"

#: Folders that hold people's files, beside those of this machine's root.
_ROOTS = {"home", "Users", "root", "tmp", "var", "mnt", "media", "opt", "srv", "data", "work"}
_ROOTS |= {"workspace", "private", "Volumes", "scratch", "content", "kaggle", "dbfs", "etc", "usr"}

_URL = re.compile(r"(?i)\b(?!file:)[a-z][a-z0-9+.-]+://(?=[^/\s])[^\s'\"<>]*")
_END = r"\s'\"`,;)\]}>|"
#: A path goes on over a space where what follows has a slash of its own.
_MORE = rf"[^{_END}:]*(?: (?!/)[^{_END}/\\:]+[/\\][^{_END}:]*)*"
_LOCAL = re.compile(
    "|".join(
        (
            rf"(?i:\b[a-z][a-z0-9+.-]*:/{{3,}}[^{_END}]*|\bfile:/+[^{_END}]*)",
            rf"(?<![A-Za-z0-9/\\])[A-Za-z]:[\\/]{_MORE}",
            rf"\\\\[\w.$-]+\\{_MORE}",
            rf"(?<![\w/])~[\w.-]*[/\\]{_MORE}",
            rf"(?<![\w.])(?:[\w.-]+[/\\])*(?<!\.)\.\.[/\\]{_MORE}",
        )
    )
)
#: Routes of servers are no folders.
_UNIX = re.compile(
    rf"(?<![\w.)/~<*])/(?!v\d|api/)([\w.@+-]+)(/?){_MORE}|(?:(?<=\s-[IL])|(?<=^-[IL]))/{_MORE}"
)


def without_paths(text: str) -> str:
    """The text with local paths replaced by `<local path>`; URLs stay."""
    if "/" not in text and "\\" not in text:
        return text
    parts, end = [], 0
    for url in _URL.finditer(text):
        parts += [_cleaned(text[end : url.start()]), url[0]]
        end = url.end()
    return "".join([*parts, _cleaned(text[end:])])


def _cleaned(text: str) -> str:
    return _UNIX.sub(_unless_a_word, _LOCAL.sub(LOCAL_PATH, text))


def _unless_a_word(match: re.Match[str]) -> str:
    """Of one part, only a folder that is known is a path."""
    deep = match[2] or match[1] is None
    return LOCAL_PATH if deep or match[1] in _roots() else match[0]


def without_local(value: Any) -> Any:
    """A document without local paths; a text that begins with one is one, spaces and all."""
    if isinstance(value, dict):
        return {without_local(key): without_local(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_local(item) for item in value]
    if isinstance(value, str):
        clean = without_paths(value)
        one_line = "\n" not in value.strip()
        return LOCAL_PATH if one_line and clean.startswith(LOCAL_PATH) else clean
    return value


def last_part(text: str) -> str:
    """The last part of a local path; other text as it is."""
    if not is_path(text):
        return text
    return PureWindowsPath(text.strip()).name or LOCAL_PATH


def is_path(text: str) -> bool:
    """Whether all of a text is a local path."""
    return without_paths(text.strip()).startswith(LOCAL_PATH) or text.startswith(("./", ".\\"))


@cache
def _roots() -> frozenset[str]:
    return frozenset(_ROOTS | set(os.listdir(os.path.abspath(os.sep))))
