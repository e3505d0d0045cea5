"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def atomic_write(path: Path, content: str | bytes) -> None:
    """Text (UTF-8) or bytes, written aside, then renamed; a missing folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    os.replace(aside, path)
