"""The pieces that every screen is made of."""

from __future__ import annotations

import contextlib
import html
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from nicegui import ui

from calibration.errors import UserError
from gaze.app.desk import DEMO, SCREENS, TOUR, Desk
from gaze.app.files import free_bytes
from gaze.app.words import LANGUAGES
from sessions.config import SessionConfig, load_config
from sessions.config_edit import edit_config
from sessions.errors import SessionError
from sessions.lock import lesson_lock

Named = TypeVar("Named", bound=ui.element)

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
HERE_IN_VIEW = (
    "document.querySelector('[aria-current]')?.scrollIntoView({inline: 'center', block: 'nearest'})"
)
#: NiceGUI's own second line tells nobody what to do once the app is gone.
ENDED = "document.querySelector('#popup span:last-child').textContent = {}"
QUASAR: dict[str, Any] = {"en": "en-GB", "de": "de", "zh": "zh-CN"}
NOTICED_S = 0.7  # a shorter wait for pictures and numbers is not worth a word
ICONS = {None: "brightness_auto", False: "light_mode", True: "dark_mode"}
FOLLOWS: dict[bool | None, bool | None] = {None: False, False: True, True: None}


@dataclass(frozen=True)
class Place:
    """Where a page is: the desk, and the lesson it is about."""

    desk: Desk
    lesson: Path

    def __call__(self, key: str, /, **values: Any) -> str:
        return self.desk.words(key, **values)

    def edit(self, changes: dict[str, Any], since: SessionConfig) -> SessionConfig | None:
        """As :meth:`write`; why it is refused, or has to wait, is said on the page."""
        try:
            return self.write(changes, since)
        except (UserError, OSError) as error:
            complain(error)
            return None

    def write(self, changes: dict[str, Any], since: SessionConfig) -> SessionConfig:
        """Write session.toml. since : as it was when the page showed what is changed.

        Raises
        ------
        SessionError : a command is at work; or an editor, a command or another tab has changed the
            same values meanwhile. ConfigError : the file would not be good.
        """
        with lesson_lock(self.lesson):
            now = load_config(self.lesson)
            for key in changes:
                if value_of(now, key) != value_of(since, key):
                    raise SessionError(
                        f"{key} in session.toml was changed meanwhile; nothing was written",
                        where=self.lesson.name, remedy="Load this page again, then change it.",
                    )  # fmt: skip
            return edit_config(self.lesson, changes)


class Editor:
    """A screen that changes session.toml. config : the file as the page shows it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.config = load_config(place.lesson)

    def edit(self, changes: dict[str, Any]) -> bool:
        """As :meth:`Place.edit`, the page shows what is then there; whether it was written."""
        new = self.place.edit(changes, self.config)
        self.config = new or self.config
        return new is not None


def value_of(config: SessionConfig, key: str) -> Any:
    """What session.toml says under a key such as ``auxiliary[1].left_m``; None: nothing."""
    item: Any = config
    for part in re.findall(r"[a-z_]+|\d+", key):
        if part.isdigit():
            item = item[int(part)] if isinstance(item, tuple) and len(item) > int(part) else None
        else:
            item = getattr(item, part, None)
    return item


@contextmanager
def sheet(desk: Desk, title: str, lesson: Path | None = None, screen: str = "") -> Iterator[None]:
    """A page: its head, the way through a lesson's screens, and the content."""
    words = desk.words
    ui.page_title(f"{title} · gaze")
    ui.add_head_html(f"<style>{STYLE}</style>")
    ui.context.client.page.language = QUASAR[desk.language]  # of the page, and of its own few words
    ui.run_javascript(ENDED.format(json.dumps(words("ended"))))
    ui.colors(primary="var(--slate)")
    dark = ui.dark_mode(desk.dark)
    ui.add_body_html(f'<a class="skip" href="#content">{html.escape(words("skip"))}</a>')
    with ui.header(wrap=True).classes("bar"):
        ui.link("gaze", "/").props(f'aria-label="{words("lessons")}"')
        ui.label(title if lesson is None else lesson.name).classes("crumb")
        busy = pill(words("working"), "warn")
        busy.set_visibility(False)
        ui.timer(0.5, lambda: busy.set_visibility(desk.worker.waiting_s > NOTICED_S))
        with ui.element("div").classes("right"):
            ui.select(dict(LANGUAGES), value=desk.language, on_change=partial(_speak, desk)).props(
                f'dense borderless options-dense aria-label="{words("language")}"'
            )
            button = ui.button(icon=ICONS[desk.dark]).props(
                f'flat round dense color=none aria-label="{words("light_dark")}"'
            )

            def toggle() -> None:
                desk.dark = FOLLOWS[desk.dark]
                dark.set_value(desk.dark)
                button.props(f"icon={ICONS[desk.dark]}")

            button.on_click(toggle)
    if lesson is not None:
        with ui.element("nav").classes("steps").props(f'aria-label="{words("steps")}"'):
            for name in SCREENS:
                link = ui.link(words(f"step_{name}"), address(lesson, name))
                if name == screen:
                    link.props("aria-current=page")
        ui.run_javascript(HERE_IN_VIEW)
    with ui.element("div").classes("sheet").props("id=content"):
        heading(title, 1)
        if desk.tour and lesson is not None and lesson.name == DEMO and screen in TOUR:
            _tour_stop(desk, lesson, screen)
        yield


