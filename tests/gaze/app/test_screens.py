"""Each screen's logic, without a browser: what is typed ends up in session.toml, or is refused."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nicegui", reason="needs the extra `app`")
from nicegui import ui
from nicegui.events import MouseEventArguments
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from calibration.errors import UserError
from gaze.app.desk import DEMO, TOUR, Desk
from gaze.app.drawings import timeline
from gaze.app.jobs import Job
from gaze.app.parts import Place
from gaze.app.screens import areas, board, lessons, recordings, report, room, run, seats, setup
from gaze.app.sights import BoardView, LiveView, Moment, Picture, Planned, Recording, Seat, Trace
from gaze.setup.init import init_lesson
from sessions.config import CONFIG_NAME, load_config
from sessions.config_edit import edit_config
from tests.gaze.app.waiting import until

PATIENT = 6000


class Answers:
    """In the worker's place: what it is told to answer; what it was asked."""

    waiting_s = 0.0

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, []

    async def call(self, name: str, *args: Any) -> Any:
        self.asked.append((name, *args))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(*args) if callable(answer) else answer

    def close(self) -> None: ...


def visit(build: Callable[[], None], then: Callable[[User], Awaitable[None]]) -> None:
    """Open a page that ``build`` makes and do something on it."""

    async def go() -> None:
        async with user_simulation(root=build) as user:
            await user.open("/")
            for see in ("should_see", "should_not_see"):  # a try each 0.1 s, until it is so
                setattr(user, see, partial(getattr(user, see), retries=PATIENT))
            await then(user)

    asyncio.run(go())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    lesson = init_lesson(tmp_path / "a", {"title": "7b"})
    edit_config(lesson, {"auxiliary": None})
    desk = Desk(tmp_path)
    desk.worker = Answers(recordings={}, marks_of=[], blackboard_photo=None)  # type: ignore[assignment]
    return Place(desk, lesson)


def field(user: User, label: str) -> Any:
    (found,) = user.find(kind=ui.input, content=label).elements
    return found


async def type_into(user: User, label: str, words: str) -> None:
    user.find(kind=ui.input, content=label).clear().type(words).trigger("change")
    await asyncio.sleep(0)


async def said(user: User, words: str) -> None:
    """Wait until the page says something in a message."""
    await until(lambda: any(words in m for m in user.notify.messages))


# -- lessons ---------------------------------------------------------------------------------------
def test_a_new_lesson_by_three_questions(tmp_path: Path) -> None:
    desk, made = Desk(tmp_path), tmp_path / "8a-maps-plans"

    async def answer(user: User) -> None:
        await user.should_see("No lesson yet")
        user.find("New lesson").click()
        await user.should_see("1. What is the lesson called?")
        user.find("Make the lesson").click()
        await until(lambda: field(user, "1. What").error)
        assert not list(tmp_path.iterdir())  # no title: nothing is made
        user.find(kind=ui.input, content="1. What").type("8a: maps / plans")
        user.find("Make the lesson").click()
        await said(user, "Measure the blackboard")  # nobody has: no length is made up
        user.find(kind=ui.input, content="3. Blackboard, width").type("380 cm")
        user.find(kind=ui.input, content="Blackboard, height").type("4'")
        (units,) = user.find(kind=ui.select, content="Units").elements
        units.set_value("ft")  # another unit, the same lengths
        await until(lambda: field(user, "3. Blackboard, width (ft)").value == "12' 5 5/8\"")
        units.set_value("cm")
        await until(lambda: field(user, "3. Blackboard, width (cm)").value == "380")
        user.find("Make the lesson").click()
        await until(lambda: load_config(made).auxiliary == () if made.is_dir() else False)

    visit(lambda: lessons.build(desk), answer)
    config = load_config(made)
    assert config.title == "8a: maps / plans"
    board = config.blackboard
    assert (board.width_m, board.height_m) == pytest.approx((3.8, 1.219))
    assert [p.name for p in tmp_path.iterdir()] == [made.name]  # clicked twice, made once
    assert config.auxiliary == ()  # no length that nobody has measured


