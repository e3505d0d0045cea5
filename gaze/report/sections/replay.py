"""The lesson again, as dots on the board: not in a report for sharing."""

from __future__ import annotations

import json

from markupsafe import Markup

from gaze.report import figures
from gaze.report.colours import row_colour
from gaze.report.page import Page, asset
from gaze.report.replay import PER_E, SMALLEST_M, pack, replay
from gaze.report.sections import Facts

ORDER = 52
SPEEDS = (1, 4, 16, 60)


def facts(page: Page) -> Facts | None:
    if page.empty or page.class_only:
        return None
    r = replay(page.measures.moments, page.lesson.board)
    row_of = dict(zip(page.seats["student"], page.seats["row"], strict=True))
    rows = [int(row_of.get(s, 0)) for s in r.students]
    code, cell_m = pack(r)
    words = page.words
    data = {
        "start": r.start_s, "step": r.step_s, "steps": r.steps, "names": r.students, "rows": rows,
        "colours": {row: row_colour(row) for row in sorted(set(rows))},
        "extent": r.extent_m, "board": (page.lesson.board.width_m, page.lesson.board.height_m),
        "cell": cell_m, "sigma": (SMALLEST_M, PER_E),
        "areas": [(figures.area_name(a.name, words), *a.x_m, *a.y_m)
                  for a in page.measures.area_list],
        "marks": [(a.time_s, a.end_s, a.label) for a in page.marks],
        "words": {key: words.table[f"replay_{key}"] for key in (
            "play", "pause", "away", "outside", "missing", "said", "old", "dot")},
        "code": code,
    }  # fmt: skip
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return {
        "data": Markup(text.replace("</", "<\\/")),
        "js": Markup(asset("replay.js")),
        "rows": [(row, row_colour(row)) for row in sorted(set(rows))],
        "students": r.students,
        "parts": [(i, p.mark) for i, p in enumerate(page.phases)],
        "spans": [(p.mark.time_s, p.mark.end_s) for p in page.phases],
        "speeds": SPEEDS,
        "step": page.seconds(r.step_s),
        "last": r.steps - 1,
    }
