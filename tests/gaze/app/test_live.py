"""Live cameras, with a video file in a camera's place: seen, blurred, and kept only when asked."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.errors import UserError
from gaze.app import live, look
from gaze.setup.demo import LESSON, copy_lesson
from sessions.config_edit import edit_config
from tests.gaze.app.rtsp import camera


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_lesson(tmp_path_factory.mktemp("live") / "lesson")


@pytest.fixture(autouse=True)
def no_camera_stays_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for seconds in ("WAIT_S", "IDLE_S", "STALE_S"):  # on a busy machine
        monkeypatch.setattr(live, seconds, 600.0)
    monkeypatch.setattr(live, "ANSWER_MS", 600_000)
    yield
    monkeypatch.setattr(live, "IDLE_S", -1.0)
    end = time.monotonic() + 600
    while any(s.open for s in live._sources.values()) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(s.open for s in live._sources.values())  # whom nobody asks, lets go
    live._sources.clear()


def test_faces_are_counted_measured_and_blurred(lesson: Path) -> None:
    before = sorted(p.name for p in lesson.rglob("*"))
    seen = live.live_view(lesson, "left", "left.mp4")
    assert seen.size_px == (1920, 1080) and seen.faces == 8 and not seen.board
    said = " ".join(what for _, what, _ in seen.findings)
    assert "well exposed and sharp" in said and "px high" in said
    shown = cv2.imdecode(np.frombuffer(seen.data, np.uint8), cv2.IMREAD_COLOR)
    large = np.asarray(cv2.resize(shown, (1920, 1080)), np.uint8)
    assert len(look.faces_of(large, 0.5)) == 0
    assert sorted(p.name for p in lesson.rglob("*")) == before  # nothing is recorded


def test_a_board_is_seen_and_kept_when_asked(lesson: Path) -> None:
    picture = cv2.imread(str(sorted((LESSON / "calibration" / "left").iterdir())[0]))
    film = cv2.VideoWriter(
        str(lesson / "board.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, picture.shape[1::-1]
    )
    for _ in range(3):
        film.write(picture)
    film.release()
    assert live.live_view(lesson, "left", "board.avi").board
    path = live.keep_picture(lesson, "left", "board.avi", "board")
    assert path.name == "live-001.jpg" and look.board_view(path, lesson).found
    assert live.keep_picture(lesson, "left", "board.avi", "board").name == "live-002.jpg"
    with pytest.raises(UserError, match="not overwritten"):
        live.keep_picture(lesson, "left", "board.avi", "auxiliary")


@pytest.mark.parametrize(
    "where", ["/etc/passwd", "../left.mp4", "file:///x", "http://x/y", "left.exe", "rtsp://a b", ""]
)
def test_what_is_no_camera_is_not_opened(lesson: Path, where: str) -> None:
    with pytest.raises(UserError, match="no camera"):
        live.live_view(lesson, "left", where)


RED = np.full((240, 320, 3), (0, 0, 255), np.uint8)


def test_a_network_camera_is_seen_until_it_ends() -> None:
    with camera(RED, pictures=100, user="me:secret") as address:
        source = live.Source(address.replace("//", "//me:secret@"))
        assert source.picture().shape == (240, 320, 3)
        assert np.median(source.picture(), axis=(0, 1)) == pytest.approx((0, 0, 255), abs=5)
        source._thread.join(600)
        with pytest.raises(UserError, match=r"no picture any more.*user and password"):
            source.picture()


def test_a_network_camera_that_stalls_shows_no_old_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    with camera(RED, pictures=100, then="stall") as address:
        source = live.Source(address)
        source.picture()
        monkeypatch.setattr(live, "STALE_S", 0.0)
        with pytest.raises(UserError, match="no picture any more"):
            source.picture()
        assert source.open  # it may go on


@pytest.mark.parametrize("user", ["", "me:wrong@"])
def test_a_wrong_password_is_named(user: str) -> None:
    with camera(RED, user="me:secret") as address:
        source = live.Source(address.replace("//", f"//{user}"))
        with pytest.raises(UserError, match=r"cannot be opened; found .*401.*password") as said:
            source.picture()
        assert "wrong" not in str(said.value)  # no secret in a sentence


def test_a_camera_that_is_not_there_says_so(lesson: Path) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        live.live_view(lesson, "left", "9")
    with pytest.raises(UserError, match="cannot be opened"):
        live.live_view(lesson, "left", "rtsp://user:secret@127.0.0.1:9/1")


def test_each_face_has_its_seat_once_the_rig_is_known(lesson: Path) -> None:
    """Eight students, seen by each camera: every face is named, the nearer rows are larger."""
    shutil.copy(LESSON / "truth" / "rig.json", lesson / "rig.json")
    seats = [(0.56, 3), (1.71, 3), (2.86, 3), (1.14, 5), (2.29, 5), (3.44, 5), (1.14, 7), (2.29, 7)]
    names = ["A1", "A2", "A3", "B1", "B2", "B3", "C1", "C2"]
    students = [{"id": n, "seat_m": list(s)} for n, s in zip(names, seats, strict=True)]
    edit_config(lesson, {"students": students})
    seen = live.live_view(lesson, "left", "left.mp4")
    assert [name for name, _ in seen.seats] == names
    row = {r: np.median([px for n, px in seen.seats if n[0] == r]) for r in "ABC"}
    assert row["A"] > row["B"] > row["C"]
    edit_config(lesson, {"students[0].opt_out": True})
    seen = live.live_view(lesson, "left", "left.mp4")
    assert "A1" not in [name for name, _ in seen.seats]  # who opted out is not named
    (lesson / "rig.json").unlink()
    assert live.live_view(lesson, "left", "left.mp4").seats == ()