def test_an_impossible_blackboard_makes_no_lesson(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    async def answer(user: User) -> None:
        user.find("New lesson").click()
        await user.should_see("1. What is the lesson called?")
        user.find(kind=ui.input, content="1. What").type("x")
        user.find(kind=ui.input, content="3. Blackboard, width").type("380")
        user.find(kind=ui.input, content="Blackboard, height").type("1.2")
        user.find("Make the lesson").click()
        await said(user, "it looks like centimetres")

    visit(lambda: lessons.build(desk), answer)
    assert not list(tmp_path.iterdir())


def test_two_lessons_of_one_title_are_two_folders(tmp_path: Path) -> None:
    (tmp_path / "7b").mkdir()
    assert lessons.new_folder_for(tmp_path, "7b").name == "7b-2"
    assert lessons.new_folder_for(tmp_path, "../../etc").name == "etc"
    assert lessons.new_folder_for(tmp_path, "数学 课").name == "数学-课"
    assert lessons.new_folder_for(tmp_path, "///").name == "lesson"
    assert lessons.new_folder_for(tmp_path, "Con").name == "Con-lesson"  # a device, for Windows


# -- room ------------------------------------------------------------------------------------------
def test_lengths_are_written_once_all_three_are_there(place: Place) -> None:
    async def measure(user: User) -> None:
        await type_into(user, "Left (m)", "174 cm")
        await type_into(user, "Down (m)", "1,36")
        assert load_config(place.lesson).auxiliary == ()
        await type_into(user, "Out (m)", "1.75")

    visit(lambda: room.build(place), measure)
    aux = load_config(place.lesson).auxiliary[0]
    assert (aux.left_m, aux.down_m, aux.out_m, aux.board) == (1.74, 1.36, 1.75, None)


def test_the_drawing_follows_what_is_typed(place: Place) -> None:
    edit_config(place.lesson, {"auxiliary": {"left_m": 1.0, "down_m": 1.0, "out_m": 1.0}})

    async def measure(user: User) -> None:
        def drawings() -> str:
            return " ".join(h.content for h in user.find(kind=ui.html).elements)

        assert "Left 1 m" in drawings()
        user.find(kind=ui.input, content="Left (m)").clear().type("2.5")
        await until(lambda: "Left 2.5 m" in drawings())

    visit(lambda: room.build(place), measure)
    assert load_config(place.lesson).auxiliary[0].left_m == 1.0  # typed, but not left yet


@pytest.mark.parametrize(
    ("label", "words", "said"),
    [
        ("Blackboard, width (m)", "four", "This is no length"),
        ("Blackboard, width (m)", "400", "it looks like centimetres"),
        ("Between the two lenses (m)", "0.01", "cameras.apart_m"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    place: Place, label: str, words: str, said: str
) -> None:
    before = (place.lesson / CONFIG_NAME).read_bytes()

    async def measure(user: User) -> None:
        await type_into(user, label, words)
        assert said in str(field(user, label).error)

    visit(lambda: room.build(place), measure)
    assert (place.lesson / CONFIG_NAME).read_bytes() == before


def test_feet_and_inches_end_up_as_metres(place: Place) -> None:
    place.desk.unit = "ft"

    async def measure(user: User) -> None:
        await type_into(user, "Blackboard, width (ft)", "13' 1 1/2\"")

    visit(lambda: room.build(place), measure)
    assert load_config(place.lesson).blackboard.width_m == pytest.approx(4.0005, abs=1e-4)


# -- recordings ------------------------------------------------------------------------------------
def test_offset_by_frames_and_swapped_cameras(place: Place) -> None:
    seen = Moment(0.0, b"x", b"y", 0, 0)
    probed = {c: Recording("", f"{c}.mp4", (1920, 1080), 25.0, 60.0, "h264", 1500)
              for c in ("left", "right")}  # fmt: skip
    place.desk.worker = Answers(recordings=probed, moment=seen)  # type: ignore[assignment]
    edit_config(place.lesson, {"cameras.left.video": "one.mp4", "cameras.right.video": "two.mp4"})

    async def nudge(user: User) -> None:
        asked = place.desk.worker.asked  # type: ignore[attr-defined]
        await until(lambda: any(a[0] == "moment" for a in asked))
        for k in range(1, 4):
            user.find("A frame later").click()
            await until(lambda k=k: asked[-1][3] == pytest.approx(0.04 * k))
        offset = field(user, "offset, s")
        for typed in ("nan", "1e9", "1,250", "soon"):
            await type_into(user, "offset, s", typed)
            assert "This is no number" in offset.error
            user.find("Save the offset").click()
        assert load_config(place.lesson).cameras.right.offset_s is None
        await type_into(user, "offset, s", "0,12")
        user.find("Save the offset").click()
        await until(lambda: load_config(place.lesson).cameras.right.offset_s)
        assert load_config(place.lesson).cameras.right.offset_s == pytest.approx(0.12)
        user.find("Swap left and right").click()
        await until(lambda: load_config(place.lesson).cameras.left.video == "two.mp4")

    visit(lambda: recordings.build(place), nudge)
    cameras = load_config(place.lesson).cameras
    assert (cameras.left.video, cameras.right.video) == ("two.mp4", "one.mp4")
    assert cameras.right.offset_s == pytest.approx(-0.12)  # right minus left, the other way round


def test_a_video_that_is_replaced_is_read_again(place: Place) -> None:
    video, reads = place.lesson / "left.mp4", []

    def read(_: Path) -> dict[str, Recording]:
        reads.append(video.is_file())
        return {c: Recording(error="half a file") for c in ("left", "right")}

    place.desk.worker = Answers(recordings=read, moment=UserError("no"))  # type: ignore[assignment]
    screen = recordings.Recordings(place)

    async def copy(user: User) -> None:
        await until(lambda: reads)
        with user:
            for words in (b"half", b"whole"):  # it still grows …
                video.write_bytes(words)
                await screen._watch()
            await screen._watch()  # … and lies still
            assert reads == [False, True]
            assert screen.choices["right"].options["left.mp4"] == "left.mp4"
            video.unlink()
            await screen._watch()
            await screen._watch()
        assert reads == [False, True, False]

    visit(screen.build, copy)


def test_videos_that_are_chosen_at_once_are_chapters(place: Place) -> None:
    class Upload:
        async def save(self, path: Path) -> None:
            path.write_bytes(b"video")

    broken = {c: Recording(error="no") for c in ("left", "right")}
    place.desk.worker = Answers(recordings=broken, moment=UserError("no"))  # type: ignore[assignment]
    screen = recordings.Recordings(place)

    async def bring(user: User) -> None:
        with user:
            for name in ("GX020007.MP4", "GX010007.MP4"):
                await screen._bring("left", name, Upload())
            await screen._all_in("left")
            await screen._bring("right", "right.mp4", Upload())
            await screen._all_in("right")
        assert screen.choices["left"].options["GX010007.MP4"] == "GX010007.MP4 + 1"

    visit(screen.build, bring)
    cameras = load_config(place.lesson).cameras
    assert cameras.left.videos == ("GX010007.MP4", "GX020007.MP4")
    assert cameras.right.video == "right.mp4"


@pytest.mark.parametrize(
    ("where", "what", "screen"),
    [
        ("left.mp4", "The left video is dark", "recordings"), ("", "77 GB free", "recordings"),
        ("calibration/left", "no pictures", "board"), ("rig.json", "FAIL", "board"),
        ("calibration/auxiliary/left.jpg", "missing", "room"),
        ("session.toml", "session.toml has no [auxiliary]", "room"),
        ("targets.csv", "7 intervals", "areas"),
        ("session.toml", "The area 'x' reaches over the blackboard's edge", "areas"),
        ("session.toml", "'Anna' in [[students]] looks like a real name", "seats"),
        ("session.toml", "Two students share a seat", "seats"),
    ],
)  # fmt: skip
def test_each_finding_stands_where_it_belongs(where: str, what: str, screen: str) -> None:
    assert recordings.screen_of(where, what) == screen


# -- seats -----------------------------------------------------------------------------------------
def test_seats_are_found_named_merged_and_left_out(place: Place) -> None:
    edit_config(place.lesson, {"students": [{"id": "K", "seat_m": [1.0, 3.0]}]})
    found = [
        Seat("S-01", 1, 1.05, 2.95, 1.0, 70.0, 10.0),
        Seat("S-02", 1, 2.0, 3.0, 1.0, 65.0, 11.0),
        Seat("S-03", 2, 2.1, 3.4, 0.2, 60.0, 50.0),
    ]
    place.desk.worker = Answers(seats_at=found)  # type: ignore[assignment]

    async def name(user: User) -> None:
        user.find("Find the seats").click()
        await user.should_see("70 px")
        fields = sorted(user.find(kind=ui.input, content="Pseudonym").elements, key=lambda f: f.id)
        assert [f.value for f in fields] == ["K", "A1", "B1"]  # K sits where K sat
        drawn = " ".join(h.content for h in user.find(kind=ui.html).elements)
        assert "± 10 cm" in drawn and "var(--warn)" in drawn
        fields[2].set_value("A1")  # the same student, found twice
        outs = sorted(user.find(kind=ui.switch).elements, key=lambda f: f.id)
        outs[0].set_value(True)
        user.find("Save the seats").click()
        await said(user, "Saved in session.toml")

    visit(lambda: seats.build(place), name)
    students = load_config(place.lesson).students
    assert [(s.id, s.opt_out) for s in students] == [("K", True), ("A1", False)]
    assert students[1].seat_m == (2.05, 3.2)


def test_a_name_that_cannot_be_is_refused(place: Place) -> None:
    edit_config(place.lesson, {"students": [{"id": "K", "seat_m": [1.0, 3.0]}]})

    async def name(user: User) -> None:
        (pseudonym,) = user.find(kind=ui.input, content="Pseudonym").elements
        pseudonym.set_value("<b>")
        user.find("Save the seats").click()
        await said(user, "students[0].id")

    visit(lambda: seats.build(place), name)
    assert load_config(place.lesson).students[0].id == "K"


def test_a_real_name_is_said_at_once(place: Place) -> None:
    edit_config(place.lesson, {"students": [{"id": "A1", "seat_m": [1.0, 3.0]}]})

    async def name(user: User) -> None:
        (pseudonym,) = user.find(kind=ui.input, content="Pseudonym").elements
        pseudonym.set_value("Anna Schmidt")
        user.find("Save the seats").click()
        await said(user, "look like real names: Anna Schmidt")
        await type_into(user, "From right, m", "weit")
        user.find("Save the seats").click()
        await said(user, "A field holds no number")

    visit(lambda: seats.build(place), name)
    (student,) = load_config(place.lesson).students
    assert student.seat_m == (1.0, 3.0)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "look the same, and are two"), ("de", "sehen gleich aus"), ("zh", "看起来相同")],
)
def test_names_that_look_the_same_are_said_at_once(place: Place, language: str, words: str) -> None:
    """The seat's name, and one of a student without a seat."""
    students = [{"id": "O1"}, {"id": "K", "seat_m": [1.0, 3.0]}, {"id": "B1", "seat_m": [2, 3]}]
    edit_config(place.lesson, {"students": students})
    place.desk.language = language  # type: ignore[assignment]

    async def name(user: User) -> None:
        fields = sorted(user.find(kind=ui.input).elements, key=lambda f: f.id)
        next(f for f in fields if f.value == "K").set_value("01")
        user.find(place("write_seats")).click()
        await said(user, words)
        assert not any("B1" in m for m in user.notify.messages if words in m)

    visit(lambda: seats.build(place), name)
    assert [s.id for s in load_config(place.lesson).students] == ["01", "B1", "O1"]


