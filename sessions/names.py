"""Names that people give: compared in one form, and such as a file may have on every system."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

# Names that Windows keeps for devices: a lesson must survive being copied there.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def composed(text: str) -> str:
    """Text in Unicode's composed form (NFC), in which names are kept and compared: people, macOS
    and other programs write é as one sign or as two, and nobody sees which."""
    return unicodedata.normalize("NFC", text)


def key_of(name: str) -> str:
    """Two names with the same key would be mixed up: capitals, accents written in two ways, the
    wide letters of East Asian keyboards."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def in_place_of_file(path: Path) -> str | None:
    """What is found where a file should be; None: nothing, or a file."""
    if path.is_dir():
        return "a folder"
    if path.is_symlink() and not path.exists():
        return f"a link to {path.readlink()}, which is not there"
    if path.exists():
        return None if path.is_file() else "no ordinary file"
    beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    one = next((name for name in beside if key_of(name) == key_of(path.name)), None)
    longer = next(
        (name for name in beside if key_of(name).startswith(key_of(path.name) + ".")), None
    )
    if one is not None:
        return f"{one}, which has other capitals, or accents written in another way"
    return longer and f"{longer}: a program has put something after its name"
