"""The replay: what is packed comes out again, the right way round; the clip; who is not in it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.errors import UserError
from gaze.commands.app import app
from gaze.exports import ExportError, export
from gaze.exports import replay as drawn
from gaze.measures.measures import measures
from gaze.privacy.forget import forget, forget_video
from gaze.report import replay, write_report
from gaze.report.colours import rgb, row_colour
from gaze.report.lesson import load_lesson
from gaze.report.replay import AWAY, MISSING, OUTSIDE, POINT, Replay
from sessions.config import Area, Blackboard
from tests.gaze.lessons import big_lesson, gaze_table, one_dot, write_lesson

BOARD = Blackboard(width_m=4.0, height_m=1.2)
AREAS = (Area(name="whole", x_m=(0.0, 4.0), y_m=(0.0, 1.2)),)


def of(gaze: object) -> Replay:
    return replay.replay(measures(gaze, AREAS, BOARD, surrogates=0).moments, BOARD)


def unpacked(r: Replay) -> tuple[np.ndarray, float]:
    """As the page's script does it."""
    code, cell_m = replay.pack(r)
    raw = np.frombuffer(zlib.decompress(base64.b64decode(code)), np.uint8)
    change = raw.reshape(6, len(r.students), r.steps)
    return np.cumsum(change, axis=2, dtype=np.uint8), cell_m


