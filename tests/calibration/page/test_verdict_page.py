"""The verdict page: self-contained, honest about what it lacks, and not mirrored."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from calibration.camera import Camera
from calibration.corners.boards import Board, View
from calibration.errors import RigError
from calibration.files import write_file
from calibration.inputs import Auxiliary, Seen
from calibration.page.figures import corners_of, figure_arrows, figure_coverage
from calibration.page.room_figure import SCREEN_L, SCREEN_W, figure_room
from calibration.page.verdict_page import most_helpful, verdict_page
from calibration.rig import Rig
from calibration.rig_file import RigInputs
from calibration.rig_quality import (
    CameraQuality,
    ModelTried,
    PairQuality,
    PlacementQuality,
    Pose,
    RigQuality,
    ScaleCheck,
    ScaleQuality,
    SeatSpread,
    Slip,
    ViewQuality,
)  # fmt: skip
from calibration.room.words import camera_words
from calibration.room.world import Tape
from calibration.transform import Transform
from calibration.verdict import Cause, Verdict

R_WA = [[-1.0, 0, 0], [0, 0, -1.0], [0, -1.0, 0]]


def make_rig() -> Rig:
    """Both cameras look straight into the class, at the ends of a 4 m board; one view, by hand."""
    K = [[1000.0, 0, 960], [0, 1000.0, 540], [0, 0, 1]]
    left = Camera(K, np.zeros(5), (1920, 1080), "left")
    right = Camera(K, np.zeros(5), (1920, 1080), "right")
    # a camera that looks straight into the class has W's very axes
    T_WL = Transform(np.eye(3), [4.2, -0.3, 0.1], "W", "L")
    T_WR = Transform(np.eye(3), [-0.2, -0.3, 0.1], "W", "R")
    T_WA = Transform(R_WA, [2.0, 1.4, 0.8], "W", "A")
    corners = np.array([[100.0 + 50 * i, 200.0 + 50 * j] for j in range(6) for i in range(9)])
    row = ViewQuality(
        name="01<b>",
        camera="left",
        n=53,
        rms_px=0.22,
        corners_rejected=1,
        sharpness_px=1.7,
        R_CB=np.eye(3).tolist(),
        t_CB_m=(-0.3, 0.0, 2.0),
        residuals_px=((0.1, -0.2),) * 53 + (None,),
    )
    cells = np.ones((5, 5), int)
    cells[4, 4] = 0
    camera = {
        "rms_px": 0.2,
        "joint_rms_px": 0.22,
        "sigma_px": 0.1,
        "fx": 1000.0,
        "fy": 1000.0,
        "n_distortion": 4,
        "views": 1,
        "corners": 53,
        "model": "4 coefficients",
        "sigma": {"fx": 0.4},
        "coverage": {
            "cells": cells.tolist(),
            "share": 0.96,
            "tilt_max_deg": 31.0,
            "tilt_directions": 5,
            "nearest_m": 1.0,
            "furthest_m": 2.0,
        },
    }
    lying = PlacementQuality(
        placement="flat",
        t_WA_m=(2.0, 1.4, 0.8),
        rms_px=0.3,
        T_AB=Pose(R=np.eye(3).tolist(), t_m=(0, 0, 0)),
    )
    quality = RigQuality(
        cameras={c: CameraQuality.model_validate(camera) for c in ("left", "right")},
        pair=PairQuality(
            rms_px=0.21,
            holdout_px=0.33,
            holdout_expected_px=0.3,
            joint_to_mono=1.02,
            views=1,
            support=1.0,
            converged=True,
            iterations=5,
            sigma_px=0.1,
            baseline_m=4.4,
            angle_deg=0.0,
            baseline_sigma_m=0.0012,
            rotation_sigma_deg=0.02,
        ),
        models=(ModelTried(left=4, right=4, warp=True, rms_px=0.2, converged=True, chosen=True),),
        warp_mm=(1.5, -0.2),
        views=(row, row.but(name="02", rejected=True, reason="blurred", rms_px=None)),
        auxiliary=(lying,),
        seats=(
            SeatSpread(
                distance_m=6.0,
                seat_m=(2.0, 0.9, 6.0),
                frame="W",
                sigma_cm=(1.0, 1.5, 4.0),
                position_cm=4.4,
                gaze_cm=(3.0, 5.1),
            ),
        ),
        slip=Slip(slip_m=0.02, slip_deg=2.0, shift_cm=(2.0,), turn_cm=(21.0,), turn_axis=("u",)),
        scale=ScaleQuality(
            checks=(ScaleCheck(what="tape", error_percent=-0.01, sigma_percent=0.8),)
        ),
    )
    board = Board("chessboard", (9, 6), 0.05)
    seen = Seen(
        board,
        {"left": (1920, 1080), "right": (1920, 1080)},
        (View("01<b>", corners),),
        (Auxiliary(Tape("flat", 2.0, 1.4, 0.8), board, View("auxiliary")),),
        (4.0, 1.2),
    )
    return Rig(
        left,
        right,
        T_WR.inverse() @ T_WL,
        T_WA.inverse() @ T_WL,
        T_WA,
        quality=quality,
        inputs=RigInputs(seen=seen, versions={"python": "3.11"}),
    )


class _Tags(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def page(rig: Rig, folder: Path) -> tuple[str, tuple[str, ...]]:
    missing = verdict_page(rig, folder / "verdict.html")
    return (folder / "verdict.html").read_text(encoding="utf-8"), missing


def without_plotly(html: str) -> str:
    return re.sub(r"<script.*?</script>", "", html, flags=re.S)


# -- the page --------------------------------------------------------------------------------------
def test_self_contained_and_plotly_once(tmp_path: Path) -> None:
    html, missing = page(make_rig(), tmp_path)
    assert missing == ()
    parser = _Tags()
    parser.feed(html)
    loads = [a for _, a in parser.tags if a.get("src") or a.get("href")]
    assert loads == [], "nothing is loaded from anywhere"
    assert html.count("plotly.js v") == 1, "the library's banner is there once"
    assert sum(t == "section" for t, _ in parser.tags) >= 8
    labels = [a["aria-label"] for _, a in parser.tags if a.get("role") == "img"]
    assert len(labels) == 6, "plan, the room, two coverages, two sets of arrows"
    assert not list(tmp_path.glob("*.part"))


def test_what_it_says(tmp_path: Path) -> None:
    html, _ = page(make_rig(), tmp_path)
    text = without_plotly(html)
    for words in (
        "PASS",
        "4.4000 ± 0.0012 m",  # distance of the cameras
        "0.33 px",
        "noise alone would give 0.30 px",
        "± 4.4 cm",
        "± 5.1 cm",
        "21 cm",
        "turned on the table",
        "0.0 % ± 0.8 %",
        "2.000 m",
        "1.400 m",
        "0.800 m",
        "blurred",
        "bulges by +1.5 mm",
        "1 corners left out",
    ):
        assert words in text, words
    assert "01&lt;b&gt;" in text and "01<b>" not in text, "names are escaped"


@pytest.mark.parametrize("status", ["PASS", "WARN", "FAIL"])
def test_the_verdict_comes_first_with_one_action(tmp_path: Path, status: str) -> None:
    causes = {
        "PASS": (),
        "WARN": (Cause("a", "WARN", "it is <grey>", "Paint it."),),
        "FAIL": (
            Cause("a", "WARN", "it is grey", "Paint it."),
            Cause("b", "FAIL", "no action here"),
            Cause("c", "FAIL", "too few views", "Take twelve more."),
        ),
    }[status]
    html, _ = page(replace(make_rig(), verdict=Verdict(causes)), tmp_path)
    text = without_plotly(html)
    assert f"<title>Calibration: {status}</title>" in text
    header = text[text.index("<header") : text.index("</header>")]
    assert status in header
    if status == "FAIL":
        assert "too few views" in header and "Take twelve more." in header
        assert "no action here" in text and "Paint it." in text
    if status == "WARN":
        assert "it is &lt;grey&gt;" in header


def test_a_bare_rig_says_what_it_lacks(tmp_path: Path) -> None:
    rig = make_rig()
    html, missing = page(Rig(rig.left, rig.right, rig.T_RL), tmp_path)
    assert len(missing) == 4
    text = without_plotly(html)
    assert "Not shown: " in text and "no pictures of the auxiliary board" in text
    assert "nan" not in text.lower().replace("finance", "")


@settings(max_examples=20)
@given(data=st.data())
def test_whatever_is_missing_the_verdict_is_shown(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Keys are taken out of rig.json at any depth: it is refused, or its page comes and says so."""
    rig = replace(make_rig(), verdict=Verdict((Cause("x", "FAIL", "the reason", "the action"),)))
    written = json.loads(json.dumps(rig.to_dict()))
    content = {k: written[k] for k in ("quality", "inputs")}
    for _ in range(data.draw(st.integers(1, 6))):
        here: Any = content
        for _ in range(data.draw(st.integers(1, 4))):
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if here is not content and data.draw(st.booleans()):
                here[key] = None
                break
            if not isinstance(here[key], (dict, list)):
                if isinstance(here, dict):
                    del here[key]
                break
            here = here[key]
    folder = tmp_path_factory.mktemp("page")
    write_file(folder / "rig.json", json.dumps({**written, **content}))
    try:
        broken = Rig.load(folder / "rig.json")
    except RigError as error:
        assert "rig.json" in str(error)
        return
    html, missing = page(broken, folder)
    assert "the reason" in html and "the action" in html
    assert all(str(escape(m)) in html for m in missing)


