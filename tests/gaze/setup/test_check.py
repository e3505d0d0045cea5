"""gaze/setup/check.py: a good lesson is called good; each fault is found and has an action."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration.camera import Camera
from calibration.rig import Rig
from calibration.transform import Transform
from calibration.verdict import Cause, Verdict
from gaze.faces.boxes import Detections
from gaze.setup.check import Finding, check
from gaze.setup.checks import disk, pictures
from gaze.setup.checks.pictures import blur, judge_pictures
from sessions.config_values import looks_like_a_name
from sessions.folder import Session
from tests.sessions.video import films

W, H, FPS, SECONDS = 480, 270, 5, 8


def scene(seed: int, *, w: int = W, h: int = H) -> np.ndarray:
    """A picture with edges of all sizes, (h, w, 3), medium bright."""
    rng = np.random.default_rng(seed)
    image = np.full((h, w, 3), 110, np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, w), rng.integers(0, h)
        size = rng.integers(4, 60, 2)
        colour = rng.integers(30, 210, 3).tolist()
        cv2.rectangle(image, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), colour, -1)
    return image


def write_video(path: Path, *, seconds: float = SECONDS, fps: int = FPS, w: int = W, h: int = H,
                dim: float = 1.0, still: bool = False) -> None:  # fmt: skip
    """A short H.264 video of a scene in which something moves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
        base = scene(3, w=w, h=h)
        for i in range(round(seconds * fps)):
            image = base.copy()
            x = 0 if still else int(i * 7 % (w - 40))
            cv2.rectangle(image, (x, 20), (x + 40, 90), (200, 60, 60), -1)
            image = (image * dim).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


TOML = """
title = "7b"
[blackboard]
width_m = 4.0
height_m = 1.2
[auxiliary]
left_m = 2.0
down_m = 1.4
out_m = 1.5
[cameras.left]
video = "left.mp4"
[cameras.right]
video = "right.mp4"
offset_s = 0.0
"""
STUDENTS = """
[[students]]
id = "A1"
seat_m = [1.0, 3.0]
[[students]]
id = "B1"
seat_m = [1.0, 6.0]
"""


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A lesson that has everything (its videos are small, so that the tests are fast)."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "session.toml").write_text(TOML + STUDENTS)
    write_video(folder / "left.mp4")
    write_video(folder / "right.mp4", dim=0.98)
    for camera in ("left", "right"):
        (folder / "calibration" / camera).mkdir(parents=True)
        for i in range(20):
            picture = folder / f"calibration/{camera}/{i:02d}.jpg"
            cv2.imwrite(str(picture), scene(i))
        auxiliary = folder / f"calibration/auxiliary/{camera}.jpg"
        auxiliary.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(auxiliary), scene(99))
    (folder / "targets.csv").write_text(
        "start_s,end_s,student,target,x_m,y_m\n1,3,,P1,0.5,0.3\n4,6,A1,P2,3.5,1.0\n"
    )
    (folder / "events.csv").write_text("time_s,label,end_s\n2,question,\n3,copying,6\n")
    return folder


@pytest.fixture
def lesson(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "lesson"))


def look(lesson: Path, **kwargs) -> list[Finding]:
    return check(Session.open(lesson), **{"detector": None, **kwargs})


def bad(findings: list[Finding]) -> list[Finding]:
    """Errors and warnings, but for the test videos' own smallness."""
    return [f for f in findings if f.severity != "ok" and "is small" not in f.what]


def only(findings: list[Finding]) -> Finding:
    (one,) = bad(findings)
    return one


def test_a_good_lesson_has_nothing_against_it_and_says_what_it_is(lesson: Path) -> None:
    before = sorted(lesson.rglob("*"))
    findings = look(lesson)
    assert bad(findings) == []
    said = " / ".join(f.what for f in findings)
    for part in (
        "480 × 270, 5.00 frames per second, 8 s, h264", "20 taken together",
        "2 intervals at 2 marked points", "events.csv: 2 marks", "GB free",
        "The left pictures are well exposed and sharp", "minus the left's is given: 0 s",
    ):  # fmt: skip
        assert part in said
    assert sorted(lesson.rglob("*")) == before  # nothing is written


