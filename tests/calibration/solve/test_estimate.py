"""From views to cameras on small scenes: what is kept, put right, left out, chosen and said."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from calibration.corners.boards import Board, View
from calibration.errors import CalibrationError
from calibration.rig import Rig
from calibration.solve import uncertainty
from calibration.solve.choose import choose
from calibration.solve.estimate import Estimate, estimate
from calibration.solve.pair import Diagnosis, mirror
from calibration.solve.problem import build
from calibration.solve.views import Rejections, usable
from calibration.transform import Array, geodesic_deg, rotation_exp
from tests.calibration import rigs

BOARD = Board("chessboard", (6, 5), 0.11)
SIZES = {"left": (1920, 1080), "right": (1920, 1080)}


def small(
    seed: int = 0, sigma_px: float = 0.1, *, shared: int = 7, alone: int = 3,
    deform: Array | None = None,
) -> tuple[rigs.Room, list[View]]:  # fmt: skip
    rng = np.random.default_rng(seed)
    room = rigs.random_room(rng, board=BOARD, angle_deg=60)
    exact = rigs.look(room, rng, shared=shared, alone=alone, deform=deform)
    return room, [View(f"{i:02d}", rigs.noisy(a, rng, sigma_px), rigs.noisy(b, rng, sigma_px))
                  for i, (a, b) in enumerate(exact)]  # fmt: skip


def solved(views: list[View], **options: object) -> Estimate:
    given = {"models": (4,), "warp": False, **options}
    return estimate(BOARD, SIZES, views, **given)  # type: ignore[arg-type]


def off(found: Estimate, room: rigs.Room) -> tuple[float, float]:
    """Degrees and metres between the pair found and the true one."""
    s, T = found.solution.state, room.rig.T_RL
    return float(geodesic_deg(s.R_RL, T.R)), float(np.linalg.norm(s.t_RL - T.t))


def codes(found: Estimate) -> list[str]:
    return [c.code for c in found.rejected.causes]


# -- the whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_good_views_are_all_kept_and_give_the_pair(seed: int) -> None:
    room, views = small(seed)
    told: list[float] = []
    found = solved(views, progress=lambda _, share: told.append(share))
    turn, place = off(found, room)
    assert turn < 0.25 and place < 0.02
    assert len(found.views) == 13 and not found.rejected.views and not found.rejected.corners
    assert found.shared.tolist() == list(range(7)) and found.support == 1 and not codes(found)
    assert found.solution.sigma_px == pytest.approx(0.1, rel=0.1) and found.solution.converged
    assert found.robust_px == pytest.approx(1.5 * 0.1, rel=0.15)
    assert found.holdout is not None and found.holdout.folds == 5
    assert set(found.mono_residuals) == {(f"{i:02d}", c) for c, rows in
        (("left", range(10)), ("right", [*range(7), 10, 11, 12])) for i in rows}  # fmt: skip
    assert told == sorted(told) and told[-1] == 0.9
    again = solved(views)
    assert (again.solution.state.t_RL == found.solution.state.t_RL).all()


def spoiled(views: list[View], k: int, **change: Array | None) -> list[View]:
    return [replace(v, **change) if i == k else v for i, v in enumerate(views)]  # type: ignore[arg-type]


def test_a_reversed_view_is_turned_and_used() -> None:
    room, views = small()
    right = views[2].right
    assert right is not None
    found = solved(spoiled(views, 2, right=right[::-1].copy()))
    assert codes(found) == ["reversed_view"] and len(found.views) == 13
    assert found.rejected.causes[0].severity == "WARN" and "02" in found.rejected.causes[0].message
    np.testing.assert_allclose(found.views[2].right, right)
    assert off(found, room)[0] < 0.25 and not found.rejected.views


def test_exchanged_pictures_are_exchanged_back() -> None:
    room, views = small()
    v = views[4]
    found = solved(spoiled(views, 4, left=v.right, right=v.left))
    assert codes(found) == ["swapped_pictures"]
    np.testing.assert_allclose(found.views[4].left, v.left)
    assert off(found, room)[0] < 0.25


def test_a_mirrored_picture_is_left_out_and_the_other_stays() -> None:
    room, views = small()
    left = views[3].left
    assert left is not None
    found = solved(spoiled(views, 3, left=mirror(left, 1920, (6, 5), 1)))
    assert "mirrored_picture" in codes(found) and off(found, room)[0] < 0.25
    assert "mirrored" in found.rejected.views[("03", "left")]
    kept = next(v for v in found.views if v.name == "03")
    assert kept.left is None and kept.right is not None


def test_pictures_of_two_moments_tell_only_of_their_own_cameras() -> None:
    room, views = small()
    other = views[5].right
    assert other is not None
    moved = spoiled(views, 1, right=other + np.array([7.0, -5.0]))
    found = solved(moved)
    assert "not_simultaneous" in codes(found) and off(found, room)[0] < 0.25
    assert "same moment" in found.rejected.views[("01", "")]
    halves = [v for v in found.views if v.name == "01"]
    assert {(v.left is None, v.right is None) for v in halves} <= {(True, False), (False, True)}
    assert 1 not in found.shared.tolist() or found.views[1].name != "01"


def test_a_view_that_is_a_little_off_goes_with_its_reason() -> None:
    """Two degrees of another moment pass the consensus; jointly it does not fit."""
    room, views = small()
    right = views[1].right
    assert right is not None
    found = solved(spoiled(views, 1, right=right + np.array([9.0, 6.0])))
    assert off(found, room)[0] < 0.3
    assert "not_simultaneous" in codes(found)
    reason = found.rejected.views[("01", "")]
    assert "same moment" in reason


@pytest.mark.parametrize("reject", [True, False])
def test_wrong_corners_go_one_by_one(reject: bool) -> None:
    room, views = small()
    left = views[2].left
    assert left is not None
    left = left.copy()
    left[[5, 20]] += [[4.0, -3.0], [-5.0, 2.0]]
    found = solved(spoiled(views, 2, left=left), reject=reject)
    assert found.rejected.corners == ({("02", "left"): 2} if reject else {})
    weight = found.problem.cameras[0].weight
    assert (weight[2] == 0).sum() == (2 if reject else 0) and (weight == 0).sum() <= 2
    assert off(found, room)[0] < 0.25 and len(found.views) == 13 and not codes(found)


def test_a_view_of_one_camera_that_no_lens_explains_goes() -> None:
    room, views = small()
    rng = np.random.default_rng(0)
    left = views[8].left
    assert left is not None
    found = solved(spoiled(views, 8, left=left + rng.normal(0, 6, left.shape)))
    assert ("08", "left") in found.rejected.views and "08" not in [v.name for v in found.views]
    assert off(found, room)[0] < 0.25


def test_mirrored_and_shifted_cameras_are_named_as_such() -> None:
    """All of one camera: no view can be right, and the cause is one, not seven."""
    _, views = small(shared=8)
    rows = views[:8]
    flipped = [
        v if v.right is None else replace(v, right=mirror(v.right, 1920, (6, 5), 1)) for v in views
    ]
    found = solved(flipped)
    assert codes(found)[0] == "mirrored_camera" and found.rejected.causes[0].severity == "FAIL"
    later = [replace(v, right=rows[(i + 1) % 8].right) for i, v in enumerate(rows)]
    found = solved([*later, *views[8:]])
    assert codes(found)[0] == "pairs_shifted" and "by 1 picture" in found.rejected.causes[0].message


def halfway(moves_deg: float, zoom: float = 1.0) -> list[View]:
    """Ten shared views; the right camera turns (and zooms) before the sixth."""
    room, _ = small()
    rng = np.random.default_rng(5)
    exact = rigs.look(room, rng, shared=10, alone=3)
    rig = room.rig
    turned = rotation_exp([0.0, np.radians(moves_deg), 0.0])
    views = []
    for i, (a, b) in enumerate(exact):
        if i >= 5 and b is not None:  # the same board by the camera as it is now
            rays = np.c_[rig.right.undistort(b), np.ones(len(b))] @ turned.T
            b = (rig.right.project(rays) - [960.0, 540.0]) * zoom + [960.0, 540.0]
        views.append(View(f"{i:02d}", rigs.noisy(a, rng, 0.1), rigs.noisy(b, rng, 0.1)))
    return views


@pytest.mark.parametrize("moves_deg", [0.0, 0.4, 1.5, 9.0])
def test_a_camera_that_moved_halfway_is_named(moves_deg: float) -> None:
    found = solved(halfway(moves_deg))
    assert codes(found) == ["camera_moved"] * (moves_deg > 0)  # what follows from it is not said
    if moves_deg:
        said = found.rejected.causes[0].message
        size = float(re.search(r"([\d.]+)°", said)[1])  # type: ignore[index]
        assert "before view 05" in said and abs(size / moves_deg - 1) < 0.4  # to first order


def test_a_large_zoom_is_named_though_the_camera_turned_too() -> None:
    assert codes(solved(halfway(1.5, zoom=1.4))) == ["zoom_changed"]


def test_pictures_in_any_order_are_not_called_mirrored_or_shifted() -> None:
    """Right pictures numbered 1, 10, 11, 2, …: under no hypothesis do most views fit."""
    for seed in (0, 1):
        _, views = small(seed, shared=8)
        rights = [v.right for v in views[:8]]
        order = [3, 7, 1, 6, 0, 2, 4, 5]
        mixed = [replace(v, right=rights[k]) for v, k in zip(views, order, strict=False)]
        assert codes(solved([*mixed, *views[8:]]))[0] == "not_simultaneous"


@pytest.mark.parametrize("cameras", [("right",), ("left", "right")])
def test_pictures_upside_down_from_some_view_on_are_no_moved_camera(cameras) -> None:
    """A telephone turns pictures by how it is held, or their EXIF was lost on the way."""
    _, views = small(0, shared=9)

    def turned(uv: Array | None, camera: str) -> Array | None:
        return uv if uv is None or camera not in cameras else np.array(SIZES[camera]) - 1 - uv

    over = [replace(v, left=turned(v.left, "left"), right=turned(v.right, "right"))
            for v in views[5:9]]  # fmt: skip
    found = solved([*views[:5], *over, *views[9:]])
    first = found.rejected.causes[0]
    assert first.code == "upside_down_picture" and first.severity == "FAIL"
    assert f"{' and '.join(cameras)} are upside down from view 05" in first.message


def test_views_with_one_fault_are_said_once() -> None:
    """Whether they were found against the consensus or only jointly, and whatever the rivals."""
    rejected = Rejections()
    rejected.fault("03", Diagnosis("not_simultaneous", None, ""))
    rejected.fault("01", Diagnosis("another_board", None, ""))
    rejected.fault("07", Diagnosis("not_simultaneous", None, "", rivals=("reversed_view",)))
    rejected.fault("03", Diagnosis("not_simultaneous", None, ""))
    rejected.tell(4)
    assert [(c.code, c.severity, c.rivals) for c in rejected.causes] == [
        ("not_simultaneous", "FAIL", ("reversed_view",)), ("another_board", "WARN", ())
    ]  # fmt: skip
    assert rejected.causes[0].message.startswith("views 03, 07: ")


def test_a_far_board_in_a_tall_picture_is_no_outlier() -> None:
    """Its pose begins in the wrong one of two planar solutions, from which no small step leads."""
    rng = np.random.default_rng([7, 1])
    room = rigs.random_room(rng, angle_deg=60, size_px=(1080, 1920))
    seen = rigs.make_seen(room, rng, shared=8, alone=5, tape_error=True)
    found = estimate(seen.board, seen.sizes, seen.views, models=(4,), warp=False)
    assert found.rejected.views == {} and len(found.shared) == 8


# -- refusals --------------------------------------------------------------------------------------


def test_too_few_views_and_none_in_common_are_said() -> None:
    _, views = small()
    with pytest.raises(CalibrationError, match=r"too few views .* left camera.*2 usable"):
        solved([views[0], views[1], *views[10:]])
    with pytest.raises(CalibrationError, match=r"no view was seen by both.*3 views left, 3 right"):
        solved(views[7:])
    line = [replace(v, left=None if v.left is None else np.c_[v.left[:, 0], np.full(30, 300.0)])
            for v in views]  # fmt: skip
    with pytest.raises(CalibrationError, match="left camera"):
        solved(line)


def test_what_cannot_be_used_is_left_out_with_the_reason() -> None:
    _, views = small()
    few, outside, _, same = (v.left for v in views[:4])
    assert few is not None and outside is not None and same is not None
    few = few.copy()
    few[7:] = np.nan
    at_edge = views[5].left
    assert at_edge is not None
    spoiled_views = [
        replace(views[0], left=few),
        replace(views[1], left=outside + [5000.0, 0]),
        replace(views[2], left=views[4].left),
        replace(views[3], right=same),
        views[4],
        replace(views[5], left=at_edge - at_edge.min(0) - 4.0),  # four pixels over the edge
    ]
    rejected = Rejections()
    left = usable([spoiled_views[4], *spoiled_views], BOARD, SIZES, rejected)
    assert rejected.views == {
        ("00", "left"): "too few corners of the board are seen",
        ("01", "left"): "corners lie outside the picture",
        ("02", "left"): "the same picture as 04",
        ("03", "right"): "left and right hold the same picture",
        ("04", "left"): "the same picture as 04",
        ("04", "right"): "the same picture as 04",
    }
    assert [v.name for v in left] == ["04", "00", "01", "02", "03", "05"]
    assert [(v.left is None, v.right is None) for v in left] == [
        (False, False), (True, False), (True, False), (True, False), (False, True), (False, False)
    ]  # fmt: skip
    assert [(c.code, c.severity) for c in rejected.causes] == [
        ("same_picture_twice", "FAIL"), ("duplicate_views", "WARN")]  # fmt: skip
    assert "(02, 04)" in rejected.causes[1].message
    eight = few.copy()
    eight[7] = [900.0, 500.0]
    assert usable([replace(views[0], left=eight)], BOARD, SIZES, Rejections())[0].left is not None
    assert usable([View("x", None, None)], BOARD, SIZES, Rejections()) == []


# -- which lens model ------------------------------------------------------------------------------


def test_the_simplest_model_that_does_is_chosen() -> None:
    _, views = small(6, shared=12, alone=6)
    found = solved(views, models=(4, 5, 8), warp=None)
    chosen = [row for row in found.tried if row["chosen"]]
    assert [(r["left"], r["right"], r["warp"]) for r in chosen] == [(4, 4, False)]
    assert not found.with_warp and found.solution.state.lenses[0].size == 8
    assert chosen[0]["holdout_px"] == found.holdout.left_to_right_px  # type: ignore[union-attr]
    assert len(found.tried) >= 3 and all(r["rms_px"] < 0.2 for r in found.tried)


def strong(views_of: str) -> list[View]:
    """Views through a lens with a k3 that four coefficients cannot draw."""
    rng = np.random.default_rng(1)
    room = rigs.random_room(rng, board=BOARD, angle_deg=60)
    changed = {}
    for name in ("left", "right"):
        camera = getattr(room.rig, name)
        if views_of in (name, "both"):
            camera = replace(camera, distortion=np.array([-0.3, 0.22, 0, 0, -0.12]))
        changed[name] = camera
    room = replace(room, rig=replace(room.rig, **changed))
    exact = rigs.look(room, rng, shared=10, alone=4)
    return [View(f"{i:02d}", rigs.noisy(a, rng, 0.05), rigs.noisy(b, rng, 0.05))
            for i, (a, b) in enumerate(exact)]  # fmt: skip


@pytest.mark.parametrize(("which", "sizes"), [("both", (5, 5)), ("left", (5, 4))])
def test_a_lens_that_needs_more_gets_more(which: str, sizes: tuple[int, int]) -> None:
    found = solved(strong(which), models=(4, 5))
    assert tuple(x.size - 4 for x in found.solution.state.lenses) == sizes
    keys = [(r["left"], r["right"]) for r in found.tried]
    assert {(4, 4), (5, 5), (5, 4), (4, 5)} <= set(keys)


def test_a_bent_board_is_found_to_be_bent() -> None:
    x = BOARD.points_B()[:, 0] / BOARD.points_B()[:, 0].max() * 2 - 1
    _, views = small(4, 0.05, shared=9, deform=np.c_[np.zeros((30, 2)), 0.006 * (1 - x**2)])
    found = solved(views, warp=None)
    assert found.with_warp
    np.testing.assert_allclose(found.solution.state.warp, [0.006, 0.0, 0.0], atol=1e-3)
    assert not solved(views).with_warp  # unless it was said to be flat


def test_with_few_views_the_simplest_model_is_taken() -> None:
    _, views = small(5, shared=4, alone=0)
    found = solved(views, models=(4, 5, 8), warp=None)
    assert [(r["left"], r["right"], r["chosen"]) for r in found.tried] == [(4, 4, True)]
    assert found.holdout is not None
    three = solved(views[:3], models=(5, 4))
    assert three.holdout is None and three.solution.state.lenses[0].size == 8


def test_what_was_chosen_is_what_was_fitted() -> None:
    _, views = small(2, shared=9)
    kept = solved(views)
    problem = build([BOARD.points_B()], [(v.left, v.right, 0) for v in kept.views])
    end, bend, held, rows = choose(
        problem,
        kept.solution,
        kept.views,
        (SIZES["left"], SIZES["right"]),
        (4, 5),
        None,
        4,
        0.2,
        lambda *_: None,
    )
    best = next(r for r in rows if r["chosen"])
    assert held is not None and best["holdout_both_px"] == held.both_px and held.folds == 4
    assert end.rms_px == best["rms_px"] and bend == best["warp"]
    lowest = min(r["holdout_both_px"] for r in rows if r["holdout_both_px"] is not None)
    assert held.both_px <= 1.02 * lowest


# -- what a covariance means in the room -----------------------------------------------------------


@pytest.fixture(scope="module")
def rig() -> Rig:
    """A true rig of which everything is known to a thousandth of its size."""
    rig = rigs.random_room(np.random.default_rng(7), angle_deg=60).rig
    sigma = np.array([1.0 if n.split(".")[1] in ("fx", "fy", "cx", "cy") else 1e-3
                      for n in rig.parameter_names])  # fmt: skip
    return replace(rig, covariance=np.diag(sigma**2))


def seats_W(rig: Rig) -> Array:
    return uncertainty.seats(rig, (3.5, 1.2))


def test_seats_are_where_they_are_said_to_be(rig: Rig) -> None:
    np.testing.assert_allclose(seats_W(rig), [[1.75, 0.9, d] for d in (3, 6, 9)])
    between = (rig.T_WC("left").t[0] + rig.T_WC("right").t[0]) / 2
    np.testing.assert_allclose(uncertainty.seats(rig, None)[:, 0], between)
    alone = replace(rig, T_WA=None, T_AL=None, covariance=None)
    P = uncertainty.seats(alone, None)
    # half-way between the cameras and along what both look at
    start = P[0] - 3 * (P[1] - P[0]) / 3
    np.testing.assert_allclose(start, rig.T_LR.t / 2, atol=1e-9)
    ahead = (P[2] - P[0]) / 6
    assert np.linalg.norm(ahead) == pytest.approx(1) and ahead[2] > 0.5
    assert ahead[2] == pytest.approx(ahead @ rig.T_LR.R[:, 2])


def test_noise_in_one_picture_moves_a_triangulated_point_as_least_squares_says(rig: Rig) -> None:
    P = rig.T_WC("left").inverse().apply(seats_W(rig))
    a, b = rig.left.project(P), rig.right.project(rig.T_RL.apply(P))
    np.testing.assert_allclose(uncertainty.triangulate(rig, a, b), P, atol=1e-9)
    rng = np.random.default_rng(0)
    a, b = a + rng.normal(0, 2, a.shape), b + rng.normal(0, 2, b.shape)
    found = uncertainty.triangulate(rig, a, b)

    def miss(X: Array) -> Array:
        Q = rig.T_RL.apply(X)
        r = np.c_[X[:, :2] / X[:, 2:] - rig.left.undistort(a),
                  Q[:, :2] / Q[:, 2:] - rig.right.undistort(b)]  # fmt: skip
        return (r**2).sum(1)

    for _ in range(20):
        assert (miss(found + rng.normal(0, 1e-3, found.shape)) > miss(found)).all()


def test_points_move_with_the_rig_as_the_jacobian_says(rig: Rig) -> None:
    """A whole step of the rig's own size, twice: positions and gaze points, to a few percent."""
    P = seats_W(rig)
    targets = np.array([[0.5, 0.2, 0], [1.7, 0.6, 0], [3.0, 1.0, 0]])
    T = rig.T_WC("left").inverse()
    uv = rig.left.project(T.apply(P)), rig.right.project(rig.T_RL.apply(T.apply(P)))
    view = np.einsum("nji,nj->ni", rig.left.look_at_rotations(uv[0]), T.rotate(targets - P))
    assert rig.covariance is not None
    J, G = uncertainty.position_jacobian(rig, P), uncertainty.gaze_jacobian(rig, P, targets)
    rng = np.random.default_rng(1)
    for _ in range(3):
        d = 0.2 * rng.normal(size=len(rig.covariance)) * np.sqrt(np.diag(rig.covariance))
        moved = rig.perturbed(d)
        X = moved.T_WC("left").apply(uncertainty.triangulate(moved, *uv))
        np.testing.assert_allclose((X - P).ravel(), J @ d, atol=0.03 * np.abs(X - P).max())
        look = moved.T_WC("left").rotate(
            np.einsum("nij,nj->ni", moved.left.look_at_rotations(uv[0]), view)
        )
        hit = X[:, :2] - X[:, 2:] * look[:, :2] / look[:, 2:]
        np.testing.assert_allclose(
            (hit - targets[:, :2]).ravel(), G @ d, atol=0.05 * np.abs(hit - targets[:, :2]).max()
        )
    behind = P * np.array([[1, 1, -1], [1, 1, 1], [1, 1, 1]])  # one of them is enough
    assert np.isnan(uncertainty.position_jacobian(rig, behind)).all()
    assert np.isnan(uncertainty.gaze_jacobian(rig, behind, targets)).all()
    assert uncertainty.gaze_jacobian(rig, behind, targets).shape == G.shape
    for blind, sees in (("left", "right"), ("right", "left")):  # one camera does not see it
        beside = rng.uniform([-3, 0, -1], [7, 2, 1], (500, 3))
        z = {c: rig.T_WC(c).inverse().apply(beside)[:, 2] for c in ("left", "right")}
        only = beside[(z[blind] < -0.1) & (z[sees] > 0.1)][:3]
        assert len(only) == 3
        assert np.isnan(uncertainty.position_jacobian(rig, only)).all()
        assert np.isnan(uncertainty.gaze_jacobian(rig, only, targets)).all()
        assert np.isnan(uncertainty.position_jacobian(rig, np.r_[only[:1], P[1:]])).all()