def test_most_helpful_is_the_worst_with_an_action() -> None:
    warn, fail = Cause("w", "WARN", "w", "do w"), Cause("f", "FAIL", "f")
    assert most_helpful(()) is None
    assert most_helpful((warn, fail)) is fail
    with_action = Cause("g", "FAIL", "g", "do g")
    assert most_helpful((warn, fail, with_action)) is with_action


def test_camera_facts_are_in_the_room_s_words() -> None:
    left, right = camera_words(make_rig())
    assert "left camera: 0.20 m left of the blackboard's left edge" in left
    assert "0.30 m above its upper edge, 0.10 m in front of it" in left
    assert "right camera: 0.20 m right of the blackboard's right edge" in right
    assert "looking into the class, 0°" in left and left.endswith("Is that where it is?")
    rig = make_rig()
    backwards = replace(rig, T_WA=Transform(np.diag([-1, 1, -1]) @ R_WA, [2, 1.4, 0.8], "W", "A"))
    assert "looking AT the blackboard" in camera_words(backwards)[0]


# -- the scene -------------------------------------------------------------------------------------
def trace(fig: Any, name: str) -> np.ndarray:
    (t,) = [t for t in fig.data if t.name == name]
    return np.array([t.x, t.y, t.z], float).T


def test_the_screen_s_axes_are_rotations_not_mirrors() -> None:
    """A mirrored room looks perfectly natural, which is why this is a test."""
    for screen in (SCREEN_W, SCREEN_L):
        assert np.linalg.det(screen) == pytest.approx(1)


