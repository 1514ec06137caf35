"""Where a server is, and the key that opens it: an address without secrets, and a secret that is never shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.errors import UsageError

ADDRESS = "OPENAI_BASE_URL"
KEYS = ("BENCH_API_KEY", "OPENAI_API_KEY")


@dataclass(frozen=True)
class Place:
    """The address up to and with `/v1`, and the key ("": none), which no text of this object shows."""

    base_url: str
    key: str = field(default="", repr=False)

    def redacted(self, text: str) -> str:
        """The text without the key, wherever a server repeats it."""
        return text.replace(self.key, "***") if self.key else text


def find_place(base_url: str | None, key_variable: str | None) -> Place:
    """The server at `base_url`, else at the address in OPENAI_BASE_URL; its key from the environment alone.

    Raises `UsageError` for an address that is none or that holds credentials, and for a variable that is not set.
    """
    address = str(base_url or os.environ.get(ADDRESS, "")).rstrip("/")
    if not address:
        raise UsageError(
            "model 'api' does not know its server",
            cause=f"neither base_url= nor {ADDRESS} is given",
            fix="write api:NAME,base_url=http://127.0.0.1:8000/v1",
        )
    try:
        parts = urlsplit(address)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            "base_url is no address of a server",
            cause="it must be like http://127.0.0.1:8000/v1",
            fix="give scheme, host and path",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "base_url holds more than an address",
            cause="what is written there is kept in run.json, so nothing secret may be",
            fix=f"put the key into the environment: {KEYS[0]}",
        )
    return Place(address, _key(key_variable))


def _key(variable: str | None) -> str:
    if variable is None:
        return next((key for name in KEYS if (key := os.environ.get(name, "").strip())), "")
    if not isinstance(variable, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", variable):
        # What was given instead may be the key itself: it is not repeated.
        raise UsageError(
            "key_variable is no name of an environment variable",
            cause="it names where the key is, and is never the key",
            fix=f"leave it out and set {KEYS[0]}",
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(
            "the variable that key_variable names is not set",
            cause="the key of the server is expected in it",
            fix="set it, or leave key_variable out",
        )
    return key
