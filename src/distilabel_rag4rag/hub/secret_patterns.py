"""Secrets known by their form: the keys of services, passwords in URLs, signed requests.

The forms of keys are those of detect-secrets, and those of the services that language models are
asked at, which it does not know.
"""

import base64
import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from distilabel_rag4rag.hub.secret_names import is_placeholder, is_secret_name

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

#: What a text without any of this needs no closer look; RE2 reads it as Python does.
SUSPECT = r"\S{16}|://|PRIVATE KEY"

_BEFORE = r"(?<![A-Za-z0-9])"
_KEYS = re.compile(
    _BEFORE
    + "(?:"
    + "|".join(
        (
            r"(?:hf|api_org)_[A-Za-z0-9]{20,}",
            r"github_pat_\w{30,}",
            r"AIza[\w-]{35}",
            r"ya29\.[\w-]{20,}",
            r"xox[abeprs]-[\w-]{10,}",
            r"npm_[A-Za-z0-9]{36}",
            r"pypi-[\w-]{16,}",
            r"dapi[0-9a-f]{32}",
            r"dop_v1_[0-9a-f]{32,}",
            r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,}",
        )
    )
    + ")"
)
#: Short beginnings, which words have too: the rest must look drawn.
_DRAWN = re.compile(
    _BEFORE
    + r"(?:sk|pk|rk|csk|gsk|nvapi|glpat|pplx|r8|xai|fw|jina|pa|lsv2|tvly|napi)[-_]([\w-]{16,})"
)
_BEARER = re.compile(r"(?i)\bbearer\s+((?=[^\s]*\d)[\w.~+/=-]{16,})")
_BASIC = re.compile(r"(?i:\bbasic)\s+([A-Za-z0-9+/]{8,}={0,2})")
_WRAPPED = re.compile(r"\baGZf[A-Za-z0-9+/]{30,}={0,2}")  # `hf_` in base64
_ACCOUNT = re.compile(
    r"(?i)\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[^;\s]{8,}"
    r"|;\s*(?:password|pwd)=([^;\s]{4,})"
)
_URL = re.compile(r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s'\"<>]*")
#: A port is no password; a password may hold a slash.
_USER = re.compile(r"://(?P<user>[^/:@?#\[]*)(?::(?!\d+(?:/|$))(?P<password>[^@]+))?@")
_QUERY = re.compile(r"[?&;]([^=&#]+)=([^&#]{6,})")
_PUBLIC_USERS = {"git", "anonymous", "ftp", "hg", "svn", "user", "username"}


def secret_form(text: str) -> str | None:
    """What kind of secret the text holds by its form, or None."""
    for match in _KEYS.finditer(text):
        if not is_placeholder(match[0]):
            return "a key of a service"
    for match in _DRAWN.finditer(text):
        if _looks_drawn(match[1]) and not is_placeholder(match[0]):
            return "a key of a service"
    if _BEARER.search(text):
        return "a bearer token"
    if any(b":" in _decoded(match[1]) for match in _BASIC.finditer(text)):
        return "a password for HTTP"
    if any(_decoded(match[0]).startswith(b"hf_") for match in _WRAPPED.finditer(text)):
        return "a key in base64"
    if any(not is_placeholder(match[1] or match[0]) for match in _ACCOUNT.finditer(text)):
        return "the key of an account"
    if "://" in text and any(_tells(match[0]) for match in _URL.finditer(text)):
        return "a URL with a password or key"
    for plugin in _plugins():
        if any(not is_placeholder(str(found)) for found in plugin.analyze_string(text)):
            return str(plugin.secret_type)
    return None


def _tells(url: str) -> bool:
    """Whether a URL lets its reader in."""
    if (found := _USER.search(url)) is not None:
        user, password = found["user"], found["password"]
        if password and user not in ("anonymous", "ftp") and not is_placeholder(password):
            return True
        if not password and user not in _PUBLIC_USERS and re.search(r"\d", user) and len(user) > 7:
            return True
    return any(
        (is_secret_name(name) or name.lower() in ("sig", "signature", "x-amz-signature"))
        and not is_placeholder(value)
        for name, value in _QUERY.findall(url)
    )


def _looks_drawn(text: str) -> bool:
    """All kinds of characters, or a run that no word is as long as."""
    kinds = all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return kinds or bool(re.search(r"[A-Za-z0-9]{20}", text))


def _decoded(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return found if found.isascii() and found.decode("ascii").isprintable() else b""


@cache
def _plugins() -> "list[BasePlugin]":
    found = []
    for name in _PLUGINS:
        module, _, plugin = name.partition(".")
        loaded = import_module(f"detect_secrets.plugins.{module}")
        found.append(getattr(loaded, f"{plugin}Detector")())
    return found
