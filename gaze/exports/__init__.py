"""A run's tables for other programs. Each format is one module that registers itself.

Every export writes a data dictionary (BIDS style JSON) beside each table and a line into the
lesson's audit.log. docs/exports.md describes the formats.
"""

from __future__ import annotations

from pathlib import Path

from gaze.exports import bids, elan, measures, pupil, tables  # noqa: F401  (they register themselves)
from gaze.exports.common import FORMATS, ExportError, Source, load_source
from gaze.privacy.forget import audit

__all__ = ["FORMATS", "ExportError", "Source", "export"]


def export(
    run_folder: str | Path, format: str, out: str | Path, *, salted: bool = False
) -> list[Path]:
    """Write a run in another program's format.

    Parameters
    ----------
    run_folder : a run of `gaze analyze`.
    format : csv, parquet, measures, visits, transitions, bids, pupil or elan.
    out : a file (csv, parquet, elan, visits, transitions) or a folder; a name without an ending is
        a folder, and the file gets its usual name in it.
    salted : replace the lesson's pseudonyms by ones that only the lesson's salt connects to them,
        for handing data on.

    Returns the files written.

    Raises
    ------
    ExportError : an unknown format. UserError : a run that cannot be read, an expired lesson.
    """
    if format not in FORMATS:
        raise ExportError(
            "there is no such export format", found=format, expected=", ".join(sorted(FORMATS))
        )
    source = load_source(run_folder, salted=salted)
    written = FORMATS[format](source, Path(out))
    audit(
        source.lesson.run.lesson_folder, "export", format=format, run=source.lesson.run.name,
        out=str(out), students=len(source.lesson.students), salted=salted,
    )  # fmt: skip
    return written
