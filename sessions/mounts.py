"""Other disks in a folder of ours."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # Linux; it knows of folders of the same disk, too


def mounts_in(folder: Path) -> list[Path]:
    """Where another disk or folder is mounted: at a folder, or anywhere below it; links resolved.

    What lies behind is somebody else's: it is not ours to delete, and cannot be moved with the
    folder.
    """
    folder = folder.resolve()
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
        points = [re.sub(r"\\(\d{3})", lambda c: chr(int(c[1], 8)), s.split(" ")[4]) for s in lines]
        found = {Path(p) for p in points if Path(p).is_relative_to(folder)}
    except OSError:
        found = {p for p in (folder, *folder.rglob("*")) if os.path.ismount(p)}
    return sorted(found)