def test_the_spread_in_the_room_in_centimetres(rig: Rig) -> None:
    P = seats_W(rig)
    said, board = uncertainty.room_spread(rig, (3.5, 1.2))
    C = uncertainty.position_jacobian(rig, P)
    assert rig.covariance is not None
    for i, row in enumerate(said):
        J = C[3 * i : 3 * i + 3]
        sigma = 100 * np.sqrt(np.diag(J @ rig.covariance @ J.T))
        np.testing.assert_allclose(row.sigma_cm, sigma)
        assert row.position_cm == pytest.approx(np.sqrt((sigma**2).sum()))
        assert row.frame == "W" and row.distance_m == (3, 6, 9)[i]
        np.testing.assert_allclose(row.seat_m, P[i], atol=1e-4)
    G = uncertainty.gaze_jacobian(rig, P[1:2], np.array([[0.0, 1.2, 0]]))
    corner = next(b for b in board if tuple(b.point_m) == (0.0, 1.2))
    np.testing.assert_allclose(corner.gaze_cm, 100 * np.sqrt(np.diag(G @ rig.covariance @ G.T)))
    assert {tuple(b.point_m) for b in board} == {
        (1.75, 0.6), (0, 0), (3.5, 0), (0, 1.2), (3.5, 1.2)}  # fmt: skip
    middle = uncertainty.gaze_jacobian(rig, P[2:], np.array([[1.75, 0.6, 0]]))
    np.testing.assert_allclose(
        said[2].gaze_cm, 100 * np.sqrt(np.diag(middle @ rig.covariance @ middle.T))
    )
    _, unsized = uncertainty.room_spread(rig, None)  # a board as wide as its middle says
    assert max(b.point_m[0] for b in unsized) == pytest.approx(
        2 * uncertainty.seats(rig, None)[0, 0]
    )
    n = len(replace(rig, T_WA=None, T_AL=None, covariance=None).parameter_names)
    alone = replace(rig, T_WA=None, T_AL=None, covariance=rig.covariance[:n, :n])
    free, none = uncertainty.room_spread(alone, None)
    assert none == () and {r.frame for r in free} == {"L"}


