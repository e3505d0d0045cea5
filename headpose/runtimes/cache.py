"""Converted networks in the cache folder: whole and of these very weights, or made again."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from headpose.files import synced_replace


def converted(
    cache: Path, names: Sequence[str], weights: str, make: Callable[[Path], None]
) -> Path:
    """The first of a converted network's files; made where there are none that can be trusted.

    names : its files in ``cache``. make : writes files of those names into the folder it is given.
    Beside them lies a manifest with ``weights``, the sha256 of what they are made from, and that of
    every file. Other weights, a changed, truncated or missing file, or no such manifest: all are
    made again.
    """
    manifest = cache / f"{names[0]}.sha256.json"
    if _read(manifest) != _manifest(cache, names, weights):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".convert-", dir=cache) as folder:
            aside = Path(folder)
            make(aside)
            text = json.dumps(_manifest(aside, names, weights), indent=1)
            (aside / manifest.name).write_text(text, encoding="utf-8")
            for name in (*names, manifest.name):  # last the manifest, which vouches for the others
                synced_replace(aside / name, cache / name)
    return cache / names[0]


def _manifest(folder: Path, names: Sequence[str], weights: str) -> dict[str, object] | None:
    """What the manifest of these files must say; None: one is missing."""
    if not all((folder / n).is_file() for n in names):
        return None
    return {"weights": weights, "files": {n: _sha256(folder / n) for n in names}}


def _read(manifest: Path) -> object:
    try:
        return json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