# -- areas -----------------------------------------------------------------------------------------
def drag(screen: areas.Areas, start: tuple[float, float], end: tuple[float, float]) -> None:
    for kind, (u, v) in (("mousedown", start), ("mousemove", end), ("mouseup", end)):
        screen._mouse(
            MouseEventArguments(
                sender=screen.canvas, client=screen.canvas.client, type=kind, image_x=u, image_y=v,
                button=0, buttons=1, alt=False, ctrl=False, meta=False, shift=False,
            )
        )  # fmt: skip


def test_an_area_drawn_on_the_right_counts_from_the_right_edge(place: Place) -> None:
    screen = areas.Areas(place)
    width_px = 4.0 * areas.PX_PER_M

    async def draw(user: User) -> None:
        with user:
            drag(screen, (width_px - 50, 25), (width_px - 300, 200))
            drag(screen, (100, 100), (103, 104))  # a click is no area
        user.find("Save the areas").click()
        await said(user, "Saved in session.toml")

    visit(screen.build, draw)
    (area,) = load_config(place.lesson).blackboard.areas
    assert area.x_m == pytest.approx((0.2, 1.2)) and area.y_m == pytest.approx((0.1, 0.8))


def test_thirds_are_named_from_the_right(place: Place) -> None:
    async def draw(user: User) -> None:
        user.find("Thirds").click()
        user.find("Save the areas").click()
        await said(user, "Saved in session.toml")

    visit(lambda: areas.build(place), draw)
    found = load_config(place.lesson).blackboard.areas
    assert [a.name for a in found] == ["right third", "middle third", "left third"]
    assert found[0].x_m[0] == 0 and found[2].x_m[1] == 4.0


