"""A camera that turned, zoomed, was mirrored or exchanged since its calibration is recognised."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.camera import Camera
from calibration.rig import Rig
from calibration.transform import Array, Transform
from gaze.lesson.background import (
    Registered,
    _one_for_both,
    _register,
    as_it_is_now,
    background_quality,
    refuse_other_camera,
)
from gaze.lesson.caveats import caveats
from gaze.lesson.features import features
from gaze.lesson.shown import Stretch
from sessions.errors import SessionError
from sessions.quality import Quality
from tests.gaze.classroom import room_rig, seats

W, H, F = 960, 540, 800.0
K = np.array([[F, 0, W / 2], [0, F, H / 2], [0, 0, 1.0]])
CAMERA = Camera(K, np.zeros(5), (W, H), "left")


def room(seed: int) -> NDArray[np.uint8]:
    """Boards, shelves and posters: rectangles of all sizes, blurred by the lens."""
    rng = np.random.default_rng(seed)
    picture = np.full((H, W), 120.0)
    for _ in range(400):
        x, y = rng.integers(0, W), rng.integers(0, H)
        w, h = rng.integers(5, 90, 2)
        picture[y : y + h, x : x + w] = rng.uniform(20, 235)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def filmed(
    picture: NDArray[np.uint8], turned_deg: float = 0.0, zoom: float = 1.0, seed: int = 5
) -> NDArray[np.uint8]:
    """The room from the same place, turned about a slant axis and zoomed, with people and noise."""
    rng = np.random.default_rng(seed)
    R = Rotation.from_rotvec(np.radians(turned_deg) * np.array([0.6, 0.8, 0.0])).as_matrix()
    M = K @ np.diag([zoom, zoom, 1.0]) @ R @ np.linalg.inv(K)
    out = cv2.warpPerspective(picture, M, (W, H), borderMode=cv2.BORDER_REFLECT).astype(float)
    for u in range(100, W, 160):
        cv2.circle(out, (u, 380), 45, 200.0, -1)
    return np.clip(out + rng.normal(0, 2, out.shape), 0, 255).astype(np.uint8)


def found(now: NDArray[np.uint8]) -> Registered:
    return _register("left", CAMERA, features(room(1)), features(room(2)), now)


@pytest.mark.parametrize(("turned_deg", "zoom"), [(0.0, 1.0), (0.2, 1.0), (0.0, 1.01)])
def test_small_changes_are_measured_to_their_sigma(turned_deg: float, zoom: float) -> None:
    got = found(filmed(room(1), turned_deg, zoom))
    assert got.change == "as it is" and not got.large
    assert got.turned_deg == pytest.approx(turned_deg, abs=0.05)
    assert got.zoom == pytest.approx(zoom, abs=0.002)
    assert got.small == (turned_deg > 0 or zoom > 1)
    refuse_other_camera([got])


@pytest.mark.parametrize(
    ("turned_deg", "zoom", "said"),
    [(1.0, 1.0, "turned by 1.0"), (0.0, 1.05, "zoomed by +5.0"), (3.0, 0.93, "zoomed by -7")],
)
def test_large_changes_are_refused_with_their_size(
    turned_deg: float, zoom: float, said: str
) -> None:
    got = found(filmed(room(1), turned_deg, zoom))
    assert got.large and said in got.sentence()
    with pytest.raises(SessionError, match="left camera has turned"):
        refuse_other_camera([got])
    refuse_other_camera([got], force=True)


def test_mirrored_exchanged_and_upside_down_are_named() -> None:
    mirrored = found(np.ascontiguousarray(filmed(room(1))[:, ::-1]))
    assert mirrored.change == "mirrored" and 'mirrored = "lesson"' in mirrored.action()
    swapped = found(filmed(room(2)))
    assert swapped.change == "swapped" and "Exchange" in swapped.action()
    turned = found(np.ascontiguousarray(filmed(room(1))[::-1, ::-1]))
    assert turned.change == "on its head" and "rotate = 180" in turned.action()
    for got in (mirrored, swapped, turned):
        with pytest.raises(SessionError):
            refuse_other_camera([got])


def test_one_camera_s_film_for_both_is_called_so() -> None:
    """Encoded anew, trimmed or brightened, so that no byte is the same: nothing is to exchange."""
    left, right = found(filmed(room(1))), replace(found(filmed(room(2))), camera="right")
    for both in ([left, right], [replace(right, camera="left"), replace(left, camera="right")]):
        copied = next(r for r in _one_for_both(both) if r.change != "as it is")
        assert f"the {copied.camera} video" in copied.sentence() and "twice" in copied.sentence()
        assert "own recording" in copied.action()
        with pytest.raises(SessionError, match="twice"):
            refuse_other_camera([copied])
    exchanged = _one_for_both([right, replace(right, camera="left")])
    assert all("Exchange" in r.action() for r in exchanged)


def framed(picture: NDArray[np.uint8], w: int, h: int) -> NDArray[np.uint8]:
    """It made w × h, between black bars."""
    out, x, y = np.zeros((H, W), np.uint8), (W - w) // 2, (H - h) // 2
    out[y : y + h, x : x + w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
    return out


def test_both_cameras_pictures_in_one_film_are_called_so() -> None:
    """A video recorder's split screen, or a call's."""
    film = np.zeros((H, W), np.uint8)
    for x, seed in ((0, 1), (W // 2, 2)):
        small = cv2.resize(filmed(room(seed)), (W // 2, H // 2), interpolation=cv2.INTER_AREA)
        film[: H // 2, x : x + W // 2] = small
    got = found(film)
    assert got.change == "split" and "both cameras' pictures" in got.sentence()
    with pytest.raises(SessionError, match="Export each camera's own film"):
        refuse_other_camera([got])


@pytest.mark.parametrize(("w", "x", "y"), [(W // 3, 20, 20), (W // 4, W - W // 4 - 8, 7)])
def test_the_other_camera_s_picture_set_into_this_one_is_named(w: int, x: int, y: int) -> None:
    film, h = filmed(room(1)).copy(), w * H // W
    film[y : y + h, x : x + w] = cv2.resize(filmed(room(2)), (w, h), interpolation=cv2.INTER_AREA)
    got = found(film)
    assert got.change == "inset" and "the other camera's picture set into it" in got.sentence()
    with pytest.raises(SessionError, match="own film"):
        refuse_other_camera([got])
    film[y : y + h, x : x + w] = 200  # a chat window
    assert found(film).change == "as it is"


def test_one_place_that_much_is_like_is_no_picture() -> None:
    """Hardly a picture: many of the room's features are most like the few that it has."""
    dark = np.zeros((H, W), np.uint8)
    cv2.putText(dark, "NO SIGNAL", (300, 300), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (90,), 2)
    assert found(dark).change == "unknown"


