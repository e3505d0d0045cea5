"""What goes on around an open page: other tabs, editors, apps; what vanishes, what is killed."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

pytest.importorskip("nicegui", reason="needs the extra `app`")
from nicegui import ui
from nicegui.testing import User

from calibration.errors import UserError
from gaze.app import jobs as app_jobs
from gaze.app.desk import SCREENS, Desk
from gaze.app.files import PICTURES, bring
from gaze.app.jobs import Job
from gaze.app.parts import Place, every
from gaze.app.screens import mend, seats
from gaze.app.serve import serve
from gaze.app.worker import Worker
from gaze.setup.init import init_lesson
from sessions.config import CONFIG_NAME, load_config
from sessions.config_edit import edit_config
from sessions.errors import ConfigError, SessionError
from sessions.lock import lesson_lock
from tests.gaze.app.serving import running
from tests.gaze.app.test_screens import said, visit
from tests.gaze.app.waiting import until


@pytest.fixture
def place(tmp_path: Path) -> Place:
    lesson = init_lesson(tmp_path / "a", {"title": "7b"})
    edit_config(lesson, {"students": [{"id": "A1", "seat_m": [1.0, 3.0]}]})
    return Place(Desk(tmp_path), lesson)


# -- two tabs, an editor ---------------------------------------------------------------------------
def test_what_somebody_else_changed_is_not_written_over(place: Place) -> None:
    """The seats are on the page; an editor adds one and a comment; saving the page is refused."""
    path = place.lesson / CONFIG_NAME
    screen = seats.Seats(place)

    async def save(user: User) -> None:
        added = '\n[[students]]\nid = "B1"\nseat_m = [2.0, 5.0]\n# by hand\n'
        path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")
        user.find("Save the seats").click()
        await said(user, "students in session.toml was changed meanwhile; nothing was written")

    visit(screen.build, save)
    assert [s.id for s in load_config(place.lesson).students] == ["A1", "B1"]
    assert "# by hand" in path.read_text(encoding="utf-8")


def test_what_is_not_on_the_page_may_be_changed_by_an_editor(place: Place) -> None:
    since, path = load_config(place.lesson), place.lesson / CONFIG_NAME
    text = path.read_text(encoding="utf-8").replace('title = "7b"', 'title = "7c"  # by hand')
    path.write_text(text, encoding="utf-8")
    assert place.edit({"cameras.right.offset_s": 0.04}, since) is not None
    config = load_config(place.lesson)
    assert (config.title, config.cameras.right.offset_s) == ("7c", 0.04)
    assert 'title = "7c"  # by hand' in path.read_text(encoding="utf-8")


def test_the_second_of_two_tabs_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("gaze.app.parts.complain", lambda error: told.append(str(error)))
    tabs = [load_config(place.lesson)] * 2
    assert place.edit({"auxiliary[0].left_m": 1.5}, tabs[0]) is not None
    assert place.edit({"auxiliary[0].left_m": 1.6}, tabs[1]) is None
    assert "auxiliary[0].left_m in session.toml was changed meanwhile" in told[0]
    assert load_config(place.lesson).auxiliary[0].left_m == 1.5


# -- a session.toml that is not good ---------------------------------------------------------------
def test_a_broken_session_toml_is_shown_with_its_sentence_and_mended(place: Place) -> None:
    path = place.lesson / CONFIG_NAME
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace('title = "7b"', "title = b7"), encoding="utf-8")
    with pytest.raises(ConfigError) as broken:
        load_config(place.lesson)

    async def correct(user: User) -> None:
        await user.should_see("Put text into quotation marks")
        (text,) = user.find(kind=ui.textarea).elements
        text.set_value(good.replace('title = "7b"', "title = 3"))
        user.find("Save").click()
        await said(user, "title")  # wrong in another way: nothing is written
        assert "title = b7" in path.read_text(encoding="utf-8")
        text.set_value(good.replace("7b", "7b, ä 数"))
        user.find("Save").click()
        await until(lambda: "title = b7" not in path.read_text(encoding="utf-8"))

    visit(lambda: mend.build(place, broken.value), correct)
    assert load_config(place.lesson).title == "7b, ä 数"


def test_a_text_that_an_editor_changed_is_not_written_over(place: Place) -> None:
    path = place.lesson / CONFIG_NAME
    path.write_text("title = 3\n", encoding="utf-8")

    async def save(user: User) -> None:
        path.write_text('title = "by hand"\n', encoding="utf-8")
        user.find("Save").click()
        await said(user, "changed meanwhile")

    with pytest.raises(ConfigError) as broken:
        load_config(place.lesson)
    visit(lambda: mend.build(place, broken.value), save)
    assert path.read_text(encoding="utf-8") == 'title = "by hand"\n'


# -- what vanishes, what is full -------------------------------------------------------------------
class Upload:
    """What the browser sends; error : what happens while it is written."""

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error

    async def save(self, path: Path) -> None:
        path.write_bytes(b"half")
        if self.error:
            raise self.error


def test_a_lesson_that_is_gone_is_not_made_again(place: Place) -> None:
    shutil.rmtree(place.lesson)
    with pytest.raises(SessionError, match="not there any more"):
        asyncio.run(bring(place.lesson / "calibration" / "left", PICTURES, "1.jpg", Upload()))
    assert not place.lesson.exists()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(place: Place) -> None:
    before = sorted(place.lesson.rglob("*"))
    full = Upload(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(UserError, match="no space is left"):
        asyncio.run(bring(place.lesson, PICTURES, "1.jpg", full))
    after = [p for p in sorted(place.lesson.rglob("*")) if p.name not in (".lock", "runs")]
    assert after == before


def test_what_is_done_again_and_again_complains_once(place: Place) -> None:
    asked: list[int] = []

    def look() -> None:
        asked.append(1)
        load_config(place.lesson / "gone")

    def build() -> None:
        every(0.01, look)

    async def wait(user: User) -> None:
        await said(user, "no such session folder")
        n = len(asked)
        await asyncio.sleep(0.1)  # more time is harmless
        assert len(asked) == n == 1

    visit(build, wait)


def test_the_folder_or_a_lesson_vanishes_while_the_app_runs(tmp_path: Path) -> None:
    folder = tmp_path / "lessons"
    init_lesson(folder / "a")
    init_lesson(folder / "b")
    with running(folder) as app, httpx.Client(timeout=600, follow_redirects=True) as client:
        assert client.get(app.address).status_code == 200
        shutil.rmtree(folder / "a")
        answer = client.get(f"{app.origin}/lesson/a/run")
        assert answer.status_code == 200 and "there is no such lesson" in answer.text
        shutil.rmtree(folder)
        for path in ("/", "/lesson/b/run"):
            answer = client.get(app.origin + path)
            assert answer.status_code == 200 and "cannot be read" in answer.text


NAMES = ("Mathe 7b – ä", "数学 课", "a#b?c%d&e", "quote ' \" <b>", "x..", "emoji 🎓")


def test_names_of_every_kind_and_very_many_lessons(tmp_path: Path) -> None:
    for name in NAMES:
        init_lesson(tmp_path / name)
        (tmp_path / name / "calibration.html").write_text("the page")
    one = init_lesson(tmp_path / "lesson-000")
    for k in range(1, 200):
        shutil.copytree(one, tmp_path / f"lesson-{k:03d}")
    with running(tmp_path) as app, httpx.Client(timeout=600, follow_redirects=True) as client:
        first = client.get(app.address)
        assert first.status_code == 200 and "lesson-199" in first.text and "数学 课" in first.text
        for name in NAMES:
            at = quote(name, safe="")
            for screen in SCREENS if name == NAMES[2] else ("run",):
                assert (
                    "cannot be shown" not in client.get(f"{app.origin}/lesson/{at}/{screen}").text
                )
            assert client.get(f"{app.origin}/page/{at}/calibration.html").text == "the page"


# -- what is at work, what is killed ---------------------------------------------------------------
def test_a_second_app_on_one_folder_says_so(tmp_path: Path) -> None:
    with running(tmp_path), pytest.raises(UserError, match="open in another `gaze app`"):
        serve(tmp_path, browser=False)
    assert list(tmp_path.iterdir()) == []
    with running(tmp_path):
        pass  # and it may be started again


def test_a_command_waits_for_who_is_at_work_in_its_lesson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an app was killed: its command may still be at work when the next app resumes."""
    a, b = init_lesson(tmp_path / "a"), init_lesson(tmp_path / "b")
    ran: list[tuple[str, str]] = []

    async def run(job: Job) -> int:
        ran.append((job.command, job.lesson))
        return 0

    async def go() -> None:
        monkeypatch.setattr(app_jobs, "_run", run)
        monkeypatch.setattr(app_jobs, "HELD_LOOK_S", 0.01)
        jobs = Desk(tmp_path).jobs
        with lesson_lock(a):
            calibrate, analyze = jobs.add(a, ("calibrate", str(a)), ("analyze", str(a)))
            jobs.add(b, ("analyze", str(b)))
            await until(lambda: ran == [("analyze", "b")] and calibrate.held)
            assert calibrate.state == analyze.state == "waiting"
        await until(lambda: analyze.state == "done")
        assert ran[1:] == [("calibrate", "a"), ("analyze", "a")]
        await jobs.close()

    asyncio.run(go())