# -- run and report --------------------------------------------------------------------------------
def test_the_whole_way_leaves_out_what_has_nothing_to_do(place: Place) -> None:
    def names() -> list[str]:
        return [c[0] for c in run.whole_way(place, 5.0)]

    assert names() == ["check", "analyze"]
    (place.lesson / "calibration" / "left" / "01.jpg").write_bytes(b"x")
    (place.lesson / "targets.csv").write_text("start_s,end_s,student,target,x_m,y_m\n")
    assert names() == ["check", "calibrate", "analyze", "validate"]
    assert ("analyze", str(place.lesson), "--fps", "5") in run.whole_way(place, 5.0)


def test_what_ran_is_listed_and_what_it_wrote_is_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that is empty says so; when a command ends, the page shows what it wrote."""
    shown: list[str] = []

    async def show() -> None:  # as the chessboard's screen: it asks the worker
        shown.append("verdict")

    def build() -> None:
        run.JobList(place, ui.element("div"), then=show)

    async def wait(user: User) -> None:
        await user.should_see("Nothing has run since the app was started.")
        job = Job(place.lesson, "calibrate", state="running")
        place.desk.jobs.jobs.append(job)
        await user.should_see("running")
        job.state = "done"
        await until(lambda: shown)

    visit(build, wait)


# -- the chessboard --------------------------------------------------------------------------------
def test_a_square_of_25_comma_4_mm_is_no_254_mm(place: Place) -> None:
    before = (place.lesson / CONFIG_NAME).read_bytes()

    async def measure(user: User) -> None:
        for label, wrong, right in (
            ("Inner corners across", "7.5", "6"), ("Edge of a square, mm", "1,250", "25,4"),
        ):  # fmt: skip
            user.notify.messages.clear()
            await type_into(user, label, wrong)
            user.find("Save").click()
            await said(user, "A field holds no number")
            await type_into(user, label, right)
        assert (place.lesson / CONFIG_NAME).read_bytes() == before
        user.find("Save").click()
        await said(user, "Saved in session.toml")

    visit(lambda: board.build(place), measure)
    assert load_config(place.lesson).board.square_m == 0.0254


def test_another_board_while_pictures_are_looked_at(place: Place) -> None:
    """What was looked at for the first board is looked at again, and nothing goes wrong; nor where
    a file goes."""
    folder, asked = place.lesson / "calibration" / "left", []
    for k in range(2):
        (folder / f"{k}.jpg").write_bytes(b"x")

    def look(path: Path, *_: Any) -> BoardView:
        asked.append(path.name)
        if len(asked) == 1:
            screen.seen, screen.shown = {}, {}  # as `Save` does, in the middle
        if len(asked) == 2:
            raise FileNotFoundError(path)  # it was renamed just now
        return BoardView(b"", False, "none")

    place.desk.worker = Answers(board_view=look, still_wanted=([], []))  # type: ignore[assignment]
    screen = board.Chessboard(place)

    async def wait(user: User) -> None:
        await until(lambda: len(screen.shown.get("left", [])) == 2)
        assert asked == ["0.jpg", "0.jpg", "0.jpg", "1.jpg"]
        assert not user.notify.messages

    visit(screen.build, wait)


def test_forgetting_asks_first(place: Place) -> None:
    place.desk.worker = Answers(known_students=["S-01", "S-02"])  # type: ignore[assignment]
    queued: list[Any] = []
    place.desk.jobs.add = lambda folder, *c: queued.extend(c) or []  # type: ignore[assignment,method-assign]

    async def forget(user: User) -> None:
        await user.should_see(kind=ui.select, content="Student")
        (chosen,) = user.find(kind=ui.select, content="Student").elements
        chosen.set_value("S-02")
        (button,) = [b for b in user.find(kind=ui.button).elements if b.text == "Forget"]
        user.find(kind=ui.button, content="Forget").click()
        await user.should_see("Forget S-02?")
        assert queued == [] and button is not None
        user.find(kind=ui.button, content="Cancel").click()
        await user.should_not_see("Forget S-02?")
        assert queued == []

    visit(lambda: report.build(place), forget)


def test_a_lesson_whose_time_is_over_can_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = init_lesson(tmp_path / "a", {"retention_days": 1, "date": dt.date(2020, 1, 1)})
    desk, queued = Desk(tmp_path), []
    desk.jobs.add = lambda folder, *c: queued.extend(c) or []  # type: ignore[assignment,method-assign]
    answers = iter([False, True])

    async def answer(*_: Any) -> bool:
        return next(answers)

    monkeypatch.setattr(lessons, "ask", answer)

    async def delete(user: User) -> None:
        await user.should_see("retention time is over")
        for _ in range(2):
            user.find("Delete the whole lesson").click()
        await until(lambda: queued)

    visit(lambda: lessons.build(desk), delete)
    assert queued == [("forget", str(lesson), "--everything", "--yes")]


def test_so_few_days_that_nobody_gets_in_again_are_asked_about(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_config(place.lesson, {"date": dt.date(2020, 1, 1)})
    place.desk.worker = Answers(known_students=[])  # type: ignore[assignment]
    asked: list[str] = []

    async def answer(question: str, *_: Any) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(report, "ask", answer)

    async def keep(user: User) -> None:
        await type_into(user, "Days to keep", "30")
        user.find(kind=ui.button, content="Save").click()
        await until(lambda: asked)
        await type_into(user, "Days to keep", "36000")
        user.find(kind=ui.button, content="Save").click()
        await until(lambda: load_config(place.lesson).retention_days)

    visit(lambda: report.build(place), keep)
    assert load_config(place.lesson).retention_days == 36000 and len(asked) == 1


def test_what_is_kept_is_counted(place: Place) -> None:
    (place.lesson / "left.mp4").write_bytes(bytes(2_000_000))
    assert report.stored(place.lesson, place)["Videos"] == "1 files, 2.0 MB"


# -- what others wrote is text, never markup -----------------------------------------------------
NASTY = 'x" innerHTML="<img src=1 onerror=alert(1)>'


def test_names_of_folders_titles_and_marks_are_text(tmp_path: Path) -> None:
    lesson = init_lesson(tmp_path / NASTY.replace("/", ""), {"title": NASTY})
    edit_config(lesson, {"blackboard.areas": [{"name": NASTY, "x_m": [0, 1], "y_m": [0, 1]}]})
    desk = Desk(tmp_path)
    marks = [(1.0, NASTY, None)]
    desk.worker = Answers(recordings={}, marks_of=marks, blackboard_photo=None)  # type: ignore[assignment]

    async def read(user: User) -> None:
        await asyncio.sleep(0.3)  # for what comes by timer; less is less to look at, no failure
        for kind in (ui.link, ui.button):
            assert all("innerHTML" not in e.props for e in user.find(kind=kind).elements)
        for element in user.find(kind=ui.html).elements:
            assert "<img src=1" not in element.content

    visit(lambda: lessons.build(desk), read)
    visit(lambda: areas.build(Place(desk, lesson)), read)
    visit(lambda: room.build(Place(desk, lesson)), read)


def test_a_lens_to_corners_both_or_none(place: Place) -> None:
    async def measure(user: User) -> None:
        await type_into(user, "Left lens to upper left corner (m)", "90 cm")
        assert load_config(place.lesson).cameras.left.corners_m is None
        await type_into(user, "Left lens to upper right corner (m)", "4.45")
        assert load_config(place.lesson).cameras.left.corners_m == (0.9, 4.45)
        await type_into(user, "Left lens to upper left corner (m)", "0.95")

    visit(lambda: room.build(place), measure)
    assert load_config(place.lesson).cameras.left.corners_m == (0.95, 4.45)


class Dropped:
    """A seat let go on the plan: so many centimetres to the right and down as it is drawn."""

    def __init__(self, number: int, right: float, down: float) -> None:
        self.args = {"number": number, "right": right, "down": down}


def two_seats(place: Place) -> seats.Seats:
    students = [{"id": "A1", "seat_m": [1.0, 3.0]}, {"id": "B1", "seat_m": [2.0, 5.0]}]
    edit_config(place.lesson, {"students": students})
    (place.lesson / "rig.json").write_text("{}")
    planned = [Planned(70.0, 17.0), Planned(12.0, 90.0)]
    answers = Answers(seats_planned=lambda rig, places, size: planned[: len(places)])
    place.desk.worker = answers  # type: ignore[assignment]
    return seats.Seats(place)


def test_a_seat_is_dragged_and_its_error_expected(place: Place) -> None:
    screen = two_seats(place)
    asked = place.desk.worker.asked  # type: ignore[attr-defined]

    async def drag_it(user: User) -> None:
        await user.should_see("expected here: 17 cm off")
        assert "≈ 90 cm" in screen.drawing.content and "var(--quiet)" in screen.drawing.content
        with user:
            await screen._moved(Dropped(0, 50.0, 40.0))
        assert asked[-1][2][0] == (0.5, 3.4)  # to the right is smaller x_W, down is further away
        user.find("Save the seats").click()
        await said(user, "Saved in session.toml")

    visit(screen.build, drag_it)
    assert [s.seat_m for s in load_config(place.lesson).students] == [(0.5, 3.4), (2.0, 5.0)]


@pytest.mark.parametrize(("one", "left"), [(True, ["B1"]), (False, ["A1", "B1"])])
def test_a_seat_dropped_on_another_is_asked_about(
    place: Place, monkeypatch: pytest.MonkeyPatch, one: bool, left: list[str]
) -> None:
    screen, questions = two_seats(place), []

    async def ask(question: str, *_: str) -> bool:
        questions.append(question)
        return one

    monkeypatch.setattr(seats, "ask", ask)

    async def drag_it(user: User) -> None:
        with user:
            await screen._moved(Dropped(0, -100.0, 195.0))
        user.find("Save the seats").click()
        await said(user, "Saved in session.toml")

    visit(screen.build, drag_it)
    assert questions == ["Are A1 and B1 the same student?"]
    assert [s.id for s in load_config(place.lesson).students] == left


# -- both clocks -----------------------------------------------------------------------------------
def test_the_clocks_are_measured_and_set_by_the_command(place: Place) -> None:
    queued: list[Any] = []
    place.desk.jobs.add = lambda folder, *c: queued.extend(c) or []  # type: ignore[assignment,method-assign]
    (place.lesson / "sync.html").write_text("three estimates")

    async def measure(user: User) -> None:
        frames = [e for e in user.find(kind=ui.element).elements if e.tag == "iframe"]
        assert [f.props["src"].partition("?")[0] for f in frames] == ["/page/a/sync.html"]
        user.find("Measure the clocks").click()
        user.find("Measure and set").click()
        await until(lambda: len(queued) == 2)

    visit(lambda: recordings.build(place), measure)
    assert queued == [("sync", str(place.lesson)), ("sync", str(place.lesson), "--set")]


# -- several placements ----------------------------------------------------------------------------
def test_a_second_placement_is_measured_beside_the_first(place: Place) -> None:
    edit_config(place.lesson, {"auxiliary": {"left_m": 1.0, "down_m": 1.1, "out_m": 1.2}})
    first = load_config(place.lesson).auxiliary[0]
    place.desk.placements[place.lesson] = 1  # as "Another placement" does

    async def measure(user: User) -> None:
        for label, words in (("Left (m)", "2.5"), ("Down (m)", "1.2"), ("Out (m)", "1.5")):
            await type_into(user, label, words)

    visit(lambda: room.build(place), measure)
    aux = load_config(place.lesson).auxiliary
    assert aux[0] == first and (aux[1].left_m, aux[1].down_m, aux[1].out_m) == (2.5, 1.2, 1.5)
    assert aux[1].left_picture == "calibration/auxiliary/left2.jpg"
    place.desk.placements[place.lesson] = 0
    visit(lambda: room.build(place), lambda user: type_into(user, "Left (m)", "1.05"))
    aux = load_config(place.lesson).auxiliary
    assert (aux[0].left_m, aux[1].left_m) == (1.05, 2.5)


# -- the blackboard's photograph -------------------------------------------------------------------
def test_areas_are_drawn_on_a_photograph(place: Place) -> None:
    corners = [[10, 10], [90, 12], [88, 40], [11, 39]]
    picture = {"file": "calibration/auxiliary/room1.jpg", "blackboard_corners": corners}
    (place.lesson / "calibration" / "auxiliary" / "room1.jpg").write_bytes(b"x")
    edit_config(place.lesson, {"auxiliary": {"room_picture": picture}})
    shown = Picture(b"photo", (1000, 300))
    answers = Answers(
        recordings={}, marks_of=[], picture=shown, check_corners=None,
        blackboard_photo=lambda *_: shown if load_config(place.lesson).blackboard.picture else None,
    )  # fmt: skip
    place.desk.worker = answers  # type: ignore[assignment]
    screen = areas.Areas(place)

    async def draw(user: User) -> None:
        await until(lambda: any(a[0] == "blackboard_photo" for a in answers.asked))
        assert "#2f4a43" in screen.canvas.content  # a plain blackboard
        (which,) = user.find(kind=ui.select, content="Picture of the room").elements
        which.set_value("calibration/auxiliary/room1.jpg")
        await user.should_see("Save the corners")  # they are known already
        user.find("Save the corners").click()
        await until(lambda: screen.photographed)
        assert screen.canvas.source.startswith("/shelf/") and "#2f4a43" not in screen.canvas.content

    visit(screen.build, draw)
    board = load_config(place.lesson).blackboard
    assert board.picture == picture["file"]
    assert [list(c) for c in board.picture_corners_px or ()] == corners


# -- live cameras ----------------------------------------------------------------------------------
def test_a_live_camera_is_looked_through_and_kept_only_when_asked(place: Place) -> None:
    found = (("warning", "The left video is dark", "More light"),)
    seen = LiveView(b"now", (1920, 1080), 8, False, "none", found)
    kept = place.lesson / "calibration" / "left" / "live-001.jpg"
    answers = Answers(live_view=seen, keep_picture=kept)
    place.desk.worker = answers  # type: ignore[assignment]

    async def look_through(user: User) -> None:
        await asyncio.sleep(0)
        assert answers.asked == []  # all are off
        first = min(
            (
                e
                for e in user.find(kind=ui.select).elements
                if e.props.get("label") == "Seen through"
            ),
            key=lambda e: e.id,
        )
        first.set_value("0")
        await user.should_see("8 faces")
        await user.should_see("The left video is dark")
        assert {a[0] for a in answers.asked} == {"live_view"}
        user.find("As chessboard pictures").click()
        await said(user, "calibration/left/live-001.jpg")

    visit(lambda: setup.build(place), look_through)
    assert ("keep_picture", place.lesson, "left", "0", "board") in answers.asked


# -- the tour --------------------------------------------------------------------------------------
def test_the_tour_leads_through_the_demo_lesson_and_no_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path, tour=True)
    desk.worker = Answers(recordings={}, marks_of=[], blackboard_photo=None)  # type: ignore[assignment]
    stops: list[str] = []

    async def read(user: User) -> None:
        for link in user.find(kind=ui.link).elements:
            if link.text.startswith("Go on to"):
                stops.append(link.props["href"].rpartition("/")[2])

    for name in (DEMO, "other"):
        lesson = init_lesson(tmp_path / name)
        for screen in TOUR[:3]:
            build = import_module(f"gaze.app.screens.{screen}").build
            visit(lambda build=build, lesson=lesson: build(Place(desk, lesson)), read)
    assert stops == list(TOUR[1:4])


# -- sound, light, time ----------------------------------------------------------------------------
def test_sound_and_light_are_drawn_and_lead_to_the_moment(place: Place) -> None:
    probed = {c: Recording("", f"{c}.mp4", (1920, 1080), 25.0, 60.0, "h264", 1500)
              for c in ("left", "right")}  # fmt: skip
    heard = {c: Trace((0.0, 1.0, 0.2), (0.1, 0.1)) for c in ("left", "right")}
    answers = Answers(recordings=probed, moment=Moment(0.0, b"x", b"y", 0, 0), traces=heard)
    place.desk.worker = answers  # type: ignore[assignment]
    screen = recordings.Recordings(place)

    async def hear(user: User) -> None:
        await until(lambda: any(a[0] == "moment" for a in answers.asked))
        assert not any(a[0] == "traces" for a in answers.asked)  # not before it is asked for
        user.find("Show sound and light").click()
        await until(lambda: "polyline" in screen.near.content)
        assert screen.overview.content.count("polyline") == 4
        asked = [a[2:] for a in answers.asked if a[0] == "traces"]
        assert asked == [(0.0, 60.0, 0.0, False), (0.0, 6.0, 0.0, True)]
        with user:
            await screen._go(30.0)
        assert answers.asked[-1] == ("traces", place.lesson, 27.0, 33.0, 0.0, True)
        assert "M300.0 0V100" in screen.near.content  # the moment is in the middle

    visit(screen.build, hear)


def test_phases_are_drawn_on_the_lesson_s_time() -> None:
    drawn = timeline(
        [(10.0, "work <b>", 40.0), (20.0, "talk", 30.0), (50.0, "bell", None)], 100, 25
    )
    assert "left:10.00%;width:30.00%;top:0.0rem" in drawn and "work &lt;b&gt;" in drawn
    assert "left:20.00%;width:10.00%;top:1.7rem" in drawn  # beside the one it would cover
    assert 'class="moment" style="left:50.00%"' in drawn and "height:3.4rem" in drawn
    assert 'class="now" style="left:25.00%"' in drawn


@dataclass
class Chosen:
    """What a field says when it is changed."""

    value: Any


def test_tape_and_clicks_are_compared_before_anything_is_saved(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "COMPARE_S", 0.0)
    corners = [[10, 10], [90, 12], [88, 40], [11, 39]]
    picture = {"file": "calibration/auxiliary/room1.jpg", "blackboard_corners": corners}
    tape = {"left_m": 1.0, "down_m": 1.1, "out_m": 1.2, "room_picture": picture}
    (place.lesson / "calibration" / "auxiliary" / "room1.jpg").write_bytes(b"x")
    edit_config(place.lesson, {"auxiliary": tape})
    before = (place.lesson / CONFIG_NAME).read_bytes()
    answers = Answers(
        picture=Picture(b"photo", (100, 50)),
        room_against_tape="apart",
    )
    place.desk.worker = answers  # type: ignore[assignment]
    screen, left = room.Room(place), "auxiliary[0].left_m"

    def compared() -> dict[str, Any]:
        """What was compared last, as it would be saved."""
        return next((a[-1] for a in reversed(answers.asked) if a[0] == "room_against_tape"), {})

    async def measure(user: User) -> None:
        await until(lambda: compared().get(left) == 1.0)
        user.find(kind=ui.input, content="Left (m)").clear().type("1.25")  # and not left yet
        await until(lambda: compared().get(left) == 1.25)
        with user:
            await screen._choose(Chosen("room1.jpg"))
            screen.clicker.fields[0].value = "12"
        await until(lambda: "auxiliary[0].room_picture" in compared())
        rows = compared()["auxiliary[0].room_picture"]
        assert rows[0]["blackboard_corners"][0] == [12.0, 10.0]

    visit(screen.build, measure)
    assert (place.lesson / CONFIG_NAME).read_bytes() == before
