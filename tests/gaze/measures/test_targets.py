"""Targets: a known room, looks with truth, and what must not be told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from gaze.exports import ExportError, export
from gaze.lesson.refusals import unknown_moves
from gaze.measures.directions import Looks, angles_of, basis
from gaze.measures.sights import Room, room_around
from gaze.measures.targets import TargetMeasures, target_measures
from gaze.report import write_report
from gaze.report.lesson import load_lesson
from gaze.room.fusion import angle_sigmas_deg
from gaze.room.geometry import R_FRONTAL, aimed_rotation, gaze_with_covariance, head_angles_deg
from gaze.room.plane import Plane
from gaze.setup.check import check
from sessions.config import SessionConfig
from sessions.errors import SessionError
from sessions.events.marks import moves, read_marks, write_marks
from sessions.events.moves import Move, read_track, standing_at
from sessions.folder import Session
from tests.gaze.lessons import gaze_table, write_lesson

CAMERAS = {"left": {"video": "left.mp4"}, "right": {"video": "right.mp4"}}
SIGMA_DEG = 3.0
SCREEN = {"name": "screen", "left_m": 4.4, "down_m": -0.3, "out_m": 0.1, "width_m": 2.0,
          "height_m": 1.5, "areas": [{"name": "top", "x_m": [0, 2], "y_m": [0, 0.75]}]}  # fmt: skip
X, Z = np.meshgrid([0.2, 1.1, 2.0, 2.9, 3.8], [2.5, 4.0])
SEATS = np.stack([X, np.full_like(X, 0.45), Z], -1).reshape(-1, 3)


def config(**more: object) -> SessionConfig:
    board = {"width_m": 4.0, "height_m": 1.2}
    return SessionConfig.model_validate({"blackboard": board, "cameras": CAMERAS, **more})


def looking(aim_W: np.ndarray, seed: int = 0, sigma_deg: float = SIGMA_DEG) -> pd.DataFrame:
    """The gaze table of heads (T, S) that point at places (T, S, 3), with errors of σ."""
    T, S = aim_W.shape[:2]
    rng = np.random.default_rng(seed)
    nose = np.broadcast_to(SEATS[:S], (T, S, 3)).reshape(-1, 3)
    wrong = np.radians(sigma_deg) * rng.standard_normal((T * S, 3))
    R_WS = aimed_rotation(nose, aim_W.reshape(-1, 3)) @ Rotation.from_rotvec(wrong).as_matrix()
    n = len(nose)
    head = np.broadcast_to(np.radians(sigma_deg) ** 2 * np.eye(3), (n, 3, 3))
    points = gaze_with_covariance(nose, R_WS, np.broadcast_to(1e-4 * np.eye(3), (n, 3, 3)), head)
    near = points.meets & (R_WS[:, 2, 2] < -0.1)
    names = np.tile([f"S-{k + 1:02d}" for k in range(S)], T)
    status = np.where(near, "ok", "away").astype(object)
    table = gaze_table(np.repeat(np.arange(T) / 5, S), names, status, points.xy_m, 1.0, nose)
    for name, i, j in (("xx", 0, 0), ("xy", 0, 1), ("yy", 1, 1)):
        table[f"gaze_{name}_m2"] = np.where(near, points.covariance_m2[:, i, j], np.nan)
    table[[f"head_q{a}" for a in "xyzw"]] = Rotation.from_matrix(R_WS).as_quat()
    table[["head_pitch_deg", "head_yaw_deg", "head_roll_deg"]] = head_angles_deg(R_WS)
    sigmas = angle_sigmas_deg(R_WS, head)
    table[["head_pitch_sigma_deg", "head_yaw_sigma_deg"]] = sigmas[:, :2]
    return table


def aims(places_W: list, seconds: float = 8.0) -> np.ndarray:
    """(T, S, 3): everybody looks at one place after the other."""
    each = np.repeat(np.array(places_W, float), round(5 * seconds), axis=0)
    return np.repeat(each[:, None], len(SEATS), 1)


def of(found: TargetMeasures, name: str, moments: slice) -> float:
    return float(np.nanmean(found.probability[:, moments, found.names.index(name)]))


def measured(gaze: pd.DataFrame, session: SessionConfig, **more: object) -> TargetMeasures:
    found = target_measures(gaze, session, **more)  # type: ignore[arg-type]
    assert found is not None
    np.testing.assert_allclose(np.nansum(found.probability, -1), 1.0, atol=1e-4)
    return found


def test_each_kind_of_target_is_found() -> None:
    """Board, screen, its upper half, a wall: and the probabilities sum to 1."""
    session = config(surfaces=[SCREEN])
    screen = Plane.of(session.surfaces[0])
    places = [[1.0, 0.6, 0], [3.0, 0.5, 0], screen.points_W([1.0, 0.3]), [-2.0, -0.8, 4.0]]
    found = measured(looking(aims(places)), session)
    assert found.names == ("blackboard", "screen", "elsewhere")
    for k, name in enumerate(("blackboard", "blackboard", "screen", "elsewhere")):
        assert of(found, name, slice(40 * k, 40 * k + 40)) > 0.9, name
    share = found.shares[found.shares["student"] == ""].set_index(["target", "area"])
    assert share.loc[("blackboard", ""), "share"] == pytest.approx(0.5, abs=0.05)
    assert share.loc[("screen", "top"), "share"] == pytest.approx(0.25, abs=0.08)
    assert (share["low"] <= share["share"]).all() and (share["share"] <= share["high"]).all()
    table = found.table()
    assert list(table.columns) == ["time_s", "student", "target", "probability"]
    sums = table.groupby(["time_s", "student"])["probability"].sum()
    assert len(table) == 3 * 160 * len(SEATS) and np.allclose(sums, 1, atol=1e-4)


def test_a_screen_before_the_board_hides_it() -> None:
    """The same direction is the screen's where the screen hangs before the board, else the
    board's: the negative control."""
    before = {**SCREEN, "left_m": 1.0, "out_m": 0.4}
    gaze = looking(aims([[2.0, 0.6, 0.4]]))
    assert of(measured(gaze, config(surfaces=[before])), "screen", slice(None)) > 0.9
    assert of(measured(gaze, config(surfaces=[SCREEN])), "blackboard", slice(None)) > 0.9
    found = measured(gaze, config(surfaces=[before]))
    assert 0.4 < found.hidden < 0.6 and measured(gaze, config(surfaces=[SCREEN])).hidden == 0