def test_a_command_that_is_killed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = init_lesson(tmp_path / "a")

    async def run(job: Job) -> int:
        return -int(signal.SIGKILL)

    async def go() -> None:
        monkeypatch.setattr(app_jobs, "_run", run)
        jobs = Desk(tmp_path).jobs
        killed, after = jobs.add(lesson, ("analyze", str(lesson)), ("validate", str(lesson)))
        await until(lambda: not jobs.busy(lesson))
        assert (killed.state, after.state) == ("failed", "cancelled")
        assert "ended from outside (signal 9)" in killed.log[-1]
        await jobs.close()

    asyncio.run(go())


def test_the_pictures_process_killed_is_one_sentence_and_starts_again(tmp_path: Path) -> None:
    async def go() -> None:
        worker = Worker()
        assert await worker.call("still_wanted", [])
        assert worker._pool is not None
        (pid,) = worker._pool._processes
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(UserError, match="ended from outside"):
            for _ in range(100):
                await worker.call("still_wanted", [])
        assert await worker.call("still_wanted", [])
        worker.close()

    asyncio.run(go())


LEFT_ALONE = """
import asyncio, os, signal
from gaze.app.worker import Worker

async def go():
    worker = Worker()
    await worker.call("still_wanted", [])
    print(*worker._pool._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(go())
"""


def test_no_process_is_left_when_the_app_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "left_alone.py"
    script.write_text(LEFT_ALONE)
    app = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    pid, end = int(app.stdout), time.monotonic() + 600
    while is_there(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_there(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
