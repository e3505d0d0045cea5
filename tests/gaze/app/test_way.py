"""The whole way of a new user in a real browser: an empty folder, no terminal, a report.

The demo lesson's own videos and pictures are put in, the tape is typed, the blackboard's corners
are clicked in a (drawn) picture of the room. Skipped where there is no Chromium.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from calibration.corners.boards import Board
from calibration.room.world import Tape
from gaze.setup.demo import LESSON, copy_lesson
from sessions.config import load_config
from tests.gaze.app.room_photo import take_photo
from tests.gaze.app.serving import App, open_page, running
from tests.gaze.browsing import LONG_MS

pytest.importorskip("nicegui", reason="needs the extra `app`")
SCREENS = ("setup", "recordings", "board", "room", "seats", "areas", "run", "report")
TAPE = {"left_m": 1.74, "down_m": 1.36, "out_m": 1.75}


def put_in(page: Any, button: Any, files: list[Path]) -> None:
    """Choose files of this computer, as the file dialog does."""
    with page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files([str(f) for f in files])


def step(page: Any, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(f"h1:has-text('{name}')")


def type_into(page: Any, label: str, words: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(words)
    field.press("Tab")


def until(true: Any, seconds: float = LONG_MS / 1000) -> None:
    """Wait for a file to say what was typed."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def barriers(page: Any) -> list[Any]:
    """What axe finds serious on the page as it is, once a message that fades is gone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page.wait_for_function("!document.querySelector('.q-notification')")
    return [
        (v["id"], [n["html"][:120] for n in v["nodes"]])
        for v in axe.Axe().run(page).response["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def test_from_an_empty_folder_to_the_report(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "lessons"
    folder.mkdir()
    with running(folder) as app:
        page = open_page(browser, app)
        new_lesson(page)
        lesson = folder / "7b-fractions"
        recordings(page, lesson)
        chessboard(page, lesson)
        room(page, lesson, tmp_path)
        run_and_read(page, lesson)
        assert page.seen_errors == []
        hosts = {urlsplit(u).hostname for u in page.seen_requests if not u.startswith("data:")}
        assert hosts <= {"127.0.0.1", None}  # nothing was asked of anybody else


def new_lesson(page: Any) -> None:
    page.get_by_role("button", name="New lesson").click()
    page.get_by_label("1. What is the lesson called?").fill("7b, fractions")
    page.get_by_label("3. Blackboard, width (m)").fill("4.0")
    page.get_by_label("Blackboard, height (m)").fill("120 cm")
    page.get_by_role("button", name="Make the lesson").click()
    page.wait_for_url("**/recordings")


def recordings(page: Any, lesson: Path) -> None:
    assert load_config(lesson).blackboard.height_m == 1.2
    for k, camera in enumerate(("left", "right")):
        put_in(page, page.get_by_role("button", name="Add a video").nth(k),
               [LESSON / f"{camera}.mp4"])  # fmt: skip
        until((lesson / f"{camera}.mp4").is_file)
        page.wait_for_load_state("networkidle")
    page.wait_for_selector("img.shot >> nth=1")
    page.get_by_role("button", name="Save the offset").click()
    until(lambda: load_config(lesson).cameras.right.offset_s == 0.0)


def chessboard(page: Any, lesson: Path) -> None:
    step(page, "Chessboard")
    page.get_by_label("Edge of a square, mm").fill("50")
    page.get_by_role("button", name="Save").click()
    until(lambda: load_config(lesson).board.square_m == 0.05)
    for k, camera in enumerate(("left", "right")):
        files = sorted((LESSON / "calibration" / camera).iterdir())[::2]  # half: they are enough
        put_in(page, page.get_by_role("button", name="Add pictures or a video").nth(k), files)
        until(lambda c=camera, n=len(files): len(list((lesson / "calibration" / c).iterdir())) == n)
    page.wait_for_selector("text=Board found in 11 of 11 pictures >> nth=1")
    assert barriers(page) == []


def room(page: Any, lesson: Path, tmp_path: Path) -> None:
    step(page, "Room")
    for camera, label in (("left", "Left camera's picture"), ("right", "Right camera's picture")):
        button = page.get_by_role("button", name=re.compile(label))
        put_in(page, button, [LESSON / "calibration" / "auxiliary" / f"{camera}.jpg"])
        page.wait_for_selector(f"text={label} ✓")
    page.wait_for_load_state("networkidle")
    type_into(page, "Edge of its squares (m)", "8 cm")
    type_into(page, "Left (m)", "174 cm")
    type_into(page, "Down (m)", "1,36")
    type_into(page, "Out (m)", "1.75")
    type_into(page, "Between the two lenses (m)", "4.51")
    until(lambda: load_config(lesson).cameras.apart_m == 4.51)
    aux = load_config(lesson).auxiliary[0]
    assert {k: getattr(aux, k) for k in TAPE} == TAPE
    assert aux.board is not None and aux.board.square_m == 0.08
    corners = take_photo(
        tmp_path / "room1.jpg", Tape("flat", **TAPE), Board("chessboard", (9, 6), 0.08), (4.0, 1.2)
    )
    put_in(page, page.get_by_role("button", name="Add a picture of the room"),
           [tmp_path / "room1.jpg"])  # fmt: skip
    until((lesson / "calibration" / "auxiliary" / "room1.jpg").is_file)
    page.wait_for_load_state("networkidle")
    page.get_by_label("Picture of the room").click()
    page.get_by_role("option", name="room1.jpg").click()
    image = page.locator(".clickable img")
    image.wait_for()
    page.wait_for_function("document.querySelector('.clickable img').naturalWidth > 0")
    scale = image.bounding_box()["width"] / 2016
    image.click(position={"x": 5, "y": 5})  # a slip …
    page.get_by_role("button", name="Undo").click()  # … taken back
    for k, (u, v) in enumerate(corners):
        image.click(position={"x": float((u + 0.5) * scale), "y": float((v + 0.5) * scale)})
        page.wait_for_function(
            f"document.querySelectorAll('.clickable svg circle').length == {2 * k + 2}"
        )
    page.get_by_role("button", name="Save the corners").click()
    said = page.locator(".finding", has_text="Tape − pictures")
    said.wait_for()
    off_cm = [float(n) for n in re.findall(r"([+-][\d.]+) ±", said.inner_text())]
    assert len(off_cm) == 3 and max(map(abs, off_cm)) < 6
    assert barriers(page) == []
    until(lambda: load_config(lesson).auxiliary[0].room_picture)
    clicked = load_config(lesson).auxiliary[0].room_picture[0]
    assert [list(c) for c in clicked.blackboard_corners] == [
        pytest.approx(list(c), abs=2.5) for c in corners
    ]


def run_and_read(page: Any, lesson: Path) -> None:
    step(page, "Run")
    page.get_by_label("Moments per second").click()
    page.get_by_role("option", name="1", exact=True).click()
    page.get_by_role("button", name="Do everything").click()
    page.wait_for_selector("[role=progressbar]")
    assert barriers(page) == []
    page.goto("about:blank")  # the page is closed; the work goes on
    until((lesson / "rig.json").is_file)
    rig = json.loads((lesson / "rig.json").read_text())
    assert rig["verdict"]["status"] in ("PASS", "WARN"), rig["verdict"]["causes"]
    until(lambda: any(lesson.glob("runs/*/report.html")))
    page.go_back()
    page.wait_for_selector(".pill.good:has-text('done') >> nth=2")
    step(page, "Report")
    report = page.frame_locator("iframe.report")
    report.get_by_text("7b, fractions").first.wait_for()
    page.get_by_label("Student", exact=True).wait_for()
    assert barriers(page) == []


# -- every screen, at every width, in both lights --------------------------------------------------
@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The demo lesson with the rig it was rendered with."""
    folder = tmp_path_factory.mktemp("screens") / "lessons"
    lesson = copy_lesson(folder / "demo-lesson")
    (lesson / "rig.json").write_bytes((lesson / "truth" / "rig.json").read_bytes())
    for camera in ("left", "right"):  # a few pictures are enough to be looked at
        for path in sorted((lesson / "calibration" / camera).iterdir())[4:]:
            path.unlink()
    with running(folder) as app:
        yield app