@contextmanager
def screen(place: Place, name: str) -> Iterator[None]:
    """One of a lesson's screens: its page, and the line that says what is done there."""
    with sheet(place.desk, place(f"step_{name}"), place.lesson, name):
        text(place(f"lead_{name}"), "lead")
        yield


def _tour_stop(desk: Desk, lesson: Path, screen: str) -> None:
    """What to look at here, and where the tour goes on."""
    words, n = desk.words, TOUR.index(screen)
    with ui.element("aside").classes("box tour").props(f'aria-label="{words("tour")}"'):
        text(words("tour_at", n=n + 1, all=len(TOUR)), "small quiet")
        text(words(f"tour_{screen}"))

        def end() -> None:
            desk.tour = False
            ui.navigate.reload()

        with ui.element("div").classes("rowline"):
            if n + 1 < len(TOUR):
                following = TOUR[n + 1]
                link = ui.link(words("tour_next", step=words(f"step_{following}")),
                               address(lesson, following))  # fmt: skip
                link.style("color:var(--slate);font-weight:600")
            action(words("tour_end"), end)


def _speak(desk: Desk, event: Any) -> None:
    desk.language = event.value
    ui.navigate.reload()


def address(lesson: Path, screen: str) -> str:
    return f"/lesson/{quote(lesson.name, safe='')}/{screen}"


def heading(text: str, level: int = 2) -> ui.element:
    return _tag(f"h{level}", text)


def _tag(tag: str, words: str, classes: str = "") -> ui.html:
    return ui.html(html.escape(words), sanitize=False, tag=tag).classes(classes)


def text(words: str, classes: str = "") -> ui.html:
    """A paragraph."""
    return _tag("p", words, classes)


def pill(words: str, kind: str = "") -> ui.element:
    """A short state; kind: good, warn, bad."""
    return _tag("span", words, f"pill {kind}")


@contextmanager
def box(title: str = "") -> Iterator[ui.element]:
    with ui.element("section").classes("box") as section:
        if title:
            heading(title)
        yield section


def action(
    label: str, do: Callable[[], Any], *, main: bool = False, icon: str | None = None
) -> ui.button:
    """A button; the project's errors that it meets are said on the page."""
    button = ui.button(label, icon=icon, on_click=partial(attempt, do))
    return button.props("flat no-caps color=none").classes("main" if main else "plain")


async def attempt(do: Callable[[], Any]) -> bool:
    """Do it; what goes wrong becomes a sentence on the page. Returns whether it went well."""
    try:
        result = do()
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        complain(error)
        if not isinstance(error, (UserError, OSError)):
            raise  # a fault of ours: its traceback goes to the terminal
        return False
    return True


def complain(error: Exception | str) -> None:
    """An error's sentence, until it is closed."""
    said = str(error)
    if isinstance(error, OSError):
        said = f"{error.filename or 'A file'} cannot be read or written: {error.strerror}."
    elif not isinstance(error, (str, UserError)):
        said = f"This went wrong, and should not have: {type(error).__name__}: {error}"
    ui.notify(said, type="negative", timeout=0, close_button="✕", multi_line=True, position="top")


def later(do: Callable[[], Any]) -> None:
    """Do it once the page is there."""
    ui.timer(0.1, partial(attempt, do), once=True)


def every(seconds: float, do: Callable[[], Any]) -> ui.timer:
    """Do it again and again, until it goes wrong: that is said once."""

    async def again() -> None:
        if not await attempt(do):
            timer.deactivate()

    timer = ui.timer(seconds, again)
    return timer


def finding(place: Place, severity: str, what: str, remedy: str = "") -> None:
    """One finding of `gaze check`, or one cause of a verdict."""
    mark = {"error": "✗", "warning": "!", "ok": "✓"}[severity]
    said = place(f"severity_{severity}")
    with ui.element("div").classes(f"finding {severity}"):
        sign = f'<span role="img" aria-label="{html.escape(said)}">{mark}</span>'
        body = f'{sign} <span lang="en">{html.escape(what)}</span>'
        if remedy:
            body += f' <span lang="en" class="remedy">{html.escape(remedy)}</span>'
        ui.html(body, sanitize=False)