def test_what_is_too_small_or_too_near_is_said_not_to_be_told() -> None:
    """A note of 40 cm beside the board from 4 m at σ 6°: said; a screen of 2 m: told."""
    note = {**SCREEN, "name": "note", "left_m": 4.05, "width_m": 0.4, "height_m": 0.4, "areas": []}
    gaze = looking(aims([[3.0, 0.5, 0]]), sigma_deg=6.0)
    found = measured(gaze, config(surfaces=[note]), row_of={f"S-{k:02d}": 1 + (k > 5)
                                                            for k in range(1, 11)})  # fmt: skip
    told = found.apart.set_index(["row", "target", "other"])["told"]
    assert not told[2, "note", "blackboard"] and not told[2, "blackboard", "note"]
    far = measured(looking(aims([[3.0, 0.5, 0]]), sigma_deg=1.0), config(surfaces=[SCREEN]))
    assert far.apart.set_index(["row", "target", "other"])["told"][0, "screen", "blackboard"]


def test_desks_and_neighbours_by_default_where_sigma_carries_them() -> None:
    places = [[2.0, 0.5, 0]]
    near = measured(looking(aims(places), sigma_deg=2.0), config(targets={}))
    assert near.names == ("blackboard", "desk", "neighbour", "elsewhere") and near.left_out == ()
    wide = measured(looking(aims(places), sigma_deg=45.0), config(targets={}))
    assert "neighbour" in wide.left_out and "neighbour" not in wide.names
    off = measured(looking(aims(places), sigma_deg=2.0), config(targets={"desks": False}))
    assert "desk" not in off.names and off.left_out == ()
    assert target_measures(looking(aims(places)), config()) is None


def test_looks_at_desk_neighbour_and_teacher() -> None:
    T = 120
    aim = np.empty((T, len(SEATS), 3))
    room = Room((), (), SEATS, *room_around([], SEATS))
    for k, nose in enumerate(SEATS):
        aim[:40, k] = nose + [0.0, 0.45, -0.35]
        near = room.neighbours_of(k)
        aim[40:80, k] = near[np.isfinite(near).all(1)][0]
    t = np.arange(T) / 5
    walk = np.stack([1.0 + t / 10, np.full(T, 0.0), np.full(T, 1.2)], 1)
    aim[80:] = walk[80:, None]
    teacher = pd.DataFrame(
        {"time_s": t, **{f"nose_{a}_m": walk[:, i] for i, a in enumerate("xyz")}}
    )
    found = measured(
        looking(aim), config(targets={"desks": True, "neighbours": True}), teacher=teacher
    )
    for k, name in enumerate(("desk", "neighbour", "teacher")):
        assert of(found, name, slice(40 * k, 40 * k + 40)) > 0.7, name