@pytest.fixture(scope="module")
def visitor(browser: Any, demo: App) -> Any:
    return open_page(browser, demo)


#: What is there once a screen is filled.
FILLED = {
    "setup": ".box .q-select", "recordings": "img.shot >> nth=1", "board": ".js-plotly-plot",
    "room": ".finding", "seats": ".movable circle", "areas": "img.shot", "run": ".box .q-select",
    "report": ".box dl",
}  # fmt: skip
#: Latin words on a page that is Chinese, outside the project's own sentences and what was named.
LATIN = r"""() => {
  const found = [], names = /demo|left|right|third|lesson|toml|csv|mp4|jpg|png|calibrat|github/i;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, words = walk.currentNode.textContent.trim();
    if (e.closest('script,style,i,pre,.js-plotly-plot,.finding,.q-select,header,h2,.bad,.nicegui-error-popup')) continue;
    if (/[A-Za-z]{4,}/.test(words.replace(/ChArUco|RTSP|Plotly|PASS|WARN|FAIL/g, '')) && !names.test(words)) found.push(words);
  }
  return found;
}"""  # noqa: E501


@pytest.fixture(scope="module", params=["Deutsch", "中文", "English"])
def spoken(request: Any, visitor: Any, demo: App) -> str:
    """The app in one language after another."""
    speak(visitor, demo, request.param)
    return str(request.param)


