"""One Excel workbook: the measures and visits, a sheet each, and what every column means."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gaze.exports import measures, tables
from gaze.exports.common import Source, file_in, harmless, register
from sessions.run import atomic_write


@register("xlsx")
def write_xlsx(source: Source, out: Path) -> list[Path]:
    """``measures.xlsx``: students, student_areas, class_areas, timeline, visits, columns.

    No cell is a formula: a text that would be one gets a ``'`` before it, as in the CSV files.
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
    with (
        atomic_write(path) as aside,
        aside.open("wb") as file,
        pd.ExcelWriter(file, engine="openpyxl") as book,
    ):
        for sheet, (frame, dictionary) in sheets.items():
            harmless(frame[list(dictionary)]).to_excel(book, sheet_name=sheet, index=False)
        columns = pd.DataFrame(rows, columns=["sheet", "column", "meaning", "unit"])
        harmless(columns).to_excel(book, sheet_name="columns", index=False)
    return [path]
