"""Secrets known by their form: the keys of services, passwords in URLs, signed requests.

Most forms are detect-secrets' own; the table adds those of the services that language models are
asked at, and of requests. Each pattern has an example, which is its test.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from distilabel_rag4rag.hub.secret_names import is_placeholder
from distilabel_rag4rag.utils.secrets import is_secret_name

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

#: Left out are those that go by entropy or by a word nearby, and those that also find prose.
_PLUGINS = (
    *("aws.AWSKey", "azure_storage_key.AzureStorageKey", "discord.DiscordBotToken"),
    *("github_token.GitHubToken", "gitlab_token.GitLabToken", "jwt.JwtToken"),
    *("mailchimp.Mailchimp", "npm.Npm", "openai.OpenAI", "private_key.PrivateKey"),
    *("pypi_token.PypiToken", "sendgrid.SendGrid", "slack.Slack", "square_oauth.SquareOAuth"),
    *("stripe.Stripe", "telegram_token.TelegramBotToken", "twilio.TwilioKey"),
)

#: A text without any of this holds no secret; RE2 reads it as Python does.
SUSPECT = r"\S{16}|://|PRIVATE KEY"

_BEFORE = r"(?<![A-Za-z0-9])"
#: A port is no password; a password may hold a slash.
_USER = re.compile(r"://(?P<user>[^/:@?#\[]*)(?::(?!\d+(?:/|$))(?P<password>[^@]+))?@")
_QUERY = re.compile(r"[?&;]([^=&#]+)=([^&#]{6,})")
_PUBLIC_USERS = {"git", "anonymous", "ftp", "hg", "svn", "user", "username"}


def _is_no_placeholder(match: re.Match[str]) -> bool:
    return not is_placeholder(match[match.lastindex or 0])


def _looks_random(match: re.Match[str]) -> bool:
    """All kinds of characters, or a run that no word is as long as; such beginnings words have."""
    text = match[1]
    kinds = all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return (kinds or bool(re.search(r"[A-Za-z0-9]{20}", text))) and not is_placeholder(match[0])


def _decoded(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return found if found.isascii() and found.decode("ascii").isprintable() else b""


def _grants_access(match: re.Match[str]) -> bool:
    """Whether a URL lets its reader in."""
    if (found := _USER.search(match[0])) is not None:
        user, password = found["user"], found["password"]
        if password and user not in ("anonymous", "ftp") and not is_placeholder(password):
            return True
        if not password and user not in _PUBLIC_USERS and re.search(r"\d", user) and len(user) > 7:
            return True
    return any(
        (is_secret_name(name) or name.lower() in ("sig", "signature", "x-amz-signature"))
        and not is_placeholder(value)
        for name, value in _QUERY.findall(match[0])
    )


@dataclass(frozen=True)
class SecretPattern:
    """A form of secrets.

    Attributes:
        kind: what errors call it.
        pattern: what to search for.
        example: a text that holds one.
        confirms: what a match must pass besides.
    """

    kind: str
    pattern: re.Pattern[str]
    example: str
    confirms: Callable[[re.Match[str]], bool] = _is_no_placeholder


def _key(pattern: str, example: str) -> SecretPattern:
    return SecretPattern("a key of a service", re.compile(f"{_BEFORE}(?:{pattern})"), example)


# The examples are put together so that no scanner of this repository takes them for real.
PATTERNS = (
    _key(r"(?:hf|api_org)_[A-Za-z0-9]{20,}", "hf_" + "q7" * 17),
    _key(r"github_pat_\w{30,}", "github_pat_" + "a1B2" * 8),
    _key(r"AIza[\w-]{35}", "AIza" + "a1B2c" * 7),
    _key(r"ya29\.[\w-]{20,}", "ya29." + "a0AfH6" * 4),
    _key(r"xox[abeprs]-[\w-]{10,}", "xoxb-" + "1234567890"),
    _key(r"npm_[A-Za-z0-9]{36}", "npm_" + "abcdEFGH1234" * 3),
    _key(r"pypi-[\w-]{16,}", "pypi-" + "AgEIcHlwaS5v" * 2),
    _key(r"dapi[0-9a-f]{32}", "dapi" + "0123456789abcdef" * 2),
    _key(r"dop_v1_[0-9a-f]{32,}", "dop_v1_" + "0123456789abcdef" * 2),
    _key(
        r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,}", "eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + ".c1c1c"
    ),
    SecretPattern(
        "a key of a service",
        re.compile(
            f"{_BEFORE}(?:sk|pk|rk|csk|gsk|nvapi|glpat|pplx|r8|xai|fw|jina|pa|lsv2|tvly|napi)"
            r"[-_]([\w-]{16,})"
        ),
        "gsk_" + "abcdEFGH1234" * 2,
        _looks_random,
    ),
    SecretPattern(
        "a bearer token",
        re.compile(r"(?i)\bbearer\s+((?=[^\s]*\d)[\w.~+/=-]{16,})"),
        "Bearer " + "abc123def456ghi789",
        lambda match: True,
    ),
    SecretPattern(
        "a password for HTTP",
        re.compile(r"(?i:\bbasic)\s+([A-Za-z0-9+/]{8,}={0,2})"),
        "Basic " + "dXNlcjpwYXNzd29yZA==",
        lambda match: b":" in _decoded(match[1]),
    ),
    SecretPattern(
        "a key in base64",
        re.compile(r"\b(aGZf[A-Za-z0-9+/]{30,}={0,2})"),
        base64.b64encode(b"hf_" + b"q7" * 17).decode(),
        lambda match: _decoded(match[1]).startswith(b"hf_"),
    ),
    SecretPattern(
        "the key of an account",
        re.compile(
            r"(?i)\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[^;\s]{8,}"
            r"|;\s*(?:password|pwd)=([^;\s]{4,})"
        ),
        "AccountName=x;AccountKey=" + "abc123" * 4,
    ),
    SecretPattern(
        "a URL with a password or key",
        re.compile(r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s'\"<>]*"),
        "https://ann:" + "hunter22@example.org/v1",
        _grants_access,
    ),
)


def secret_form(text: str) -> str | None:
    """What kind of secret the text holds by its form, or None."""
    for known in PATTERNS:
        if any(known.confirms(match) for match in known.pattern.finditer(text)):
            return known.kind
    for plugin in _plugins():
        if any(not is_placeholder(str(found)) for found in plugin.analyze_string(text)):
            return str(plugin.secret_type)
    return None


@cache
def _plugins() -> "list[BasePlugin]":
    found = []
    for name in _PLUGINS:
        module, _, plugin = name.partition(".")
        loaded = import_module(f"detect_secrets.plugins.{module}")
        found.append(getattr(loaded, f"{plugin}Detector")())
    return found