def speak(visitor: Any, demo: App, language: str) -> None:
    visitor.goto(demo.origin)
    visitor.locator("header .q-select").click()
    visitor.get_by_role("option", name=language).click()
    code = {"Deutsch": "de", "中文": "zh", "English": "en"}[language]
    visitor.wait_for_function(f"document.documentElement.lang.startsWith('{code}')")


@pytest.mark.parametrize("screen", ["", *SCREENS])
def test_every_screen_for_everybody(visitor: Any, demo: App, spoken: str, screen: str) -> None:
    """No serious barrier in light and dark; nothing wider than a phone, a tablet, a desktop; no
    word of another language.
    """
    visitor.goto(demo.origin + (f"/lesson/demo-lesson/{screen}" if screen else "/"))
    visitor.wait_for_selector(FILLED.get(screen, "ul.cards li"))
    if spoken == "中文":
        assert visitor.evaluate(LATIN) == []
    for light in ("dark", "light") if spoken == "English" else ("light",):
        visitor.emulate_media(color_scheme=light, reduced_motion="reduce")
        visitor.wait_for_selector(f".body--{light}")
        assert barriers(visitor) == [], light
    for width in (390, 768, 1400):
        visitor.set_viewport_size({"width": width, "height": 850})
        wide = "document.documentElement.scrollWidth <= innerWidth"
        visitor.wait_for_function(wide)


def test_every_control_has_a_name_and_takes_the_keyboard(visitor: Any, demo: App) -> None:
    visitor.set_viewport_size({"width": 1200, "height": 850})
    visitor.goto(f"{demo.origin}/lesson/demo-lesson/run")
    visitor.wait_for_selector(FILLED["run"])
    reached = []
    for _ in range(25):
        visitor.keyboard.press("Tab")
        reached.append(
            visitor.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel")
        )
    assert reached[0] == "Skip to the content"
    assert {"Report", "Check", "Analyze"} <= set(reached)


def test_a_seat_is_dragged_by_pointer_and_by_keys(visitor: Any, demo: App) -> None:
    visitor.set_viewport_size({"width": 1200, "height": 1200})
    visitor.goto(f"{demo.origin}/lesson/demo-lesson/seats")
    spot = visitor.locator(".movable[data-number='0']")
    spot.locator("circle").wait_for()
    visitor.wait_for_selector("text=expected here")

    def place() -> list[float]:
        fields = visitor.locator(".seat").first.locator("input[inputmode=decimal]")
        return [float(fields.nth(k).input_value()) for k in (0, 1)]

    def drag(right_px: float, down_px: float) -> list[float]:
        before, box = place(), spot.locator("circle").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        visitor.mouse.move(x, y)
        visitor.mouse.down()
        visitor.mouse.move(x + right_px, y + down_px, steps=4)
        visitor.mouse.up()
        until(lambda: place() != before)
        return [b - a for a, b in zip(before, place(), strict=True)]

    x_m, z_m = drag(30, -20)
    assert x_m < -0.1 and z_m < -0.1  # to the right is a smaller x_W; up is towards the blackboard
    before = place()
    spot.focus()
    visitor.keyboard.press("ArrowLeft")
    until(lambda: place()[0] == pytest.approx(before[0] + 0.05))
    visitor.wait_for_function("document.activeElement.dataset.number == '0'")
