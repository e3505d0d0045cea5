"""One Excel workbook: the measures and visits, a sheet each, and what every column means."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from gaze.exports import measures, tables
from gaze.exports.common import Source, file_in, harmless, register
from sessions.run import atomic_write


@register("xlsx")
def write_xlsx(source: Source, out: Path) -> list[Path]:
    """``measures.xlsx``: students, student_areas, class_areas, timeline, visits, columns.

    No cell is a formula: a text that would be one gets a ``'`` before it, as in the CSV files.
    Control characters, which a workbook cannot hold, are ``�``. The same bytes for the same run.
    """
    m = source.measures
    sheets = {
        "students": (measures.students_of(source), measures.STUDENTS),
        "student_areas": (m.student_areas, measures.STUDENT_AREAS),
        "class_areas": (m.areas, measures.CLASS_AREAS),
        "timeline": (m.timeline, measures.TIMELINE),
        "visits": (m.visits, tables.VISITS),
    }
    rows = [
        (sheet, name, meaning["Description"], meaning.get("Units", ""))
        for sheet, (_, dictionary) in sheets.items()
        for name, meaning in dictionary.items()
    ]
    path = file_in(out, "measures.xlsx")
    columns = pd.DataFrame(rows, columns=["sheet", "column", "meaning", "unit"])
    made = io.BytesIO()
    with pd.ExcelWriter(made, engine="openpyxl") as book:
        for sheet, (frame, dictionary) in sheets.items():
            _storable(frame[list(dictionary)]).to_excel(book, sheet_name=sheet, index=False)
        _storable(columns).to_excel(book, sheet_name="columns", index=False)
    with atomic_write(path) as aside:
        aside.write_bytes(_without_the_moment(made))
    return [path]


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts without formulas and without what a workbook's XML cannot hold."""
    return harmless(frame).map(
        lambda cell: ILLEGAL_CHARACTERS_RE.sub("�", cell) if isinstance(cell, str) else cell
    )


def _without_the_moment(workbook: io.BytesIO) -> bytes:
    """The workbook's bytes without when it was written."""
    out = io.BytesIO()
    with zipfile.ZipFile(workbook) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "docProps/core.xml":
                data = re.sub(rb"<dcterms:(created|modified).*?</dcterms:\1>", b"", data)
            new.writestr(zipfile.ZipInfo(item.filename), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
