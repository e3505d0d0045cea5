"""How this was made: settings, versions, and until when the data may be kept."""

from __future__ import annotations

import datetime as dt

import gaze as package
from gaze.report.page import Page
from gaze.report.sections import Facts

ORDER = 120


def facts(page: Page) -> Facts:
    config, m = page.lesson.config, page.measures
    retention = page.w("retention_none")
    if config.retention_days is not None and config.date is not None:
        until = config.date + dt.timedelta(days=config.retention_days)
        retention = page.w("retention", date=page.date(until))
    settings = (
        f"min_visit_s {m.min_visit_s:g}, bridge_s {m.bridge_s:g}, gap_s {m.gap_s:g}, "
        f"window_s {m.window_s:g}, seed {m.seed}"
    )
    versions = page.w(
        "versions", version=package.__version__, run=page.lesson.run.name,
        started=page.lesson.info.started or "–", settings=settings,
    )  # fmt: skip
    return {"retention": retention, "versions": versions}