def test_small_videos_are_warned_of(lesson: Path) -> None:
    small = [f for f in look(lesson) if "is small (480 × 270)" in f.what]
    assert [f.severity for f in small] == ["warning", "warning"] and "1080p" in small[0].action


def test_days_that_contradict_each_other_or_are_missing(lesson: Path) -> None:
    begin = "starts_at = 2026-03-02T23:30:00-05:00\n"  # the next day in UTC, the 2nd at school
    toml = lesson / "session.toml"
    toml.write_text(begin + TOML + STUDENTS)
    assert bad(look(lesson)) == []
    assert str(Session.open(lesson).config.date) == "2026-03-02"
    toml.write_text("date = 2026-03-03\n" + begin + TOML + STUDENTS)
    one = only(look(lesson))
    assert one.severity == "warning" and "starts_at lies on 2026-03-02" in one.what
    toml.write_text("retention_days = 30\n" + TOML + STUDENTS)
    one = only(look(lesson))
    assert one.severity == "warning" and "will never be closed" in one.what


# -- videos ----------------------------------------------------------------------------------------


def test_a_missing_and_a_truncated_video(lesson: Path) -> None:
    (lesson / "left.mp4").unlink()
    whole = (lesson / "right.mp4").read_bytes()
    (lesson / "right.mp4").write_bytes(whole[: len(whole) // 3])
    findings = bad(look(lesson))
    assert [f.severity for f in findings] == ["error", "error"]
    assert findings[0].what.startswith("The left camera's video is missing")
    assert findings[0].where == "left.mp4" and findings[0].action
    assert findings[1].where == "right.mp4" and "cannot be read" in findings[1].what


def test_lengths_rates_and_sizes_that_differ(lesson: Path) -> None:
    write_video(lesson / "right.mp4", seconds=5, fps=10, w=640, h=360)
    found = {f.what: f for f in bad(look(lesson))}
    assert any("video is 3.0 s longer" in w for w in found)
    assert any("5.00 and 10.00 frames per second" in w for w in found)
    assert any("differ in size (480 × 270 and 640 × 360)" in w for w in found)
    scaled = next(f for w, f in found.items() if "chessboard pictures are 480 × 270" in w)
    assert scaled.severity == "warning" and "640 × 360: taken as the same picture" in scaled.what
    write_video(lesson / "right.mp4", w=480, h=360)
    assert any(
        f.severity == "error" and "pictures are 480 × 270, the video is 480 × 360" in f.what
        for f in bad(look(lesson))
    )
    write_video(lesson / "right.mp4", w=270, h=480)
    on_its_side = next(f for f in bad(look(lesson)) if "stands on its side" in f.what)
    assert on_its_side.severity == "error" and "cameras.right.rotate" in on_its_side.action


def test_one_video_for_both_cameras(lesson: Path) -> None:
    text = (lesson / "session.toml").read_text().replace('"right.mp4"', '"left.mp4"')
    (lesson / "session.toml").write_text(text)
    assert only(look(lesson)).what == "Both cameras name the same video"


def test_one_video_under_two_names(lesson: Path) -> None:
    shutil.copy(lesson / "left.mp4", lesson / "right.mp4")
    found = only(look(lesson))
    assert found.severity == "error" and "one and the same recording" in found.what


def test_what_a_recording_is_is_told(lesson: Path) -> None:
    """Chapters, a turn and a stream without times: said, and the lesson can be used."""
    write_video(lesson / "right_1.mp4", seconds=3)
    write_video(lesson / "right_2.mp4", seconds=5)
    left = scene(3)
    films.write(
        lesson / "left.h264", container="h264", rate=FPS, frames=SECONDS * FPS,
        draw=lambda n: np.roll(left, 9 * n, 1), options={"crf": "18", "g": "10"},
    )  # fmt: skip
    toml = TOML.replace('"right.mp4"', '["right_1.mp4", "right_2.mp4"]\nrotate = 180')
    (lesson / "session.toml").write_text(toml.replace('"left.mp4"', '"left.h264"') + STUDENTS)
    findings = look(lesson)
    said = " / ".join(f.what for f in findings)
    assert "8 s, h264, 2 chapters, turned by 180° as session.toml says" in said
    one = only(findings)
    assert one.severity == "warning" and "The left video holds no times" in one.what


def test_frames_that_cannot_be_decoded(lesson: Path) -> None:
    """A third of the video is noise: what is left is used, and how much is lost is told."""
    films.damage(lesson / "left.mp4", 0.2, (lesson / "left.mp4").stat().st_size // 3)
    lost = [f for f in bad(look(lesson)) if "cannot be decoded" in f.what]
    assert [f.severity for f in lost] == ["warning"] and "of 10 frames looked at" in lost[0].what


# -- clocks ----------------------------------------------------------------------------------------


def test_offsets(lesson: Path) -> None:
    (lesson / "session.toml").write_text(TOML.replace("offset_s = 0.0", "offset_s = 900.0"))
    one = only(look(lesson))
    assert one.severity == "error" and "no moment in common" in one.what
    (lesson / "session.toml").write_text(TOML.replace("offset_s = 0.0", "offset_s = 4.0"))
    one = only(look(lesson))
    assert one.severity == "warning" and "share 4 s only" in one.what
    (lesson / "session.toml").write_text(TOML.replace("offset_s = 0.0", ""))
    assert any("will be estimated" in f.what for f in look(lesson))


def test_an_offset_on_the_left_camera_is_an_error(lesson: Path) -> None:
    swapped = TOML.replace('video = "left.mp4"', 'video = "left.mp4"\noffset_s = 1.0')
    (lesson / "session.toml").write_text(swapped)
    (one,) = bad(look(lesson))
    assert one.severity == "error" and "left camera's clock is the lesson's" in one.what


def timestamps(lesson: Path, *, n: int = SECONDS * FPS, cameras=("left", "right"), step=0.2):
    lines = [f"{c},{i},{100 + step * i:.3f}" for c in cameras for i in range(n)]
    (lesson / "timestamps.csv").write_text("camera,frame,time_s\n" + "\n".join(lines) + "\n")


def test_timestamps(lesson: Path) -> None:
    timestamps(lesson)
    findings = look(lesson)
    assert bad(findings) == [] and any(
        "Clocks come from timestamps.csv" in f.what for f in findings
    )
    timestamps(lesson, n=30)
    counted = [f.what for f in bad(look(lesson)) if f.severity == "error"]
    assert counted == [
        f"timestamps.csv has 30 times for the {c} video's 40 frames" for c in ("left", "right")
    ]
    timestamps(lesson, cameras=("left", "links"))
    assert "found left, links" in only(look(lesson)).what
    timestamps(lesson, step=-0.2)
    assert "do not ascend" in only(look(lesson)).what
    (lesson / "timestamps.csv").write_text("cam,frame,t\nleft,0,0\n")
    one = only(look(lesson))
    assert "lacks columns" in one.what and one.where == "timestamps.csv"


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "severity", "message"),
    [
        (lambda i: i // 12, "warning", "is dark"),
        (lambda i: i // 60, "error", "is black"),
        (lambda i: np.clip(i.astype(int) * 3, 0, 255).astype(np.uint8), "warning", "burnt out"),
        (lambda i: cv2.GaussianBlur(i, (0, 0), 4), "warning", "looks blurred"),
    ],
)
def test_exposure_and_sharpness(change, severity: str, message: str) -> None:
    frames = [np.asarray(change(scene(i, w=960, h=540))) for i in range(4)]
    found = [f for f in judge_pictures(frames, "left") if message in f.what]
    assert [f.severity for f in found] == [severity] and found[0].action
    assert judge_pictures([scene(i, w=960, h=540) for i in range(4)], "left")[0].severity == "ok"


def test_a_video_that_stands_still(lesson: Path) -> None:
    write_video(lesson / "left.mp4", still=True)
    one = only(look(lesson))
    assert one.severity == "error" and "stands still" in one.what and one.where == "left"


def test_blur_grows_with_blur_whatever_the_brightness() -> None:
    image = cv2.cvtColor(scene(0, w=960, h=540), cv2.COLOR_BGR2GRAY)
    values = [blur(image)] + [blur(cv2.GaussianBlur(image, (0, 0), s)) for s in (1.5, 3, 6)]
    assert values[0] < values[1] < values[2]
    assert values[0] < pictures.BLURRED < min(values[2:])
    assert blur(image // 2) == pytest.approx(values[0], abs=0.02)
    assert blur(np.full((50, 50), 90, np.uint8)) == 1.0


# -- calibration -----------------------------------------------------------------------------------


def test_pictures_that_do_not_belong_together(lesson: Path) -> None:
    for p in sorted((lesson / "calibration/right").iterdir())[8:]:
        p.unlink()
    one = only(look(lesson))
    assert (
        one.severity == "warning" and "20 and 8 chessboard pictures, 8 taken together" in one.what
    )
    for p in sorted((lesson / "calibration/right").iterdir())[3:]:
        p.unlink()
    assert only(look(lesson)).severity == "error"
    shutil.rmtree(lesson / "calibration/right")
    one = only(look(lesson))
    assert one.severity == "error" and one.where == "calibration/right"
    shutil.copy(lesson / "left.mp4", lesson / "calibration/right.mp4")
    (lesson / "calibration/right").mkdir()
    shutil.copy(lesson / "left.mp4", lesson / "calibration/right/board.mp4")
    assert bad(look(lesson)) == []


def test_a_damaged_and_an_odd_picture(lesson: Path) -> None:
    (lesson / "calibration/left/00.jpg").write_bytes(b"")
    one = only(look(lesson))
    assert one.severity == "warning" and "00.jpg: the file is empty" in one.what
    cv2.imwrite(str(lesson / "calibration/left/00.jpg"), scene(0, w=640, h=360))
    one = only(look(lesson))
    assert one.severity == "error" and "differ in size (480 × 270, 640 × 360)" in one.what


def test_the_auxiliary_board(lesson: Path) -> None:
    (lesson / "calibration/auxiliary/right.jpg").unlink()
    one = only(look(lesson))
    assert one.severity == "error" and one.where == "calibration/auxiliary/right.jpg"
    text = (lesson / "session.toml").read_text()
    start, end = text.index("[auxiliary]"), text.index("[cameras.left]")
    (lesson / "session.toml").write_text(text[:start] + text[end:])
    one = only(look(lesson))
    assert "no [auxiliary]" in one.what and "tape" in one.action


def rig(
    size: tuple[int, int] = (W, H), *, world: bool = True, verdict: Verdict | None = None
) -> Rig:
    """Both cameras at the blackboard's middle, 1 m from the board, looking at the class."""
    K = np.array([[400.0, 0, W / 2], [0, 400.0, H / 2], [0, 0, 1]])
    cameras = [Camera(K, np.zeros(5), size, n) for n in ("left", "right")]
    flat = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
    # Facing the class: right in the picture is +x_W, down is +y_W, forward is +z_W.
    T_WA = Transform(flat, np.array([2.0, 1.4, 1.0]), "W", "A")
    T_WL = Transform(np.eye(3), np.array([2.0, 0.5, 1.0]), "W", "L")
    T_AL = T_WA.inverse() @ T_WL
    return Rig(
        cameras[0], cameras[1], Transform.identity("R", "L"),
        T_AL if world else None, T_WA if world else None, verdict=verdict or Verdict(),
    )  # fmt: skip


def test_a_rig_takes_the_place_of_its_pictures(lesson: Path) -> None:
    shutil.rmtree(lesson / "calibration")
    rig().save(lesson / "rig.json")
    findings = look(lesson)
    (unchecked,) = bad(findings)
    assert unchecked.severity == "warning" and "still as calibrated" in unchecked.what
    assert any(f.what == "rig.json: PASS" for f in findings)

    def rest() -> list[Finding]:
        return [f for f in look(lesson) if "still as calibrated" not in f.what]

    for size, severity in (((1920, 1200), "error"), ((1920, 1080), "warning")):
        rig(size).save(lesson / "rig.json")
        wrong = bad(rest())
        assert [f.severity for f in wrong] == [severity] * 2
        assert f"calibrated at 1920 × {size[1]}, its video is 480 × 270" in wrong[0].what
    rig(world=False).save(lesson / "rig.json")
    assert "has no world" in only(rest()).what
    cause = Cause("few_views", "FAIL", "only 3 views", "Take 20.")
    rig(verdict=Verdict((cause,))).save(lesson / "rig.json")
    assert only(rest()) == Finding("error", "only 3 views", "rig.json", "Take 20.")
    (lesson / "rig.json").write_text("{")
    assert "cannot be read" in only(rest()).what


def test_a_film_on_its_side_has_one_cause(lesson: Path) -> None:
    rig().save(lesson / "rig.json")
    for name in ("left", "right"):
        write_video(lesson / f"{name}.mp4", w=H, h=W, dim=0.97 if name == "left" else 1.0)
    wrong = bad(look(lesson))
    assert [f.severity for f in wrong] == ["error"] * 2, wrong
    assert all("stands on its side" in f.what and ".rotate" in f.action for f in wrong)


# -- faces -----------------------------------------------------------------------------------------


class Painted:
    """Stands for a detector: faces of given heights (px of the original picture), side by side."""

    name = "painted"

    def __init__(self, *heights_px: float) -> None:
        self.heights = np.array(heights_px, np.float64)

    def detect(self, pictures: np.ndarray, threshold: float) -> Detections:
        h = self.heights * pictures.shape[1] / H  # the finder may have enlarged the picture
        x = np.linspace(0.3, 0.7, len(h)) * pictures.shape[2]
        y = np.full(len(h), pictures.shape[1] / 2)
        box = np.stack([x - 0.4 * h, y - h / 2, x + 0.4 * h, y + h / 2], 1)
        n = len(h)
        return Detections(np.zeros(n, np.intp), box, np.ones(n), np.zeros((n, 5, 2)))


def test_face_sizes_without_a_rig(lesson: Path) -> None:
    findings = look(lesson, detector=Painted(40, 50, 60))
    assert bad(findings) == []
    assert any(f.what == "All rows: faces are 50 px high (median)" for f in findings)
    assert "errors will be large" in only(look(lesson, detector=Painted(20, 21))).what
    assert "left, right or away only" in only(look(lesson, detector=Painted(14, 15))).what


def test_face_sizes_by_row_with_a_rig(lesson: Path) -> None:
    """A box of 0.165 m at f = 400 px: 33 px high is 2 m from the camera, 3 m from the board."""
    rig().save(lesson / "rig.json")
    said = {f.what: f.severity for f in look(lesson, detector=Painted(33, 33, 13.2))}
    assert said["Row 1 (3.0 m): faces are 33 px high (median)"] == "ok"
    assert (
        said["Row 2 (6.0 m): faces are 13 px high (median): read these as left, right or away only"]
        == "warning"
    )
    (lesson / "session.toml").write_text(TOML)  # no seats: by distance
    said = {f.what for f in look(lesson, detector=Painted(30, 12))}
    assert "3 to 4.5 m from the blackboard: faces are 30 px high (median)" in said
    assert any(w.startswith("Over 6 m from the blackboard: faces are 12 px high") for w in said)


def test_no_faces_and_no_detector(lesson: Path) -> None:
    findings = bad(look(lesson, detector=Painted()))
    assert [f.where for f in findings] == ["left", "right"]
    assert all("No face was found" in f.what for f in findings)
    assert "Faces were not looked for" in only(look(lesson, detector="no such detector")).what


# -- session.toml ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "severity", "says"),
    [
        ("[auxiliary]", '[[blackboard.areas]]\nname = "l"\nx_m = [2, 5]\ny_m = [0, 1]\n[auxiliary]',
         "warning", "'l' reaches over the blackboard's edge"),
        ("[auxiliary]", '[[blackboard.areas]]\nname = "l"\nx_m = [2, 4]\ny_m = [0, 1]\n'
         '[[blackboard.areas]]\nname = "m"\nx_m = [1, 3]\ny_m = [0, 1]\n[auxiliary]',
         "warning", "'l' and 'm' overlap"),
        ('id = "B1"', 'id = "Anna Müller"', "warning", "'Anna Müller' in [[students]] looks like"),
        ('id = "B1"', 'id = "Zoë"', "warning", "'Zoë' in [[students]] looks like a real name"),
        ('id = "B1"', 'id = "\u04101"', "warning", "A1 and \u04101 (CYRILLIC CAPITAL A) in"),
        ('id = "B1"', 'id = "Al"', "warning", "A1 and Al in [[students]] look the same"),
        ("[1.0, 6.0]", "[1.1, 3.1]", "error", "'A1' and 'B1' have the same seat"),
        ('"left.mp4"', '"le:ft.mp4"', "warning", "'le:ft.mp4' is not allowed on Windows"),
        ('"left.mp4"', '"aux.mp4"', "warning", "'aux.mp4' is not allowed on Windows"),
    ],
)  # fmt: skip
def test_what_session_toml_should_not_say(lesson, old, new, severity, says) -> None:
    (lesson / "session.toml").write_text((TOML + STUDENTS).replace(old, new, 1))
    if "mp4" in new:
        shutil.copy(lesson / "left.mp4", lesson / new.strip('"'))
    one = only(look(lesson))
    assert one.severity == severity and says in one.what and one.action
    assert one.where == "session.toml"


@pytest.mark.parametrize("name", ["A1", "S-07", "removed-1", "12", "R2 S3", "x"])
def test_pseudonyms_are_not_taken_for_names(name: str) -> None:
    assert not looks_like_a_name(name)


# -- tables and disk -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "severity", "message"),
    [
        ("3,1,,P,1,1", "error", "line 3: the interval ends before it starts"),
        ("100,103,,P,1,1", "error", "line 3: the interval lies outside the lesson (0.0 to 7.8 s)"),
        ("1,3,,P,150,80", "error", "line 3: the point is more than 20 m away"),
        ("1,3,,P,-0.5,1", "warning", "line 3: the point is not on the blackboard (4 × 1.2 m)"),
        ("1,3,Zoe,P,1,1", "warning", "no such student in session.toml: Zoe"),
        ("1,3,,P,left,1", "error", "`x_m` is not a number (found line 3: 'left')"),
    ],
)
def test_targets(lesson: Path, line: str, severity: str, message: str) -> None:
    path = lesson / "targets.csv"
    path.write_text(f"start_s,end_s,student,target,x_m,y_m\n1,3,,P1,0.5,0.3\n{line}\n")
    one = only(look(lesson))
    assert one.severity == severity and message in one.what and one.where == "targets.csv"


def test_targets_that_are_not_there_or_not_a_table(lesson: Path) -> None:
    (lesson / "targets.csv").write_text("start_s,end_s,x_m,y_m\n1,3,1,1\n")
    one = only(look(lesson))
    assert one.severity == "error" and "lacks columns" in one.what
    (lesson / "targets.csv").unlink()
    findings = look(lesson)
    assert bad(findings) == [] and any("cannot be validated" in f.what for f in findings)


def test_events(lesson: Path) -> None:
    (lesson / "events.csv").write_text("time_s,label\n2,start\n500,bell\n")
    one = only(look(lesson))
    assert one.severity == "warning" and "1 of 2 marks lie outside" in one.what
    assert "'bell'" in one.what
    (lesson / "events.csv").write_text("when,what\n2,start\n")
    assert only(look(lesson)).severity == "error"


def test_a_full_disk(lesson: Path, monkeypatch) -> None:
    usage = type("Usage", (), {})
    for free, severity in ((1e9, "warning"), (1e8, "error")):
        now = usage()
        now.free = free
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda _, now=now: now)
        one = next(f for f in look(lesson) if "free on the disk" in f.what)
        assert one.severity == severity and f"{free / 1e6:.0f} MB free" in one.what
