"""Secrets: known by the name that they stand under, and hidden where a text quotes them."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET = {
    *("key", "keys", "token", "tokens", "secret", "secrets", "password", "passwords", "passwd"),
    *("pwd", "pw", "pass", "passphrase", "cookie", "cookies", "credential", "credentials"),
    *("authorization", "auth", "jwt", "bearer", "connectionstring", "connstr", "dsn"),
}
#: Written as one word.
_JOINED = re.compile(
    r"(?:api|access|secret|private|auth|license|account)(?:keys?|tokens?)$"
    r"|.*(?:password|passwd|passphrase|secret|credentials?)$|(?:pg|db|ssh|my|mysql|redis)(?:pass|pwd)$"
)
_PAIRS = ({"connection", "string"}, {"conn", "str"})

#: Words beside `token` and `key` by which they are of a text or a table.
_OF_TEXT = {
    *("pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "stop", "image", "begin", "end"),
    *("count", "counts", "budget", "limit", "length", "level", "ids", "per", "type", "usage"),
    *("primary", "foreign", "sort", "group", "row", "join", "column", "columns", "error", "max"),
    *("min", "num", "n", "new", "input", "output", "total", "prompt", "completion"),
    "classification",
}
#: Last words by which a name is of something else than the secret itself.
_ABOUT = {
    *("env", "var", "variable", "name", "names", "helper", "mode", "type", "policy", "disabled"),
    *("enabled", "file", "sock", "error", "path", "dir"),
}

#: Texts that are secrets by their form: after a word for it, in a URL, or as services begin them.
_FORMS = re.compile(
    r"(?i:\b(?:bearer|basic)\s+)(?P<header>(?=\S*\d)[\w.~+/=*-]{8,})"
    r"|(?i:[?&][\w-]*(?:key|token|secret|password|sig|signature)=)(?P<query>[^&\s'\"<>]+)"
    r"|://(?P<user>[^/\s@'\"]+)@"
    r"|(?<![A-Za-z0-9])(?P<key>(?:sk|pk|rk|hf|gsk|xai|pplx|nvapi|r8|glpat|ghp)[-_][\w.*-]{8,}"
    r"|AIza[\w-]{20,}|AKIA[A-Z0-9]{12,}|eyJ[\w-]{8,}\.[\w.-]{8,})"
)
HIDDEN = "***"


def is_secret_name(name: str, value: Any = "") -> bool:
    """Whether what stands under a name is secret: `X-Api-Key`, `accessToken`, `db_pwd`.

    Args:
        name: in any case, with hyphens, underscores or dots.
        value: what stands there; a number under `tokens` counts them.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1] in _ABOUT:
        return False
    if any(pair <= set(words) for pair in _PAIRS) or any(map(_JOINED.match, words)):
        return True
    found = _SECRET.intersection(words)
    if found == {"pass"} and words[-1] != "pass":
        return False
    if words == ["keys"]:  # so distilabel calls the names of a setting's parts
        return False
    if found <= {"token", "tokens", "key", "keys"} and _OF_TEXT.intersection(words):
        return False
    if found == {"tokens"} and all(isinstance(leaf, int | float) for leaf in leaves(value)):
        return False
    return bool(found)


def secret_names(value: Any) -> list[str]:
    """The keys of a document, at any depth, that are named like a secret."""
    if isinstance(value, dict):
        found = [str(key) for key, item in value.items() if is_secret_name(str(key), item)]
        return found + [name for item in value.values() for name in secret_names(item)]
    if isinstance(value, list | tuple):
        return [name for item in value for name in secret_names(item)]
    return []


def leaves(value: Any) -> Iterator[Any]:
    """The values of a document, however deep."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def hide_secrets(text: str, known: Iterable[str] = ()) -> str:
    """The text with `***` in the place of secrets.

    Hidden are known values, those of the environment's variables that are named like secrets,
    and what looks like a key or a password.

    Args:
        text: such as an error of a server.
        known: values that are secret.
    """
    named = (value for name, value in os.environ.items() if is_secret_name(name))
    for value in sorted({*known, *named}, key=len, reverse=True):
        # A short one, or a word, would be found by chance.
        if len(value.strip()) >= 8 and not re.fullmatch("[a-z_]+", value.strip()):
            text = text.replace(value.strip(), HIDDEN)
    return _FORMS.sub(lambda found: found[0].replace(found[found.lastgroup or 0], HIDDEN), text)