def test_how_sure_the_pair_is(rig: Rig) -> None:
    """Turn and place are each known to a thousandth."""
    said = uncertainty.pair_sigma(rig)
    assert said["baseline_sigma_m"] == pytest.approx(1e-3)
    assert said["rotation_sigma_deg"] == pytest.approx(np.degrees(1e-3))


def test_a_parameter_without_sigma_still_has_a_slope(rig: Rig) -> None:
    """By the step of a millionth; and slopes are per unit of the parameter."""
    assert rig.covariance is not None and rig.T_WA is not None
    C = rig.covariance.copy()
    first = rig.parameter_names.index("t_WA.x")
    C[first, first] = 0.0
    J = uncertainty.jacobian(replace(rig, covariance=C), lambda r: np.asarray(r.T_WA.t))  # type: ignore[union-attr]
    np.testing.assert_allclose(J[:, first : first + 3], np.eye(3), atol=1e-6)


def test_the_jacobian_of_a_rig_that_is_hardly_known_is_a_slope(rig: Rig) -> None:
    """A fifth of σ (here 3°), not more: of a turn's sine the slope at 0."""
    wide = replace(rig, covariance=np.eye(len(rig.parameter_names)) * 0.05**2)
    R = rig.T_RL.R
    J = uncertainty.jacobian(wide, lambda r: np.asarray((R.T @ r.T_RL.R)[2, 1]))
    k = rig.parameter_names.index("R_RL.x")
    assert J[0, k] == pytest.approx(1, abs=5e-5)
