"""Ways to spoil a calibration: each ends in FAIL or WARN that names its cause, none in PASS.

Simulated at the level of corners (tests/calibration/rigs.py); a few through drawn pictures in
test_pictures.py. Ten good calibrations end in PASS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.calibrate import solve
from calibration.camera import CAMERAS
from calibration.corners.boards import Board, View
from calibration.corners.placement import AuxiliaryPlacement
from calibration.errors import CalibrationError
from calibration.inputs import Seen
from calibration.rig import Rig
from calibration.room.world import R_WA
from calibration.transform import Array, Transform, rotation_exp
from tests.calibration import rigs

NX, NY = rigs.BOARD.inner_corners


def _scene(seed: int = 1, **options: object) -> tuple[rigs.Room, Seen, np.random.Generator]:
    """A good calibration to spoil; fewer views than usual, so that the whole file stays quick."""
    rng = np.random.default_rng(seed)
    room = rigs.random_room(rng, angle_deg=options.pop("angle_deg", None))  # type: ignore[arg-type]
    seen = rigs.make_seen(room, rng, **({"shared": 10, "alone": 6} | options))  # type: ignore[arg-type]
    return room, seen, rng


def _solve(seen: Seen) -> Rig:
    return solve(seen, models=(4,))  # which model: solve/test_estimate.py


def _views(seen: Seen, change: Callable[[int, View], View]) -> Seen:
    return replace(seen, views=tuple(change(i, v) for i, v in enumerate(seen.views)))


def _aux(seen: Seen, **changes: object) -> Seen:
    return replace(seen, auxiliary=(replace(seen.auxiliary[0], **changes), *seen.auxiliary[1:]))  # type: ignore[arg-type]


def _tape(seen: Seen, **changes: object) -> Seen:
    return _aux(seen, tape=replace(seen.auxiliary[0].tape, **changes))  # type: ignore[arg-type]


def _mirrored(uv: Array | None, width: int) -> Array | None:
    """What a detector finds in the mirrored picture: columns reversed, order clockwise again."""
    if uv is None:
        return None
    grid = uv.reshape(NY, NX, 2).copy()
    grid[..., 0] = width - 1 - grid[..., 0]
    return grid[::-1].reshape(-1, 2)  # canonical order by colour (odd × even board)


# -- the list --------------------------------------------------------------------------------------
Spoil = Callable[[], Seen]
SPOILS: dict[str, tuple[Spoil, set[str], str]] = {}


def spoil(*codes: str, says: str) -> Callable[[Spoil], Spoil]:
    """Register a way to spoil: the codes of which one must appear, and a word of its message."""

    def register(f: Spoil) -> Spoil:
        SPOILS[f.__name__] = (f, set(codes), says)
        return f

    return register


@spoil("scale", says="square_m")
def wrong_square_size() -> Seen:
    _, seen, _ = _scene()
    board = replace(seen.board, square_m=0.075)
    return _aux(replace(seen, board=board), board=board)


@spoil("scale", says="square_m")
def printed_at_97_percent() -> Seen:
    _, seen, _ = _scene()
    board = replace(seen.board, square_m=seen.board.square_m / 0.97)
    return _aux(replace(seen, board=board), board=board)


@spoil("scale_unchecked", says="square_m")
def nothing_checks_the_scale() -> Seen:
    _, seen, _ = _scene()
    return replace(seen, cameras_apart_m=None, corners_m={})


@spoil("scale_implausible", says="square_m")
def square_ten_times_too_small() -> Seen:
    _, seen, _ = _scene()
    board = replace(seen.board, square_m=0.008)
    return _aux(replace(seen, board=board, cameras_apart_m=None, corners_m={}), board=board)


@spoil("few_shared_views", "few_views", says="views")
def too_few_views() -> Seen:
    _, seen, _ = _scene(shared=3, alone=3)
    return seen


@spoil("coverage", says="corner")
def all_views_in_the_middle() -> Seen:
    _, seen, _ = _scene(middle_only=True, shared=8, alone=5)
    return seen


@spoil("no_tilt", "focal_uncertain", says="tilt")
def board_never_tilted() -> Seen:
    _, seen, _ = _scene(3, angle_deg=4.0, parallel=True, tilt_deg=(0.0, 1.0))
    return seen


@spoil("blurred", says="blurred")
def motion_blur() -> Seen:
    _, seen, rng = _scene()

    def blur(i: int, v: View) -> View:
        if i % 3 or v.left is None:
            return v
        smear = np.array([rng.normal(0, 0.6), 0.0]) + rng.normal(0, 0.3, v.left.shape)
        return replace(v, left=v.left + smear, notes={"left": {"sharpness_px": 8.0}})

    return _views(seen, blur)


@spoil("noise", says="px")
def strongly_compressed_pictures() -> Seen:
    _, seen, _ = _scene(sigma_px=0.9)
    return seen


@spoil("mirrored_picture", says="04")
def one_mirrored_picture() -> Seen:
    _, seen, _ = _scene()
    w = seen.sizes["right"][0]
    return _views(seen, lambda i, v: replace(v, right=_mirrored(v.right, w)) if i == 4 else v)


@spoil("mirrored_camera", says="one camera")
def one_camera_mirrored() -> Seen:
    _, seen, _ = _scene()
    w = seen.sizes["right"][0]
    return _views(seen, lambda i, v: replace(v, right=_mirrored(v.right, w)))


@spoil("cameras_swapped", says="mirrored")
def everything_mirrored() -> Seen:
    _, seen, _ = _scene()
    w = seen.sizes["left"][0]

    def flip(v: View) -> View:
        return replace(v, left=_mirrored(v.left, w), right=_mirrored(v.right, w))

    return _aux(_views(seen, lambda i, v: flip(v)), view=flip(seen.auxiliary[0].view))


@spoil("cameras_swapped", says="left")
def swapped_cameras() -> Seen:
    _, seen, _ = _scene()

    def swap(v: View) -> View:
        return replace(v, left=v.right, right=v.left)

    sizes = {"left": seen.sizes["right"], "right": seen.sizes["left"]}
    return _aux(_views(replace(seen, sizes=sizes), lambda i, v: swap(v)),
                view=swap(seen.auxiliary[0].view))  # fmt: skip


@spoil("swapped_pictures", says="03")
def the_two_pictures_of_one_view_swapped() -> Seen:
    _, seen, _ = _scene()
    return _views(seen, lambda i, v: replace(v, left=v.right, right=v.left) if i == 3 else v)


@spoil("reversed_view", says="05")
def a_reversed_corner_order() -> Seen:
    _, seen, _ = _scene()
    return _views(
        seen, lambda i, v: replace(v, right=v.right[::-1]) if i == 5 and v.right is not None else v
    )


@spoil("tape_wrong", "tape_left", says="left_m")
def tape_with_the_wrong_sign() -> Seen:
    _, seen, _ = _scene()
    return _tape(seen, left_m=-seen.auxiliary[0].tape.left_m)


@spoil("tape_wrong", "tape_left", says="left_m")
def tape_from_the_wrong_corner() -> Seen:
    room, seen, _ = _scene()
    # measured from the upper left corner towards the left: far outside
    return _tape(seen, left_m=seen.auxiliary[0].tape.left_m + room.blackboard_m[0])


@spoil("auxiliary_moved", "auxiliary_inconsistent", says="moved")
def auxiliary_board_moved_between_the_pictures() -> Seen:
    room, seen, rng = _scene()
    tape = seen.auxiliary[0].tape
    elsewhere = replace(tape, left_m=tape.left_m + 0.06, out_m=tape.out_m + 0.05)
    _, right = rigs.place_auxiliary(room, elsewhere)
    view = replace(seen.auxiliary[0].view, right=rigs.noisy(right, rng, 0.1))
    return _aux(seen, view=view)


@spoil("camera_bumped", says="right camera was turned")
def camera_bumped_before_the_auxiliary_pictures() -> Seen:
    room, seen, rng = _scene()
    rig = room.rig
    turn = Transform(rotation_exp(np.radians([0.4, 1.2, 0.3])), np.zeros(3), "R", "R")
    bumped = replace(room, rig=replace(rig, T_RL=turn @ rig.T_RL))
    _, right = rigs.place_auxiliary(bumped, seen.auxiliary[0].tape)
    view = replace(seen.auxiliary[0].view, right=rigs.noisy(right, rng, 0.1))
    return _aux(seen, view=view)


@spoil("camera_moved", says="moved")
def camera_bumped_among_the_views() -> Seen:
    room, _, rng = _scene()
    exact = rigs.look(room, rng, shared=12, alone=6)
    turn = Transform(rotation_exp(np.radians([0.3, 0.9, 0.2])), np.zeros(3), "R", "R")
    rows = []
    for i, (a, b) in enumerate(exact):
        if a is not None and b is not None and i >= 6:
            d = room.rig.right.rays(b) @ turn.R.T
            b = room.rig.right.project(d)
        rows.append(View(f"{i:02d}", rigs.noisy(a, rng, 0.1), rigs.noisy(b, rng, 0.1)))
    base = rigs.make_seen(room, rng, shared=1, alone=0)
    return replace(base, views=tuple(rows))


@spoil("bent_board", says="bent")
def a_bent_board() -> Seen:
    points = rigs.BOARD.points_B()
    x = 2 * points[:, 0] / points[:, 0].max() - 1
    deform = np.zeros_like(points)
    deform[:, 2] = 0.008 * (1 - x**2)
    _, seen, _ = _scene(deform=deform, shared=12)
    return seen


def test_a_flat_auxiliary_board_beside_a_bent_one_of_the_same_file_is_taken_as_flat() -> None:
    points = rigs.BOARD.points_B()
    x = 2 * points[:, 0] / points[:, 0].max() - 1
    room, bent, rng = _scene(deform=np.outer(0.008 * (1 - x**2), [0, 0, 1.0]), shared=12)
    left, right = rigs.place_auxiliary(room, bent.auxiliary[0].tape)
    flat = View("aux", rigs.noisy(left, rng, 0.1), rigs.noisy(right, rng, 0.1))
    rig = _solve(_aux(bent, view=flat))
    assert [c.code for c in rig.verdict.causes if c.severity == "FAIL"] == []
    row = rig.quality.auxiliary[0]
    assert row.rms_px is not None and row.rms_px < 0.2


@spoil("sizes_differ", "views_rejected", says="left out")
def resized_pictures() -> Seen:
    _, seen, _ = _scene(shared=12, alone=8)

    def smaller(i: int, v: View) -> View:
        return replace(v, left=None if v.left is None else v.left * 0.5) if i % 4 == 0 else v

    return _views(seen, smaller)


@spoil("zoom_changed", says="zoom")
def zoom_changed_half_way() -> Seen:
    _, seen, _ = _scene(shared=12, alone=8)

    def zoom(i: int, v: View) -> View:
        if v.left is None or i < 6:
            return v
        middle = np.array([960.0, 540.0])
        return replace(v, left=(v.left - middle) * 1.06 + middle)

    return _views(seen, zoom)


@spoil("zoom_changed", says="zoom")
def zoom_changed_for_a_part_of_the_shared_views() -> Seen:
    """They are the fewer, so that all of them leave as views that do not fit."""
    _, seen, _ = _scene(shared=14, alone=10)

    def zoom(i: int, v: View) -> View:
        if v.left is None or v.right is None or i < 8:
            return v
        middle = np.array([960.0, 540.0])
        return replace(v, left=(v.left - middle) * 1.04 + middle)

    return _views(seen, zoom)


@spoil("zoom_changed", says="zoom")
def what_each_camera_took_alone_in_the_other_s_folder() -> Seen:
    _, seen, _ = _scene(shared=12, alone=8)

    def cross(i: int, v: View) -> View:
        alone = v.left is None or v.right is None
        return replace(v, left=v.right, right=v.left) if alone else v

    return _views(seen, cross)


@spoil("print_stretched", says="along its 9 columns")
def the_auxiliary_print_fitted_to_a_page_in_one_direction() -> Seen:
    room, seen, _ = _scene()
    tape, points = seen.auxiliary[0].tape, rigs.BOARD.points_B()
    T_WB = Transform(R_WA, tape.t_WA, "W", "A") @ seen.auxiliary[0].T_AB(0)
    narrow = T_WB.apply(points * [0.97, 1, 1])
    uv = [room.rig.camera(c).project(room.rig.T_WC(c).inverse().apply(narrow)) for c in CAMERAS]
    return _aux(seen, view=View("aux", uv[0], uv[1]))


@spoil("auxiliary_zoom", says="zoom")
def auxiliary_picture_of_another_zoom() -> Seen:
    _, seen, _ = _scene()
    a = seen.auxiliary[0].view
    assert a.right is not None
    middle = np.array([960.0, 540.0])
    return _aux(seen, view=replace(a, right=(a.right - middle) * 0.5 + middle))


@spoil("camera_bumped", "auxiliary_moved", says="it was")
def auxiliary_picture_moved_sideways() -> Seen:
    """As a camera shows it that was turned a little; nothing was cut from a picture of its size."""
    _, seen, _ = _scene()
    a = seen.auxiliary[0].view
    assert a.right is not None
    return _aux(seen, view=replace(a, right=a.right + [25.0, 0.0]))


@spoil("auxiliary_zoom", says="cut")
def auxiliary_picture_cut_at_one_side_and_enlarged_again() -> Seen:
    _, seen, _ = _scene()
    a = seen.auxiliary[0].view
    assert a.left is not None
    return _aux(seen, view=replace(a, left=(a.left - [0.05 * 1920, 0]) / 0.95))


@spoil("bent_board", says="twisted")
def a_twisted_auxiliary_board() -> Seen:
    """Rolled about its diagonal: two of its corners stand up by 10 mm."""
    room, seen, _ = _scene()
    tape, points = seen.auxiliary[0].tape, rigs.BOARD.points_B()
    across = ((points - points.mean(0)) / np.ptp(points, axis=0).clip(1e-9)).sum(1)
    T_WB = Transform(R_WA, tape.t_WA, "W", "A") @ seen.auxiliary[0].T_AB(0)
    lifted = T_WB.apply(points + np.outer(0.01 * across**2, [0, 0, 1]))
    uv = [room.rig.camera(c).project(room.rig.T_WC(c).inverse().apply(lifted)) for c in CAMERAS]
    return _aux(seen, view=View("aux", uv[0], uv[1]))


@spoil("not_simultaneous", says="same moment")
def frames_not_simultaneous() -> Seen:
    _, seen, rng = _scene(shared=12)

    def later(i: int, v: View) -> View:
        if v.left is None or v.right is None:
            return v
        # the hand-held board went on moving: a few pixels, another way in each view
        return replace(v, right=v.right + rng.normal(0, 3.0, 2))

    return _views(seen, later)


@spoil("not_simultaneous", says="02")
def one_pair_of_two_moments() -> Seen:
    _, seen, _ = _scene()

    def later(i: int, v: View) -> View:
        return v if i != 2 or v.right is None else replace(v, right=seen.views[7].right)

    return _views(seen, later)


@spoil("another_board", says="board")
def two_different_boards() -> Seen:
    rng = np.random.default_rng(5)
    room = rigs.random_room(rng, angle_deg=60)
    small = replace(room, board=replace(rigs.BOARD, square_m=0.06))
    seen = rigs.make_seen(room, rng, shared=10, alone=6)
    other = rigs.make_seen(small, rng, shared=2, alone=0)
    extra = tuple(replace(v, name=f"small{i}") for i, v in enumerate(other.views))
    return replace(seen, views=seen.views + extra)


@spoil("pairs_shifted", says="off by 1")
def names_off_by_one() -> Seen:
    _, seen, _ = _scene()
    rights = [v.right for v in seen.views]

    def shift(i: int, v: View) -> View:
        return replace(v, right=rights[i + 1]) if i < 9 else replace(v, right=None) if i == 9 else v

    moved = _views(seen, shift)
    seen_once = tuple(v for v in moved.views if v.left is not None or v.right is not None)
    return replace(moved, views=seen_once)


@spoil("duplicate_views", says="same picture")
def the_same_picture_many_times() -> Seen:
    _, seen, _ = _scene()
    copies = tuple(replace(seen.views[0], name=f"copy{i}") for i in range(3))
    return replace(seen, views=seen.views + copies)


@spoil("same_picture_twice", says="same picture")
def one_cameras_picture_in_both_folders() -> Seen:
    _, seen, _ = _scene()
    return _views(seen, lambda i, v: replace(v, right=v.left) if i == 1 else v)


@spoil("wrong_placement", says="flat")
def placement_says_standing_but_it_lies() -> Seen:
    _, seen, _ = _scene()
    return _tape(seen, placement="standing")


@spoil("placement_tilt", says="angle")
def tilt_angle_measured_wrong() -> Seen:
    _, seen, _ = _scene(placements=("flat", "tilted"))
    one, two = seen.auxiliary
    assert two.tape.angle_deg is not None
    wrong = replace(two, tape=replace(two.tape, angle_deg=two.tape.angle_deg + 9))
    return replace(seen, auxiliary=(one, wrong))


@spoil("tape_wrong", says="out_m")
def one_placement_measured_wrong() -> Seen:
    _, seen, _ = _scene(placements=("flat", "flat"))
    one, two = seen.auxiliary
    wrong = replace(two, tape=replace(two.tape, out_m=two.tape.out_m + 0.12))
    return replace(seen, auxiliary=(one, wrong))


@spoil("auxiliary_square", says="square_m")
def auxiliary_board_of_another_size() -> Seen:
    _, seen, _ = _scene()
    return _aux(seen, board=replace(rigs.BOARD, square_m=0.07))


@spoil("auxiliary_one_camera", says="right")
def auxiliary_board_in_one_camera_only() -> Seen:
    _, seen, _ = _scene()
    return _aux(seen, view=replace(seen.auxiliary[0].view, right=None))


@spoil("auxiliary_not_found", says="neither")
def auxiliary_board_not_found() -> Seen:
    _, seen, _ = _scene()
    return _aux(seen, view=View("auxiliary 1"))


@spoil("swapped_pictures", says="exchanged")
def auxiliary_pictures_exchanged() -> Seen:
    _, seen, _ = _scene()
    view = seen.auxiliary[0].view
    return _aux(seen, view=replace(view, left=view.right, right=view.left))


@spoil("same_picture_twice", says="same picture")
def auxiliary_picture_given_for_both_cameras() -> Seen:
    _, seen, _ = _scene()
    view = seen.auxiliary[0].view
    return _aux(seen, view=replace(view, right=view.left))


@spoil("mirrored_picture", says="left picture is mirrored")
def auxiliary_picture_mirrored() -> Seen:
    _, seen, _ = _scene()
    view = seen.auxiliary[0].view
    return _aux(seen, view=replace(view, left=_mirrored(view.left, 1920)))


@pytest.mark.parametrize("name", SPOILS)
def test_spoiled_calibration_is_named(name: str) -> None:
    make, codes, says = SPOILS[name]
    rig = _solve(make())
    assert rig.verdict.status in ("WARN", "FAIL"), rig.verdict
    named = [c for c in rig.verdict.causes if c.code in codes]
    found = [(c.code, c.severity, c.message) for c in rig.verdict.causes]
    assert named, f"{name}: expected one of {codes}, found {found}"
    assert any(says in c.message + c.action for c in named), found
    assert all(c.action for c in named)
    json.dumps(rig.to_dict(), allow_nan=False)  # however bad, rig.json is JSON: no NaN in it


#: Faults that are refused before anything is solved, with a word that the sentence must hold.
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "both counts even": (lambda: Board("chessboard", (8, 6), 0.03), "both inner corner counts"),
    "both counts odd": (lambda: Board("chessboard", (9, 7), 0.03), "both inner corner counts"),
    "square in mm": (lambda: Board("chessboard", (9, 6), 25.0), "mm, not metres"),
    "square in cm": (lambda: Board("chessboard", (9, 6), 2.5), "cm, not metres"),
    "tape in cm": (lambda: AuxiliaryPlacement("flat", 210, 1.4, 0.8).tape(), "looks like cm"),
    "tape in mm": (lambda: AuxiliaryPlacement("flat", 2100, 1.4, 0.8).tape(), "looks like mm"),
    "down upwards": (lambda: AuxiliaryPlacement("flat", 2, -1.4, 0.8).tape(), "below"),
    "out into the wall": (lambda: AuxiliaryPlacement("flat", 2, 1.4, -0.8).tape(), "in front of"),
    "no angle": (lambda: AuxiliaryPlacement("tilted", 2, 1.4, 0.8).tape(), "angle"),
    "two views": (
        lambda: _solve(replace(s := _scene()[1], views=s.views[:2], auxiliary=())),
        "too few views",
    ),
    "no view in common": (
        lambda: _solve(_views(_scene()[1], lambda i, v: replace(v, right=None) if i < 5
                              else replace(v, left=None))),
        "no view was seen by both cameras",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_input_is_refused(name: str) -> None:
    make, says = REFUSED[name]
    with pytest.raises(CalibrationError) as caught:
        make()
    assert says in str(caught.value)


@pytest.mark.parametrize("seed", range(10))
def test_good_calibrations_pass(seed: int) -> None:
    placements = (("flat",), ("tilted",), ("flat", "tilted"))[seed % 3]
    room, seen, rng = _scene(
        100 + seed, placements=placements, tape_error=True, quarter_turns=seed % 4
    )
    if seed % 2:  # a few wildly wrong corners must not change the verdict

        def wrong(i: int, v: View) -> View:
            if i not in (1, 4) or v.left is None:
                return v
            left = v.left.copy()
            left[rng.integers(len(left), size=2)] += rng.normal(0, 6, (2, 2))
            return replace(v, left=left)

        seen = _views(seen, wrong)
    rig = _solve(seen)
    # PASS, or a warning of what nothing that was measured could have shown
    found = {c.code: c.message for c in rig.verdict.causes}
    assert rig.verdict.status in ("PASS", "WARN") and found.keys() <= {"room_unchecked"}, found
    assert rig.T_WA is not None
    T, truth = rig.T_WC("left"), room.rig.T_WC("left")
    assert np.linalg.norm(T.t - truth.t) < 0.15  # a board laid to 0.5°, four metres away