def test_a_slid_board_is_followed() -> None:
    upper = {"name": "upper", "left_m": 0.0, "down_m": -1.3, "out_m": 0.1, "width_m": 4.0,
             "height_m": 1.2}  # fmt: skip
    session = config(surfaces=[upper])
    gaze = looking(aims([[2.0, 0.6, 0.05]], seconds=16))
    slid = (Move(8.0, "upper", (0.0, 1.3)),)
    found = measured(gaze, session, slid=slid)
    assert of(found, "blackboard", slice(0, 40)) > 0.9 and of(found, "upper", slice(40, 80)) > 0.9
    epochs = standing_at((*slid, Move(9.0, "upper", (0.0, 0.0))), [0, 8.0, 8.9, 9.0, 20])
    assert epochs.number.tolist() == [0, 1, 1, 2, 2]
    assert epochs.moved == ({}, {"upper": (0.0, 1.3)}, {"upper": (0.0, 0.0)})


def test_a_marked_track_is_followed(tmp_path: Path) -> None:
    """A board sinks by 1.4 m in ten seconds while everybody looks at one place of it; where it was
    taken to hang still, the looks would be the wall's."""
    upper = {"name": "upper", "left_m": 0.0, "down_m": -1.6, "out_m": 0.1, "width_m": 4.0,
             "height_m": 0.7}  # fmt: skip
    path = tmp_path / "surface_track.csv"
    path.write_text("time_s;surface;left_m;down_m\n4;upper;0;0\n14;upper;0,0;1,4\n")
    track = read_track(path)
    t = np.arange(90) / 5
    low = np.interp(t, [4, 14], [0, 1.4])
    true = np.stack([np.full(90, 2.0), -1.25 + low, np.full(90, 0.1)], 1)
    gaze = looking(np.repeat(true[:, None], len(SEATS), 1), sigma_deg=2.0)
    session = config(surfaces=[upper])
    every = slice(None)
    followed = measured(gaze, session, slid=track)
    assert of(followed, "upper", every) > 0.9
    assert of(measured(gaze, session), "upper", every) < 0.7
    # the track itself, at all times
    epochs = standing_at(track, t)
    at = np.array([epochs.moved[k]["upper"][1] for k in epochs.number])
    assert np.abs(at - low).max() < 0.05 and len(epochs.moved) < 30


