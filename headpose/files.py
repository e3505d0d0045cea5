"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def synced_replace(aside: Path, path: Path) -> None:
    """Move a written file into its place; it is on the disk before it bears its name."""
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(aside, path)
