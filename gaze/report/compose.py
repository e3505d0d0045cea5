"""The report's one HTML page, put together from its sections."""

from __future__ import annotations

from markupsafe import Markup

import gaze as package
from gaze.report.page import Page, asset
from gaze.report.sections import sections
from gaze.report.templates import render


def html(page: Page, plotly_js: str) -> str:
    """The page of a report."""
    shown = []
    for section in sections():
        facts = section.facts(page)
        if facts is not None:
            inner = render(f"{section.name}.html.j2", page=page, **facts)
            shown.append((section.name, inner))
    page_html = render(
        "page.html.j2",
        page=page,
        sections=shown,
        version=package.__version__,
        css=Markup(asset("report.css")),
        plotly_js=Markup(plotly_js),
        js=Markup(asset("report.js")),
        state=page.lesson.info.state,
    )
    return f"{page_html}\n"