def test_what_a_program_made_of_a_film_is_named() -> None:
    now = filmed(room(1))
    for quarters in (1, 3):
        on_its_side = found(framed(np.rot90(now, quarters), H * H // W, H))
        assert on_its_side.change == "on its side" and "own file" in on_its_side.action()
    for w, h in ((W * 3 // 4, H), (W, H * 3 // 4)):
        stretched = found(framed(now, w, h))
        assert stretched.change == "stretched" and "own file" in stretched.action()
    smaller = found(framed(now, W * 3 // 4, H * 3 // 4))
    assert smaller.zoom == pytest.approx(0.75, abs=0.002) and "black bars" in smaller.action()
    for got in (on_its_side, stretched, smaller):
        with pytest.raises(SessionError):
            refuse_other_camera([got])


def test_bars_and_a_date_over_the_picture_change_nothing() -> None:
    barred = filmed(room(1))
    barred[:, : W // 8] = barred[:, -W // 8 :] = 0
    dated = cv2.putText(filmed(room(1)), "2026-11-30 08:15:23", (20, 500), 0, 1.0, 255.0, 2)
    for now in (barred, dated):
        got = found(now)
        assert got.change == "as it is" and not got.told


@pytest.mark.parametrize("bent", [0.15, 0.3])
def test_a_lens_correction_is_said(bent: float) -> None:
    xy = np.stack(np.meshgrid(np.arange(W), np.arange(H)), -1).astype(np.float32)
    out = xy - np.float32([W / 2, H / 2])
    by = 1 - bent * (out**2).sum(-1, keepdims=True) / F**2
    seen_at = (out * by + np.float32([W / 2, H / 2])).astype(np.float32)
    got = found(cv2.remap(filmed(room(1)), seen_at, None, cv2.INTER_LINEAR))
    assert got.told and got.fits < 0.75
    assert "nearby fits that" in got.sentence() and "lens correction" in got.cause().action


def test_a_dark_film_is_of_this_room() -> None:
    now = filmed(room(1))
    for dark in (now // 10, now // 16 + 90):
        assert found(dark.astype(np.uint8)).change == "as it is"


def test_another_room_or_a_dark_picture_is_unknown_and_warned_of_not_refused() -> None:
    for now in (filmed(room(3)), np.zeros((H, W), np.uint8)):
        got = found(now)
        assert got.change == "unknown" and got.cause().severity == "WARN"
        refuse_other_camera([got])


# -- small changes are put into the lesson's rig ---------------------------------------------------
def knocked(rig: Rig, name: str, turn_rad: Array, zoom: float) -> Rig:
    """The truth after a knock: T_WC and K of one camera changed, written without the code's own."""
    T_WC = {c: rig.T_WC(c) for c in ("left", "right")}
    turn = Rotation.from_rotvec(turn_rad).as_matrix()  # calibrated camera → now
    was = T_WC[name]
    T_WC[name] = Transform(was.R @ turn.T, was.t, "W", was.src)
    camera = rig.camera(name)
    K = camera.K.copy()
    K[:2, :2] *= zoom
    cameras = {"left": rig.left, "right": rig.right, name: replace(camera, K=K)}
    assert rig.T_WA is not None
    return replace(
        rig,
        left=cameras["left"],
        right=cameras["right"],
        T_RL=T_WC["right"].inverse() @ T_WC["left"],
        T_AL=rig.T_WA.inverse() @ T_WC["left"],
    )


def pixels(rig: Rig, P_W: Array) -> Array:
    """(2, N, 2) where both cameras see the points."""
    return np.array(
        [rig.camera(c).project(rig.T_WC(c).inverse().apply(P_W)) for c in ("left", "right")]
    )


@pytest.mark.parametrize("name", ["left", "right"])
def test_a_small_change_is_put_into_the_rig(name: str) -> None:
    rig, turn = room_rig(3), np.radians([0.2, -0.15, 0.1])
    got = Registered(name, "as it is", 300, 0.27, 1.01, 0.01, 1e-4, 0.3, turn, np.zeros((4, 4)))
    truth, P_W = knocked(rig, name, turn, 1.01), seats()
    now = as_it_is_now(rig, [got])
    np.testing.assert_allclose(pixels(now, P_W), pixels(truth, P_W), atol=1e-6)
    assert np.abs(pixels(rig, P_W) - pixels(truth, P_W)).max() > 3, "it would have mattered"


@pytest.mark.parametrize("name", ["left", "right"])
@pytest.mark.parametrize("axis", range(4))
def test_its_sigma_is_carried_into_the_rigs_covariance(
    name: str, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaze.lesson.background.LEFT_OVER", 0.0)
    n = len(room_rig(3).parameter_names)
    rig = replace(room_rig(3), covariance=np.zeros((n, n)))
    turn, step = np.radians([0.2, -0.15, 0.1]), 1e-4 * (np.arange(4) == axis)

    def at(turn_rad: Array, zoom: float) -> Registered:
        spread = np.outer(step, step)
        return Registered(name, "as it is", 300, 0.27, zoom, 0.01, 1e-4, 0.3, turn_rad, spread)

    now, P_W = as_it_is_now(rig, [at(turn, 1.01)]), seats()
    assert now.covariance is not None
    variance, vectors = np.linalg.eigh(now.covariance)
    delta = vectors[:, -1] * np.sqrt(variance[-1])
    error = Rotation.from_rotvec(step[:3]) * Rotation.from_rotvec(turn)
    off = pixels(as_it_is_now(rig, [at(error.as_rotvec(), 1.01 + step[3])]), P_W)
    off = off - pixels(now, P_W)
    moved = pixels(now.perturbed(delta), P_W) - pixels(now, P_W)
    sign = np.sign((off * moved).sum())
    np.testing.assert_allclose(sign * moved, off, atol=0.02 * np.abs(off).max())


def test_a_quarter_of_a_change_stays_as_sigma_and_large_ones_are_not_mended() -> None:
    rig, turn = room_rig(3), np.radians([0.3, 0.0, 0.0])
    small = Registered("left", "as it is", 300, 0.3, 1.0, 0.01, 1e-4, 0.3, turn)
    before, after = rig.covariance, as_it_is_now(rig, [small]).covariance
    assert before is not None and after is not None
    k = [rig.parameter_names.index(f"R_AL.{a}") for a in "xyz"]
    grown = np.degrees(np.sqrt(np.trace((after - before)[np.ix_(k, k)])))
    assert grown == pytest.approx(0.25 * 0.3, rel=1e-6)
    large = replace(small, turned_deg=1.0, turn_rad=np.radians([1.0, 0, 0]))
    nothing = replace(small, turned_deg=0.02, turn_rad=np.radians([0.02, 0, 0]))
    assert as_it_is_now(rig, [large]) is rig and as_it_is_now(rig, [nothing]) is rig


def test_what_a_camera_moved_during_the_lesson_widens_the_rig_and_stands_on_page_one() -> None:
    rig, spread = room_rig(3), np.zeros((4, 4))
    spread[1, 1] = np.radians(0.2) ** 2
    shaky = Registered("right", "as it is", 300, wobbled_deg=0.3, wobble=spread)
    now = as_it_is_now(rig, [shaky])
    np.testing.assert_allclose(pixels(now, seats()), pixels(rig, seats()), atol=1e-9)
    assert rig.covariance is not None and now.covariance is not None
    k = [rig.parameter_names.index(f"R_RL.{a}") for a in "xyz"]
    grown = np.degrees(np.sqrt(np.trace((now.covariance - rig.covariance)[np.ix_(k, k)])))
    assert grown == pytest.approx(0.2, rel=1e-6)

    knocked = replace(shaky, stretches=(Stretch("moved", 90, 120, 18.0, np.inf, 2.0),))
    hidden = Registered(
        "left", "as it is", 300, stretches=(Stretch("other", 0, 15, 0.0, 3.0),), wobbled_deg=0.01
    )
    row = {"row": 1, "distance_m": 5.0, "students": 8, "coverage": 1.0}
    q = Quality.model_validate(
        {
            "rig": {"cameras": background_quality([hidden, knocked])},
            "frames": {"moments": 120, "right": {"asked": 90, "decoded": 90, "aside": 30}},
            "rows": [row],
        }
    )
    said = {c.message: c for c in caveats(q) if c.code in ("camera_changed", "recording")}
    other, moved, wobbled = said
    assert "something else than its room" in other and "from 0 s to 3 s" in other
    assert "turned by 2.0°" in moved and "from 18 s on" in moved
    assert said[moved].facts == {"undecoded": 30, "asked": 120}, "first, as many are left out"
    assert "up to 0.30°" in wobbled
    assert said[wobbled].cost_cm == pytest.approx(100 * np.radians(0.3) * 5)
    assert [c.severity for c in knocked.amid()] == ["WARN", "WARN"]


def test_rotate_that_is_set_already_is_not_proposed_again() -> None:
    turned = found(np.ascontiguousarray(filmed(room(1))[::-1, ::-1]))
    assert "rotate = 180" in turned.action()
    again = replace(turned, turned=True).action()
    assert "rotate = 180" not in again and "rotate is set" in again
