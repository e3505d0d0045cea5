"""What pages, drawings and office files say to a reader: not their tags, curves and cells' places.

A student may be called A1, D, M10, td or circle; a file that is only written with such words says
nothing about anybody.
"""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

# Attributes of pages and drawings that say how something looks or lies.
DRAWN = {"d", "points", "transform", "viewbox", "style", "fill", "stroke", "color", "bgcolor"}
# Attributes of office files in which the writer's words stand; others are the format's own.
WRITTEN = {
    "name", "title", "descr", "display", "author", "initials", "tooltip", "alt", "v",
    "string-value", "sheet",
}  # fmt: skip
FORMULAS = {"f", "formula", "formula1", "formula2", "definedname"}
FORMAT_S_OWN = re.compile(
    r"\[Content_Types\]\.xml|(.*/)?(theme/.*|styles\.xml|fontTable\.xml|.*\.rels)"
)


def is_office(names: list[str]) -> bool:
    """Whether a zip's members are those of a workbook, a document or slides."""
    return "[Content_Types].xml" in names or names[:1] == ["mimetype"]


def page_text(text: str) -> str:
    """A page's or a drawing's words and attributes, without plotly's code and pictures' pixels."""
    for code in _plotly_codes():
        text = text.replace(code, "")
    return _said(_Page(), re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))


def office_text(name: str, data: bytes) -> str:
    """What the writer of an office file's member wrote; "" for what is the format's own."""
    if FORMAT_S_OWN.fullmatch(name):
        outside = re.findall(rb'Target="([^"]*)"[^>]*TargetMode="External"', data)
        return b"\n".join(outside).decode("utf-8", "replace")
    return _said(_Office(), data.decode("utf-8", errors="replace"))


class _Page(HTMLParser):
    """Collects words, and the attributes that are not DRAWN."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.inside = ""

    def counts(self, attribute: str) -> bool:
        return attribute not in DRAWN and not attribute.startswith("xmlns")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag.rpartition(":")[2]
        self.said += [v for k, v in attrs if v and self.counts(k.rpartition(":")[2])]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside != "style":
            self.said.append(data)

    def handle_comment(self, data: str) -> None:
        self.said.append(data)


class _Office(_Page):
    """Collects words, texts in formulas, and the attributes that are WRITTEN."""

    def counts(self, attribute: str) -> bool:
        return attribute in WRITTEN

    def handle_data(self, data: str) -> None:
        formula = self.inside in FORMULAS
        self.said += re.findall(r'"[^"]*"', data) if formula else [data]


def _said(reader: _Page, text: str) -> str:
    reader.feed(text)
    return "\n".join([*reader.said, reader.rawdata])  # with what a tag that does not end leaves


@cache
def _plotly_codes() -> tuple[str, ...]:
    """The report's plotly.js and the whole one (calibration.html, `gaze simulate --plan`)."""
    from plotly.offline import get_plotlyjs

    from gaze.report.page import plotly_js

    return plotly_js(), str(get_plotlyjs())
