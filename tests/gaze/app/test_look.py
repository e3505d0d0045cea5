"""Pictures that leave the worker: no face in them, nothing invented."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.errors import UserError
from gaze.app import look
from gaze.setup.demo import LESSON, copy_lesson
from sessions.config_edit import edit_config
from sessions.video import probe, read_frames


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_lesson(tmp_path_factory.mktemp("look") / "lesson")


def decoded(data: bytes | None) -> np.ndarray:
    assert data is not None
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_no_face_is_left_in_a_preview(lesson: Path) -> None:
    """What a detector finds in the frame, it does not find in the preview of it."""
    seen = look.moment(lesson, 2.0, 0.0, ("left",))
    video = probe(lesson / "left.mp4")
    ((_, frame),) = read_frames(video, [seen.frame_left])
    before = look._detector().detect(frame[None], 0.5)
    shown = decoded(seen.left)
    large = cv2.resize(shown, frame.shape[1::-1])
    after = look._detector().detect(large[None], 0.5)
    assert len(before.score) == 8 and len(after.score) == 0
    assert shown.shape[1] == look.PREVIEW_PX


def test_what_is_no_face_stays_as_it_is(lesson: Path) -> None:
    ((_, frame),) = read_frames(probe(lesson / "left.mp4"), [10])
    changed = (look.pixelated(frame) != frame).any(-1).mean()
    assert 0.002 < changed < 0.06


def test_the_same_moment_of_both_by_the_offset(lesson: Path) -> None:
    plain = look.moment(lesson, 2.0, 0.0)
    later = look.moment(lesson, 2.0, 0.4)  # right's clock is ahead: its frame lies further on
    assert plain.frame_right == plain.frame_left
    assert later.frame_right == plain.frame_right + 2 and later.frame_left == plain.frame_left
    assert look.moment(lesson, 500.0, 0.0).left is None


def test_a_video_that_is_missing_says_so(lesson: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(lesson / "session.toml", other)
    shutil.copy(lesson / "left.mp4", other)
    found = look.recordings(other)
    assert found["left"].codec == "h264" and found["left"].frames == 68
    assert "right" in found["right"].error
    assert look.moment(other, 1.0, 0.0).right is None


def test_boards_are_found_and_what_is_missing_is_said(lesson: Path) -> None:
    folder = lesson / "calibration" / "left"
    views = [look.board_view(p, lesson) for p in sorted(folder.iterdir())[:4]]
    assert all(v.found and len(v.cells) == 25 and any(v.cells) for v in views)
    lacking, cells = look.still_wanted(views)
    assert "views" in lacking and len(cells) == 25 and max(cells) <= 4


def test_a_picture_without_a_board_says_why(lesson: Path, tmp_path: Path) -> None:
    folder = copy_lesson(tmp_path / "lesson")
    empty = folder / "calibration" / "left" / "99.jpg"
    cv2.imwrite(str(empty), np.full((1080, 1920, 3), 128, np.uint8))
    view = look.board_view(empty, folder)
    assert not view.found and view.reason and view.data
    (folder / "calibration" / "left" / "98.jpg").write_bytes(b"no picture")
    broken = look.board_view(folder / "calibration" / "left" / "98.jpg", folder)
    assert not broken.found and broken.reason and not broken.data


def test_the_printed_board_is_a_pdf_or_a_sentence() -> None:
    assert look.print_board("chessboard", (9, 6), 0.025, "A4").startswith(b"%PDF")
    with pytest.raises(UserError):
        look.print_board("chessboard", (9, 6), 0.2, "A4")


def test_cameras_on_the_plan_are_where_the_rig_says() -> None:
    _, places = look.room_of_rig(LESSON / "truth" / "rig.json")
    (left, x_left, z_left), (right, x_right, z_right) = places
    assert (left, right) == ("left", "right") and x_left > x_right  # x_W grows to the left
    assert abs((x_left - x_right) ** 2 + (z_left - z_right) ** 2 - 4.51**2) < 0.2


def test_marks_are_written_as_they_were_meant(lesson: Path) -> None:
    marks = [(2.0, "question, 黑板", None), (1.0, "lecture", 7.5)]
    look.write_marks(lesson, marks, [])
    assert look.marks_of(lesson) == [(1.0, "lecture", 7.5), (2.0, "question, 黑板", None)]
    before = (lesson / "events.csv").read_bytes()
    with pytest.raises(UserError, match="changed meanwhile"):
        look.write_marks(lesson, [], marks[:1])
    with pytest.raises(UserError):
        look.write_marks(lesson, [(2.0, "x", 1.0)], marks)
    assert (lesson / "events.csv").read_bytes() == before
    (lesson / "events.csv").write_text("tier\t1\t2\t1\tx\n")
    with pytest.raises(UserError, match="ELAN"):
        look.write_marks(lesson, marks, look.marks_of(lesson))
    (lesson / "events.csv").unlink()


@pytest.mark.slow
def test_seats_of_a_few_seconds_and_nothing_is_kept(lesson: Path) -> None:
    shutil.copy(LESSON / "truth" / "rig.json", lesson / "rig.json")
    edit_config(lesson, {"students[7].opt_out": True})  # in the last row: it hides nobody
    before = sorted(p.name for p in lesson.rglob("*"))
    found = look.seats_at(lesson, 1.0, 3.0)
    assert sorted(p.name for p in lesson.rglob("*")) == before
    truth = [(0.56, 3), (1.71, 3), (2.86, 3), (1.14, 5), (2.29, 5), (3.44, 5), (1.14, 7)]
    assert len(found) == 7  # who opted out is not looked for
    for x, z in truth:
        assert min(np.hypot(s.x_m - x, s.z_m - z) for s in found) < 0.3
    assert [s.row for s in found] == sorted(s.row for s in found)


def film_with(path: Path, frames: list[np.ndarray], fps: float = 25.0) -> None:
    size = frames[0].shape[1::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    for frame in frames:
        writer.write(frame)
    writer.release()


def test_a_flash_stands_at_its_time_and_a_late_clock_moves_it(lesson: Path, tmp_path: Path) -> None:
    """A flash at 2.0 s in both; the right camera's clock is 0.4 s ahead."""
    shutil.copy(lesson / "session.toml", tmp_path)
    names = {f"cameras.{c}.video": f"{c}.avi" for c in ("left", "right")}
    edit_config(tmp_path, {**names, "students": None})
    for camera, at in (("left", 50), ("right", 60)):
        level = [200 if k in (at, at + 1) else 60 for k in range(120)]
        film_with(tmp_path / f"{camera}.avi", [np.full((90, 160, 3), v, np.uint8) for v in level])
    for offset_s, right_s in ((0.0, 2.4), (0.4, 2.0)):
        seen = look.traces(tmp_path, 0.0, 4.0, offset_s, True)
        for camera, at_s in (("left", 2.0), ("right", right_s)):
            light = np.array(seen[camera].light)
            assert seen[camera].sound == () and light.max() == 1
            begin = np.flatnonzero(light > 0.9)[0] / (len(light) - 1) * 4.0
            assert begin == pytest.approx(at_s, abs=0.05)
    assert look.traces(tmp_path, 0.0, 4.0, 0.0, False)["left"].light == ()


def test_a_clap_is_seen_in_the_sound() -> None:
    times = np.arange(0, 60, 0.005)
    loud = np.where(np.abs(times - 42.0) < 0.02, 0.0, -9.0)
    grid = np.linspace(0, 60, look.TRACE_BINS)
    on_grid = look._on_grid(times, loud, grid)
    assert grid[on_grid.argmax()] == pytest.approx(42.0, abs=0.13)  # half a bin of a whole lesson
    near = np.linspace(41, 43, look.TRACE_BINS)
    assert near[look._on_grid(times, loud, near) > -1][0] == pytest.approx(41.98, abs=0.01)


def test_boards_are_found_in_a_video_too(lesson: Path, tmp_path: Path) -> None:
    pictures = sorted((lesson / "calibration" / "left").iterdir())[:2]
    frames = [cv2.imread(str(p)) for p in pictures for _ in range(5)]
    folder = tmp_path / "calibration" / "left"
    folder.mkdir(parents=True)
    shutil.copy(lesson / "session.toml", tmp_path)
    film_with(folder / "board.avi", frames)
    views = [look.board_view(folder / "board.avi", tmp_path, share) for share in (0.25, 0.75)]
    assert all(v.found and v.data for v in views) and views[0].cells != views[1].cells
