"""What the lesson's pictures say: faces, students, positions, heads, gaze points, attention.

In a notebook::

    import gaze

    lesson = gaze.Lesson("my-lesson")  # a session folder
    run = lesson.analyze(fps=5)        # or lesson.run(), lesson.runs
    run.gaze                           # pandas: tidy, units in the names
    run.heatmap().figure()             # Plotly

Names are loaded when they are first asked for, so that ``import gaze`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gaze.lesson.settings import AnalyzeSettings
    from gaze.notebook import Heatmap, Lesson, LessonRun
    from gaze.report import write_report
    from gaze.setup.calibrate import calibrate_lesson
    from gaze.validation.validate import validate_lesson

_HOMES = {
    "AnalyzeSettings": "gaze.lesson.settings",
    "Heatmap": "gaze.notebook",
    "Lesson": "gaze.notebook",
    "LessonRun": "gaze.notebook",
    "calibrate_lesson": "gaze.setup.calibrate",
    "validate_lesson": "gaze.validation.validate",
    "write_report": "gaze.report",
}

__all__ = [
    "AnalyzeSettings",
    "Heatmap",
    "Lesson",
    "LessonRun",
    "__version__",
    "calibrate_lesson",
    "validate_lesson",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gaze' has no attribute {name!r}")
