"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_synced(path: Path, text: str) -> None:
    """Text (UTF-8), written aside and moved into its place."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    synced_replace(part, path)


def synced_replace(aside: Path, path: Path) -> None:
    """Move a written file into its place; it is on the disk before it bears its name."""
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(aside, path)
