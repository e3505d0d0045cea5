"""A session.toml that is not good: what is wrong with it, and its text to be mended."""

from __future__ import annotations

import html

from nicegui import ui

from gaze.app.parts import Place, action, sheet, text
from sessions.config_edit import config_text, rewrite_config
from sessions.errors import ConfigError
from sessions.lock import lesson_lock


def build(place: Place, error: ConfigError) -> None:
    """The whole page; each lesson's screen shows it while its session.toml is not good."""
    with sheet(place.desk, place("mend"), place.lesson):
        said = text(str(error), "finding error")
        try:
            before = config_text(place.lesson)
        except ConfigError:  # no text at all: the sentence says so
            return
        text(place("mend_how"), "small quiet")
        words = ui.textarea("session.toml", value=before).props(
            "outlined autogrow spellcheck=false"
        )
        words.classes("toml")

        def write() -> None:
            try:
                with lesson_lock(place.lesson):
                    rewrite_config(place.lesson, str(words.value or ""), before)
            except ConfigError as still:
                said.set_content(html.escape(str(still)))
                raise
            ui.navigate.reload()

        with ui.element("div").classes("rowline").style("margin-top:.7rem"):
            action(place("write"), write, main=True)
            action(place("load_again"), ui.navigate.reload)
