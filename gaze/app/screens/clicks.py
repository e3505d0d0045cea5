"""A picture on which the blackboard's four corners are clicked: loupe, undo, numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.events import MouseEventArguments

from calibration.errors import UserError
from gaze.app.parts import Number, Place, action, all_right, complain, describe_image, later, text
from gaze.app.sights import Picture
from gaze.app.units import parse_number

CORNERS = ("upper_left", "upper_right", "lower_right", "lower_left")
Clicks = list[tuple[float, float]]

#: A round glass beside the pointer that shows the picture four times as large.
LOUPE = """<script>
document.addEventListener('mousemove', e => {
  const glass = document.querySelector('.loupe'); if (!glass) return;
  const box = e.target.closest('.clickable'); const img = box && box.querySelector('img');
  if (!img) { glass.style.display = 'none'; return; }
  const r = img.getBoundingClientRect(), zoom = 4 * Math.max(1, img.naturalWidth / r.width / 2);
  const u = (e.clientX - r.left) / r.width, v = (e.clientY - r.top) / r.height;
  if (u < 0 || v < 0 || u > 1 || v > 1) { glass.style.display = 'none'; return; }
  const w = r.width * zoom, h = r.height * zoom, d = 84;
  Object.assign(glass.style, { display: 'block', backgroundImage: `url("${img.src}")`,
    backgroundSize: `${w}px ${h}px`, backgroundPosition: `${d - u * w}px ${d - v * h}px`,
    left: `${e.clientX > innerWidth / 2 ? e.clientX - 200 : e.clientX + 30}px`,
    top: `${Math.max(4, e.clientY - 84)}px` });
});
</script><div class="loupe" aria-hidden="true"></div>"""


class Clicker:
    """Where a picture is shown, once one is chosen.

    save : called with the clicked corners, in pixels of the whole picture, upright, in the order of
        :data:`CORNERS`. changed : called when a corner was.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        save: Callable[[Clicks], Any],
        changed: Callable[[], Any] | None = None,
    ) -> None:
        ui.add_body_html(LOUPE)
        self.place, self.name, self.save, self.changed = place, name, save, changed
        self.clicks: Clicks = []
        self.fields: list[Number] = []
        self.canvas = ui.element("div")

    async def show(
        self, path: Path, clicks: Sequence[Sequence[float]], more: Callable[[], None] | None = None
    ) -> None:
        """Show a picture with what was clicked in it before. more : builds what else is asked."""
        p = self.place
        try:
            shown: Picture = await p.desk.worker.call("picture", path, None)
        except UserError as error:
            complain(error)
            return
        self.clicks = [(float(u), float(v)) for u, v in clicks]
        self.canvas.clear()
        with self.canvas:
            self.image = ui.interactive_image(
                p.desk.shelf.put(shown.data), on_mouse=self._click, events=["click"], cross=True,
                sanitize=False,
            ).classes("clickable shot")  # fmt: skip
            describe_image(self.image, self.name)
            if more is not None:
                more()
            self.next_corner = text("", "small")
            self.numbers = ui.element("div").classes("fields")
            with ui.element("div").classes("rowline"):
                action(p("undo"), self._undo, icon="undo")
                action(p("write_corners"), self._save, main=True)
        self._show_clicks()

    def _click(self, event: MouseEventArguments) -> None:
        if len(self.clicks) < 4:
            self.clicks.append((round(event.image_x, 1), round(event.image_y, 1)))
            self._show_clicks()

    def _undo(self) -> None:
        if self.clicks:
            self.clicks.pop()
            self._show_clicks()

    def _show_clicks(self) -> None:
        p = self.place
        self._mark()
        n = len(self.clicks)
        said = p("all_clicked") if n == 4 else p("click_next", corner=p(CORNERS[n]))
        self.next_corner.set_content(said)
        self.numbers.clear()
        self.fields.clear()
        with self.numbers:
            for i, point in enumerate(self.clicks):
                for axis, value in enumerate(point):
                    label = f"{p(CORNERS[i])} {'uv'[axis]} (px)"
                    number = Number(label, f"{value:g}", parse_number, p("no_number"), step=1)
                    number.on_value_change(partial(self._move, i, axis, number))
                    self.fields.append(number)

    def _mark(self) -> None:
        marks = "".join(
            f'<circle cx="{u}" cy="{v}" r="12" fill="none" stroke="#ff4a2e" stroke-width="4"/>'
            f'<circle cx="{u}" cy="{v}" r="2" fill="#ff4a2e"/>'
            f'<text x="{u + 18}" y="{v - 14}" fill="#ff4a2e" font-size="42">{i + 1}</text>'
            for i, (u, v) in enumerate(self.clicks)
        )
        if len(self.clicks) > 1:
            ends = " ".join(f"{u},{v}" for u, v in self.clicks)
            marks += f'<polygon points="{ends}" fill="none" stroke="#ff4a2e" stroke-width="2"/>'
        self.image.set_content(marks)
        if self.changed is not None:
            later(self.changed)

    def _move(self, i: int, axis: int, field: Number) -> None:
        """A corner by its numbers: for the keyboard, pixel by pixel."""
        if field.number is not None:
            u, v = self.clicks[i]
            self.clicks[i] = (field.number, v) if axis == 0 else (u, field.number)
            self._mark()

    async def _save(self) -> None:
        if all_right(self.place, self.fields):
            await self.save(self.clicks)
