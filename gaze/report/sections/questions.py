"""Questions for looking back."""

from __future__ import annotations

from gaze.report.page import Page
from gaze.report.sections import Facts

ORDER = 100


def facts(page: Page) -> Facts | None:
    return None if page.empty else {"questions": ("question_1", "question_2", "question_3")}