async def ask(question: str, yes: str, no: str, detail: str = "") -> bool:
    """A question before something that cannot be undone."""
    with ui.dialog() as dialog, ui.card():
        heading(question)
        if detail:
            text(detail)
        with ui.row():
            for label, answer, kind in ((no, False, "plain"), (yes, True, "danger")):
                button = ui.button(label, on_click=partial(dialog.submit, answer))
                button.props("flat no-caps color=none").classes(kind)
    agreed = await dialog
    dialog.delete()
    return bool(agreed)


def files_button(
    place: Place,
    label: str,
    bring: Callable[[str, Any], Awaitable[Any]],
    then: Callable[[], Any],
    *,
    kinds: str,
    multiple: bool = False,
) -> ui.button:
    """A button that brings files of this computer into the lesson's folder.

    bring : called with each file's name and its upload. then : called after the last.
    """

    async def all_there(event: Any) -> None:
        for file in event.files:
            await attempt(partial(bring, file.name, file))
        uploader.reset()
        await attempt(then)

    def refused() -> None:
        gb = free_bytes(place.desk.folder) / 1e9
        complain(place("not_taken", kinds=kinds.replace(",", ", "), gb=f"{gb:.1f}"))

    uploader = ui.upload(
        multiple=multiple, auto_upload=True, on_multi_upload=all_there, on_rejected=refused,
        max_file_size=free_bytes(place.desk.folder),
    )  # fmt: skip
    uploader.on("failed", refused)
    uploader.props(f'accept="{kinds}" aria-hidden=true')
    button = ui.button(label, icon="upload").props("outline no-caps color=none").classes("plain")
    button.on("click", js_handler=f"() => runMethod({uploader.id}, 'pickFiles', [])")
    return button


class Number(ui.input):
    """A field for a number as people type it; what is none is said below it.

    Not the browser's own: where it speaks English, that makes 254 of ``25,4``.

    shown : at first. read : the value of what is typed (ValueError: none). wrong : what is said
    then. step : what the arrow keys add; 0: nothing.
    """

    def __init__(
        self, label: str, shown: str, read: Callable[[str], float], wrong: str, *, step: float = 0
    ) -> None:
        self._read = read
        super().__init__(label, value=shown, validation={wrong: lambda _: not self.wrong})
        self.props("outlined dense hide-bottom-space inputmode=decimal")
        if step:
            self.on("keydown.up.prevent", partial(self._add, step))
            self.on("keydown.down.prevent", partial(self._add, -step))

    @property
    def number(self) -> float | None:
        """None: nothing, or no number."""
        with contextlib.suppress(ValueError):
            return self._read(str(self.value or ""))
        return None

    @property
    def wrong(self) -> bool:
        return self.number is None and bool(str(self.value or "").strip())

    def _add(self, step: float) -> None:
        if self.number is not None:
            self.value = f"{self.number + step:.10g}"


def all_right(place: Place, fields: Iterable[Number]) -> bool:
    """Whether each holds its number; that one does not is said."""
    good = all(field.number is not None for field in fields)
    if not good:
        complain(place("mend_fields"))
    return good


def page_frame(lesson: Path, where: str, title: str, changed_ns: int) -> None:
    """A page that a command wrote, in a frame that can reach nothing."""
    frame = ui.element("iframe").classes("report")
    frame.props(
        f'src="/page/{quote(lesson.name, safe="")}/{where}?{changed_ns}" '
        'sandbox="allow-scripts allow-downloads"'
    )
    frame.props["title"] = title


#: Where something was clicked from its left edge, 0 to 1, for the handler's ``event.args``.
SHARE = """(e) => { const r = e.currentTarget.getBoundingClientRect();
  emit((e.clientX - r.left) / r.width); }"""


def cross(do: Callable[[], Any], name: str) -> ui.button:
    """A small button that removes something; its name says what."""
    button = ui.button(icon="close", on_click=do).props("flat round dense color=none")
    return named(button, name)


def named(element: Named, name: str) -> Named:
    """Give an element a name for screen readers; any text will do, quotes and tags included."""
    element.props["aria-label"] = name
    return element


def describe_image(element: ui.interactive_image, words: str) -> None:
    """NiceGUI gives the picture inside no alternative text; empty: what is around it says it."""
    ui.run_javascript(
        f"const name = () => {{ const i = document.querySelector('#c{element.id} img'); "
        f"if (i) i.alt = {json.dumps(words)}; else setTimeout(name, 50); }}; name();"
    )


def meter(share: float, label: str) -> str:
    """HTML of a progress bar."""
    percent = round(100 * share)
    return (
        f'<div class="meter" role="progressbar" aria-label="{html.escape(label)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
        f'<div style="width:{percent}%"></div></div>'
    )