def test_wherever_things_must_be_on_the_screen() -> None:
    """For somebody in the class: W at the right, its X to the left, Y down, Z near."""
    fig = figure_room(make_rig())
    np.testing.assert_allclose(trace(fig, "X of W"), [[0, 0, 0], [-0.5, 0, 0]])
    np.testing.assert_allclose(trace(fig, "Y of W"), [[0, 0, 0], [0, 0, -0.5]])
    np.testing.assert_allclose(trace(fig, "Z of W"), [[0, 0, 0], [0, -0.5, 0]])
    # the auxiliary board lies flat: its X to the right, Y towards the blackboard, Z up
    a = trace(fig, "X of A")[0]
    np.testing.assert_allclose(a, [-2.0, -0.8, -1.4])
    np.testing.assert_allclose(trace(fig, "X of A")[1] - a, [0.35, 0, 0])
    np.testing.assert_allclose(trace(fig, "Y of A")[1] - a, [0, 0.35, 0])
    np.testing.assert_allclose(trace(fig, "Z of A")[1] - a, [0, 0, 0.35])
    # the tape walks from W to A
    np.testing.assert_allclose(trace(fig, "tape")[[0, -1]], [[0, 0, 0], a])
    # the left camera is on the left and looks towards the viewer
    left, right = trace(fig, "left camera"), trace(fig, "right camera")
    assert left[0, 0] < right[0, 0]
    assert np.nanmin(left[:, 1]) < left[0, 1] - 0.5
    eye = fig.layout.scene.camera.eye
    assert eye.y < 0, "the viewer sits in the class"


def test_a_wrong_frame_looks_wrong() -> None:
    """A board read half a turn wrong puts the cameras behind the blackboard or under the floor."""
    rig = make_rig()
    assert rig.T_WA is not None
    half_turn = np.diag([-1.0, -1.0, 1.0])
    wrong = replace(rig, T_WA=Transform(rig.T_WA.R @ half_turn, rig.T_WA.t, "W", "A"))
    left = trace(figure_room(wrong), "left camera")
    assert left[0, 1] < -1.0, "it now stands in the class and looks at the board"
    assert np.nanmax(left[:, 1]) > left[0, 1] + 0.5


def test_without_a_world_the_left_camera_is_the_frame() -> None:
    rig = make_rig()
    fig = figure_room(Rig(rig.left, rig.right, rig.T_RL, quality=rig.quality, inputs=rig.inputs))
    np.testing.assert_allclose(trace(fig, "Z of L"), [[0, 0, 0], [0, 0.35, 0]])
    assert not [t for t in fig.data if t.name == "tape"]
    board = trace(fig, "board, view 01<b>")
    assert (board[:, 1] == 2.0).all(), "two metres in front of the camera"


# -- the pictures ----------------------------------------------------------------------------------
def test_corners_and_errors_are_aligned() -> None:
    ((name, uv, errors),) = corners_of(make_rig(), "left")
    assert name == "01<b>" and uv.shape == (53, 2)
    assert errors is not None and (errors == [0.1, -0.2]).all()
    assert list(corners_of(make_rig(), "right")) == []


def test_arrows_are_lengthened_by_what_is_said() -> None:
    fig, scale = figure_arrows(make_rig(), "left")
    # 0.02 · 1920 px / 0.2236 px = 171.7 → 100
    assert scale == 100
    x, y = fig.data[0].x, fig.data[0].y
    assert (x[0], y[0]) == (100.0, 200.0)
    assert (x[1], y[1]) == pytest.approx((110.0, 180.0))
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1], "y is down, as in a picture"


def test_empty_cells_are_named() -> None:
    fig = figure_coverage(make_rig(), "left")
    words = [a.text for a in fig.layout.annotations]
    assert words.count("empty") == 1 and words[-1] == "empty"