def test_what_is_packed_comes_out_again() -> None:
    r = of(big_lesson(rows=2, columns=3, minutes=3, seed=3))
    got, cell_m = unpacked(r)
    assert np.array_equal(got[0], r.state) and r.step_s == 0.5
    point = r.state == POINT
    assert 0.3 < point.mean() < 1
    for k, low in enumerate((r.extent_m[0], r.extent_m[2])):
        off = low + got[1 + k].astype(float) * cell_m - r.xy_m[..., k]
        assert np.abs(off[point]).max() <= cell_m / 2 + 1e-9
    for k in (0, 2):
        sigma = replay.SMALLEST_M * np.exp(got[3 + k // 2] / replay.PER_E)
        ratio = sigma[point] / np.sqrt(r.covariance_m2[..., k][point])
        assert np.abs(np.log(ratio)).max() <= 0.5 / replay.PER_E + 1e-9


def test_a_step_holds_the_measured_row_next_to_its_middle() -> None:
    """Nothing is averaged; a moment with a point goes before one without."""
    t = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
    status = np.array(["ok", "ok", "ok", "no_face", "ok", "away", "away", "no_face", "ok", "away",
                       "no_face", "away", "no_face"])  # fmt: skip
    x = np.linspace(0.1, 1.3, len(t))
    gaze = gaze_table(t, np.full(len(t), "S-1"), status, np.stack([x, 0.5 + 0 * x], 1), 0.2)
    r = of(gaze)
    assert r.state[0].tolist() == [POINT, POINT, AWAY]
    np.testing.assert_allclose(r.xy_m[0, :2, 0], [x[2], x[8]])
    assert np.isnan(r.xy_m[0, 2]).all()


def test_who_has_no_point_is_not_drawn_as_one() -> None:
    xy = np.array([[2.0, 0.5], [-3.0, 0.5], [2.0, 0.5], [2.0, 0.5]])
    status = np.array(["ok", "off_board", "away", "no_face"])
    gaze = gaze_table(np.zeros(4), np.array(list("abcd")), status, xy, 0.1)
    assert of(gaze).state[:, 0].tolist() == [POINT, OUTSIDE, AWAY, MISSING]


def test_the_ellipse_holds_half_of_where_a_point_may_lie() -> None:
    """A correlated σ: half axes and angle against drawn points, in the frame of the board."""
    rng = np.random.default_rng(0)
    covariance = np.array([[0.04, 0.018], [0.018, 0.02]])
    r = Replay(0.0, 0.5, ("a",), np.full((1, 1), POINT, np.uint8), np.zeros((1, 1, 2)),
               covariance[[0, 0, 1], [0, 1, 1]][None, None], (0, 1, 0, 1))  # fmt: skip
    a, b, angle = (float(v[0, 0]) for v in r.ellipses())
    points = rng.multivariate_normal([0, 0], covariance, 20_000)
    along = points @ [np.cos(angle), np.sin(angle)]
    across = points @ [-np.sin(angle), np.cos(angle)]
    assert np.mean((along / a) ** 2 + (across / b) ** 2 < 1) == pytest.approx(0.5, abs=0.015)
    assert abs(np.corrcoef(along, across)[0, 1]) < 0.03


def test_a_long_lesson_stays_light() -> None:
    """30 students, 45 minutes: the step widens before the page does."""
    s, n = 30, 45 * 120
    rng = np.random.default_rng(0)
    xy = np.clip(np.cumsum(rng.normal(0, 0.1, (s, n, 2)), axis=1) % 2, 0, 2)
    noise = rng.normal(0, 0.3, (s, n, 2))
    covariance = np.broadcast_to([0.09, 0.01, 0.06], (s, n, 3)) * rng.lognormal(0, 0.1, (s, n, 1))
    r = Replay(0.0, 0.5, tuple(map(str, range(s))), np.full((s, n), POINT, np.uint8),
               xy + noise, covariance, (-0.5, 4.5, -0.5, 1.7))  # fmt: skip
    assert len(replay.pack(r)[0]) < 700_000


# -- the page --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay") / "lesson"
    return write_lesson(folder, big_lesson(rows=2, columns=3, minutes=1, fps=2))


def test_the_report_has_it_and_the_one_for_sharing_has_not(run: Path, tmp_path: Path) -> None:
    html = write_report(run, out=tmp_path / "a.html").read_text(encoding="utf-8")
    found = re.search(r'id="replay-data">(.*?)</script>', html)
    assert found and json.loads(found[1])["names"] == [f"S-{i:02d}" for i in range(1, 7)]
    shared = write_report(run, class_only=True, out=tmp_path / "b.html").read_text(encoding="utf-8")
    assert "replay-data" not in shared and "S-01" not in shared


# -- the clip --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def large_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users get them."""
    for ending, size in ((".mp4", (1280, 20)), (".gif", (640, 8))):
        monkeypatch.setitem(drawn.SIZES, ending, size)


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_the_clip_is_the_right_way_round(tmp_path: Path, ending: str) -> None:
    """x_W = 3.5 m is near the left edge as the class sees it."""
    run = write_lesson(tmp_path / "lesson", one_dot(3.5, 0.3))
    [clip] = export(run, "replay", tmp_path / f"out/clip.{ending}", seconds=1)
    pictures = frames(clip)
    assert len(pictures) == {"mp4": 20, "gif": 8}[ending]
    picture = pictures[len(pictures) // 2].astype(int)
    row = int(load_lesson(run).table["row"].iloc[0])
    v, u = np.nonzero(np.abs(picture - rgb(row_colour(row))).max(-1) < 40)
    width = picture.shape[1]
    scale = width / 5.0  # the board and half a metre on each side
    top = 3 * max(11, round(width / 64))
    assert np.median(u) == pytest.approx((4.5 - 3.5) * scale, abs=4)
    assert np.median(v) == pytest.approx(top + (0.3 + 0.5) * scale, abs=4)


def test_the_command_and_what_it_refuses(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: str) -> str:
        done = CliRunner().invoke(app, ["replay", str(run), *words])
        return f"{done.exit_code} {done.output} {done.exception or ''}"

    clip = tmp_path / "out" / "clip.mp4"
    assert said("--out", str(clip), "--seconds", "1").startswith("0") and clip.is_file()
    assert said("--out", str(clip), "--seconds", "1").startswith("0")  # our own is replaced
    foreign = tmp_path / "out" / "holiday.mp4"
    foreign.write_bytes(b"mine")
    monkeypatch.setattr(drawn, "_Drawing", None)  # all of these are refused before the work
    for words in (("--out", str(foreign)), ("--out", str(run / "clip.mp4")),
                  ("--out", str(tmp_path / "a.webm")), ("--out", str(clip), "--start", "50",
                  "--stop", "20"), ("--out", str(clip), "--seconds", "0")):  # fmt: skip
        answer = said(*words)
        assert answer.startswith("2") and "TypeError" not in answer, answer
    assert foreign.read_bytes() == b"mine"


def test_a_part_beyond_the_lesson_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be shown; found 0 to 900 s in 30 s"):
        export(run, "replay", tmp_path / "a.mp4", stop_s=900.0)
    with pytest.raises(UserError, match=r"an .mp4 or a .gif; found a\.html"):
        export(run, "replay", tmp_path / "a.html")


def test_forgetting_makes_the_clip_again(tmp_path: Path) -> None:
    """Without the student, with the options it had; and it is no camera's film."""
    lesson = tmp_path / "lesson"
    run = write_lesson(lesson, big_lesson(rows=2, columns=3, minutes=1, fps=2))
    [clip] = export(run, "replay", lesson / "out" / "clip.mp4", seconds=1, start_s=10.0)
    before = clip.read_bytes()
    said = forget(lesson, "S-02")
    assert said.proven and not any("clip.mp4" in line for line in said.kept)
    assert clip.read_bytes() != before and len(frames(clip)) == 20
    forget_video(lesson)
    assert clip.is_file()