@pytest.mark.parametrize(("lines", "said"), [
    ("4,upper,0,0\n3,upper,0,1", "goes back in time in line 3"),
    ("4,upper,0,85", "too far in line 2"),
    ("4,upper,0,x", "`down_m` is not a number"),
    ("4,upper,0", "has 3 fields"),
])  # fmt: skip
def test_tracks_that_cannot_be(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / "surface_track.csv"
    path.write_text(f"time_s,surface,left_m,down_m\n{lines}\n")
    with pytest.raises(SessionError, match=said):
        read_track(path)


def test_directions_and_their_covariance() -> None:
    """Of points and of heads alike, against drawn errors."""
    rng = np.random.default_rng(1)
    aim = aims([[3.5, 0.9, 0.0], [-3.0, 0.2, 3.0]], seconds=400)[:, :1]
    looks = Looks.of(looking(aim))
    for part, place in ((slice(0, 2000), aim[0, 0]), (slice(2000, 4000), aim[-1, 0])):
        true = angles_of(place - SEATS[0])
        off = looks.angles_rad[part] - true
        off[:, 0] *= np.cos(true[1])
        C = looks.covariance[part].mean(0)
        want = np.cov(off.T)
        np.testing.assert_allclose([C[0], C[2]], [want[0, 0], want[1, 1]], rtol=0.12)
    d = rng.normal(size=(50, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    E = basis(angles_of(d))
    np.testing.assert_allclose(E @ np.swapaxes(E, 1, 2), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(E[:, 2], d, atol=1e-12)
    np.testing.assert_allclose(angles_of(R_FRONTAL[:, 2]), [0, 0], atol=1e-12)


# -- in a lesson -----------------------------------------------------------------------------------

SURFACES = """
[targets]
desks = false
neighbours = false
[[surfaces]]
name = "screen <1>"
left_m = 1.0
down_m = -0.4
out_m = 0.3
width_m = 2.0
height_m = 1.4
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("targets") / "lesson"
    return write_lesson(folder, looking(aims([[2.0, 0.6, 0.3], [3.7, 0.6, 0]])), top=SURFACES)


def test_report_and_export(run: Path, tmp_path: Path) -> None:
    page = write_report(run, out=tmp_path / "r.html").read_text()
    section = page[page.index('<section id="targets"') :]
    section = section[: section.index("</section>")]
    assert "screen &lt;1&gt;" in section and "hide" in section and "Elsewhere" in section
    written = {p.name: p for p in export(run, "targets", tmp_path / "out")}
    shares = pd.read_csv(written["target_shares.csv"])
    whole = shares[shares["student"].isna() & shares["area"].isna()]
    assert whole["share"].sum() == pytest.approx(1.0, abs=1e-3)
    p = pd.read_csv(written["target_probabilities.csv"])
    assert set(p["target"]) == {"blackboard", "screen <1>", "elsewhere"}
    assert {"targets_apart.csv", "target_shares.json"} <= set(written)


def test_a_lesson_of_one_board_has_no_such_section(tmp_path: Path) -> None:
    plain = write_lesson(tmp_path / "a", looking(aims([[2.0, 0.6, 0.0]])))
    page = write_report(plain, out=tmp_path / "r.html").read_text()
    assert '<section id="targets"' not in page
    with pytest.raises(ExportError, match="no targets but the blackboard"):
        export(plain, "targets", tmp_path / "out")


@pytest.mark.parametrize(
    ("turned", "out", "said"),
    [(180, 0.3, "turns its back to all seats"), (0, -0.5, "wholly hidden behind another")],
)
def test_check_finds_surfaces_that_nobody_sees(
    tmp_path: Path, turned: int, out: float, said: str
) -> None:
    text = SURFACES.replace("out_m = 0.3", f"out_m = {out}\nturned_deg = {turned}")
    text = text.replace("down_m = -0.4", "down_m = 0.1").replace("height_m = 1.4", "height_m = 0.9")
    made = write_lesson(tmp_path / "a", looking(aims([[2.0, 0.6, 0.0]])), top=text)
    findings = check(Session.open(made.parent.parent), detector=None)
    assert any(said in f.what and f.severity == "error" for f in findings)


def test_lines_that_slide(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("time_s,label,end_s,kind\n300,screen <1>: 0 -0.85,,slid\n10,bell,,mark\n")
    marks = read_marks(path)
    assert moves(marks, "slid") == (Move(300.0, "screen <1>", (0.0, -0.85)),)
    write_marks(path, marks)
    assert read_marks(path) == marks
    for line, said in (("5,screen up,,slid", "its label says who and where"),
                       ("5,screen: 0 1,9,slid", "holds until the next one")):  # fmt: skip
        path.write_text(f"time_s,label,end_s,kind\n{line}\n")
        with pytest.raises(Exception, match=said):
            read_marks(path)


def test_an_unknown_surface_is_refused(run: Path) -> None:
    session = Session.open(run.parent.parent)
    session.events_path.write_text("time_s,label,end_s,kind\n3,scren: 0 -0.8,,slid\n")
    with pytest.raises(SessionError, match=r"events\.csv slides a surface .* does not have"):
        unknown_moves(session)
    assert any("does not have" in f.what for f in check(session, detector=None))
    session.events_path.write_text("time_s,label,end_s,kind\n3,screen <1>: 0 -0.8,,slid\n")
    track = session.surface_track_path
    track.write_text("time_s,surface,left_m,down_m\n3,scren,0,1\n")
    with pytest.raises(SessionError, match=r"surface_track\.csv slides a surface"):
        unknown_moves(session)
    track.write_text("time_s,surface,left_m,down_m\n3,screen <1>,0,1\n")
    with pytest.raises(SessionError, match="both slide a surface"):
        unknown_moves(session)
    session.events_path.unlink()
    unknown_moves(session)
    assert load_lesson(run).slid[0].to_m == (0.0, 1.0)
    track.unlink()
