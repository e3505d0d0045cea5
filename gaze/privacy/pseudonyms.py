"""Pseudonyms that only a lesson's salt connects to its students."""

from __future__ import annotations

import hmac
import os
import secrets
import tomllib
from collections.abc import Iterable
from pathlib import Path

from sessions.config import CONFIG_NAME
from sessions.errors import SessionError

SALT_NAME = "salt.txt"


def lesson_salt(folder: str | Path) -> str:
    """The lesson's salt: session.toml's, else ``salt.txt``, made at first use (readable by the
    owner alone). Deleting it cuts the last link between pseudonyms and what they were made from.

    Raises
    ------
    SessionError : salt.txt is empty or no text.
    """
    folder = Path(folder)
    config = folder / CONFIG_NAME
    if config.is_file():
        salt = tomllib.loads(config.read_text(encoding="utf-8-sig")).get("salt")
        if isinstance(salt, str) and salt:
            return salt
    path = folder / SALT_NAME
    if os.path.lexists(path):
        salt = path.read_bytes().decode("utf-8", errors="replace").strip()
        if not salt or "\ufffd" in salt:  # an empty one orders pseudonyms as everybody can
            raise SessionError(
                "the lesson's salt is damaged", where=path,
                remedy="Take it from a copy of the lesson, or delete it: later exports then have "
                "other pseudonyms than earlier ones.",
            )  # fmt: skip
        return salt
    salt = secrets.token_hex(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(salt + "\n")
    return salt


def pseudonyms(names: Iterable[str], salt: str, *, prefix: str = "S-") -> dict[str, str]:
    """``S-01``, ``S-02``… for names or seats, in an order that only the salt knows.

    The same names and salt give the same pseudonyms; another lesson's salt another numbering, so
    that S-07 of two lessons is not one person. (An order by HMAC-SHA-256, so no two can collide.)
    """
    unique = sorted(set(names))
    order = sorted(unique, key=lambda n: hmac.digest(salt.encode(), n.encode(), "sha256"))
    digits = max(2, len(str(len(order))))
    return {name: f"{prefix}{i:0{digits}d}" for i, name in enumerate(order, 1)}
