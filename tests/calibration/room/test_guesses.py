"""Each mistake with tape, board, blackboard and lenses is named; honest ones are left alone.

At the level of measurements: boards are where the cameras see them exactly, tapes have their noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.room import world
from calibration.room.evidence import SEATS, Evidence, Looked, PlacedBoard, Seated
from calibration.room.fit import solve_room
from calibration.room.guesses import guesses
from calibration.room.reconcile import contradicted, moved_cm, reconcile, room_causes, with_class
from calibration.room.world import Tape
from calibration.transform import Transform, rotation_exp
from calibration.verdict import Cause
from tests.calibration import rigs

WIDTH, HEIGHT, SQUARE = 4.0, 1.2, 0.08
T_WL = Transform(
    rotation_exp([0, -0.55, 0]) @ rotation_exp([-0.2, 0, 0.02]),
    np.array([4.25, -0.1, 0.2]),
    "W",
    "L",
)
T_WR = Transform(
    rotation_exp([0, 0.6, 0]) @ rotation_exp([-0.15, 0, -0.03]),
    np.array([-0.3, 0.08, 0.1]),
    "W",
    "R",
)
T_RL = T_WR.inverse() @ T_WL
POINTS = rigs.BOARD.points_B()
TAPE = Tape("flat", 1.83, 1.36, 1.62)


def room(seed: int, *tapes: Tape, off: np.ndarray | None = None, corners: int = 4) -> Evidence:
    """Boards laid to 0.5°, taped to 5 mm; lenses to 1 cm + 0.2 %. off: how they really lie."""
    rng = np.random.default_rng(seed)
    boards = []
    for tape in tapes or (TAPE,):
        d = np.concatenate([rng.normal(0, np.radians(0.5), 3), rng.normal(0, 0.005, 3)])
        d = d if off is None else d + off
        T_WA = Transform(world.R_WA @ rotation_exp(d[:3]), tape.t_WA + d[3:], "W", "A")
        T_WB = T_WA @ world.T_AB(tape.tilt_deg, POINTS, 0)
        boards.append(PlacedBoard(T_WL.inverse() @ T_WB, POINTS, SQUARE, 0, tape))
    at = np.array([[WIDTH, 0, 0], [0, 0, 0], [WIDTH, HEIGHT, 0], [0, HEIGHT, 0]])[:corners]
    lengths = {}
    for name, T in (("left", T_WL), ("right", T_WR)):
        far = np.linalg.norm(T.t - at, axis=1)
        far = far + rng.normal(0, 0.01 + 0.002 * far)
        lengths[name] = tuple(float(v) for v in far.round(2))
    return Evidence(tuple(boards), T_RL, (WIDTH, HEIGHT), lengths if corners else {})


def causes(e: Evidence) -> list[Cause]:
    return room_causes(e, solve_room(e))


def taped(e: Evidence, **lengths: float) -> Evidence:
    """The first placement's tape with other lengths."""
    b = e.boards[0]
    return replace(e, boards=(replace(b, tape=replace(b.tape, **lengths)), *e.boards[1:]))


def led_to(e: Evidence, x: float, y: float) -> Evidence:
    """The tape led to another point of the (flat) board: x to the right, y to the blackboard."""
    left, down, out = e.boards[0].tape.t_WA
    return taped(e, left_m=left - x, down_m=down, out_m=out - y)


def framed(m: float) -> dict[str, tuple[float, ...]]:
    """corners_m to the corners of a frame, m outside the surface."""
    x, y = [WIDTH + m, -m] * 2, [-m, -m, HEIGHT + m, HEIGHT + m]
    at = np.stack([x, y, np.zeros(4)], 1)
    return {c: tuple(np.linalg.norm(T.t - at, axis=1).round(2).tolist())
            for c, T in (("left", T_WL), ("right", T_WR))}  # fmt: skip


LENS = "left"
MISTAKES: dict[str, tuple[Callable[[int], Evidence], str, str]] = {
    "upper left corner": (
        lambda s: taped(room(s), left_m=WIDTH - 1.83), "tape_from_upper_left", "LEFT"),
    "other inner corner": (lambda s: led_to(room(s), -8 * SQUARE, 0), "tape_other_corner", "other"),
    "far inner corner": (lambda s: led_to(room(s), 0, -5 * SQUARE), "tape_other_corner", "far"),
    "opposite corner": (
        lambda s: led_to(room(s), -8 * SQUARE, -5 * SQUARE), "tape_other_corner", "diagonally"),
    "down and out": (
        lambda s: taped(room(s), down_m=1.62, out_m=1.36), "tape_exchanged", "down_m and out_m"),
    "out, left, down in a ring": (
        lambda s: taped(room(s), left_m=1.62, down_m=1.83, out_m=1.36),
        "tape_exchanged", "left_m and down_m and out_m"),
    "down along the slope": (
        lambda s: taped(room(s), down_m=float(np.hypot(1.36, 1.62))), "tape_slope", "down_m"),
    "straight from the corner": (
        lambda s: taped(room(s), left_m=float(np.linalg.norm([1.83, 1.36, 1.62])),
                        out_m=float(np.hypot(1.36, 1.62))), "tape_slope", "straight"),
    "all but the tape to the frame": (
        lambda s: replace(room(s), corners_m=framed(0.08),
                          blackboard_m=(WIDTH + 0.16, HEIGHT + 0.16)), "tape_begun", "frame"),
    "from the frame's corner": (
        lambda s: taped(room(s), left_m=1.92, down_m=1.45), "tape_begun", "9 cm off: were they"),
    "two lengths": (
        lambda s: taped(room(s), left_m=2.06, down_m=1.19), "tape_wrong", "left_m and down_m"),
    "lengths copied": (
        lambda s: replace(e := room(s, TAPE, replace(TAPE, left_m=2.6, out_m=1.9)), boards=(
            e.boards[0], replace(e.boards[1], tape=TAPE))),
        "tape_copied", "placement 2 lies 8"),
    "the floor": (lambda s: taped(room(s), down_m=1.36 + 0.9), "tape_to_floor", "to the floor"),
    "lower edge": (lambda s: taped(room(s), down_m=0.16), "tape_from_lower_edge", "LOWER"),
    "digits": (lambda s: taped(room(s), left_m=1.38), "tape_digits", "1.83"),
    "left in inches": (lambda s: taped(room(s), left_m=1.83 / 2.54), "tape_units", "inches"),
    "all in inches": (
        lambda s: taped(room(s), left_m=1.83 / 2.54, down_m=1.36 / 2.54, out_m=1.62 / 2.54),
        "tape_units", "the tape is in inches"),
    "left 20 cm long": (lambda s: taped(room(s), left_m=2.03), "tape_wrong", "2.03 m was measured"),
    "askew by 10°": (
        lambda s: room(s, off=np.radians([0, 0, 10, 0, 0, 0])), "placement_askew", "°"),
    "sloping by 8°": (lambda s: room(s, off=np.radians([8, 0, 0, 0, 0, 0])), "placement_tilt", "°"),
    "sideways by 8°": (
        lambda s: room(s, off=np.radians([0, 8, 0, 0, 0, 0])), "placement_slope", "°"),
    "width 1 m short": (
        lambda s: replace(room(s), blackboard_m=(3.0, HEIGHT)), "blackboard_width", "4.0"),
    "lenses exchanged": (
        lambda s: replace(e := room(s), corners_m={"left": e.corners_m["right"],
                                                   "right": e.corners_m["left"]}),
        "corners_exchanged", "left and the right camera"),
    "order exchanged": (
        lambda s: replace(e := room(s), corners_m={
            c: tuple(v[j ^ 1] for j in range(4)) for c, v in e.corners_m.items()}),
        "corners_exchanged", "wrong order"),
    "one length wrong": (
        lambda s: replace(e := room(s), corners_m={
            **e.corners_m, LENS: (*e.corners_m[LENS][:1], e.corners_m[LENS][1] - 0.33,
                                  *e.corners_m[LENS][2:])}),
        "corners_wrong", "upper right"),
    "height with the frame": (
        lambda s: replace(room(s), blackboard_m=(WIDTH, HEIGHT + 0.12)),
        "blackboard_height", "1.3"),
    "left and right by the teacher": (
        lambda s: taped(replace(e := room(s), corners_m={
            a: tuple(e.corners_m[b][j ^ 1] for j in range(4))
            for a, b in (("left", "right"), ("right", "left"))}), left_m=WIDTH - 1.83),
        "corners_exchanged", "faced the class"),
    "a torn tape": (
        lambda s: taped(replace(e := room(s), blackboard_m=(WIDTH + 0.1, HEIGHT + 0.1), corners_m={
            c: tuple(x + 0.1 for x in v) for c, v in e.corners_m.items()}),
            left_m=1.93, down_m=1.46, out_m=1.72),
        "tape_begun", "every length is 1"),
    "a tape's case not counted": (
        lambda s: taped(room(s), left_m=1.63, down_m=1.16, out_m=1.42), "tape_begun", "case"),
    "led to the frame": (
        lambda s: replace(room(s), corners_m=framed(0.12)), "blackboard_frame", "to the frame"),
    "both sizes exchanged": (
        lambda s: replace(room(s), blackboard_m=(HEIGHT, WIDTH)), "blackboard_width", "exchanged"),
    "round the blackboard": (
        lambda s: replace(e := room(s), corners_m={
            c: (v[0], v[1], v[3], v[2]) for c, v in e.corners_m.items()}),
        "corners_exchanged", "clockwise"),
    "from behind the lenses": (
        lambda s: replace(e := room(s), corners_m={
            c: tuple(x + 0.1 for x in v) for c, v in e.corners_m.items()}),
        "corners_begun", "10 cm"),
    "from behind one lens": (
        lambda s: replace(e := room(s), corners_m={
            **e.corners_m, LENS: tuple(x + 0.12 for x in e.corners_m[LENS])}),
        "corners_begun", "left camera's"),
    "two lengths of one camera": (
        lambda s: replace(e := room(s), corners_m={
            **e.corners_m, LENS: (*e.corners_m[LENS][1::-1], *e.corners_m[LENS][2:])}),
        "corners_exchanged", "left camera's to the upper right"),
    "the lower lengths of the other camera": (
        lambda s: replace(e := room(s), corners_m={
            a: e.corners_m[a][:2] + e.corners_m[b][2:]
            for a, b in (("left", "right"), ("right", "left"))}),
        "corners_exchanged", "last two, to the lower corners"),
    "the upper lengths of the other camera": (
        lambda s: replace(e := room(s), corners_m={
            a: e.corners_m[b][:2] + e.corners_m[a][2:]
            for a, b in (("left", "right"), ("right", "left"))}),
        "corners_exchanged", "first two, to the upper corners"),
    "a length of each camera": (
        lambda s: replace(e := room(s), corners_m={
            "left": (e.corners_m["right"][0], *e.corners_m["left"][1:]),
            "right": (e.corners_m["left"][0], *e.corners_m["right"][1:])}),
        "corners_exchanged", "right camera's to the upper left"),
    "lengths of another day": (
        lambda s: replace(room(s), corners_m={
            c: tuple(float(np.linalg.norm(T.t + [side * 0.25, 0.1, 0.25] - p))
                     for p in ([WIDTH, 0, 0], [0, 0, 0], [WIDTH, HEIGHT, 0], [0, HEIGHT, 0]))
            for c, T, side in (("left", T_WL, 1), ("right", T_WR, -1))}),
        "corners_wrong", "before the cameras were moved"),
    "lengths along the wall": (
        lambda s: replace(room(s), corners_m={
            c: tuple(np.linalg.norm((T.t - p)[:2]).round(2) for p in (
                [WIDTH, 0, 0], [0, 0, 0], [WIDTH, HEIGHT, 0], [0, HEIGHT, 0]))
            for c, T in (("left", T_WL), ("right", T_WR))}),
        "corners_wrong", "along the wall"),
    "sizes with the frame": (
        lambda s: replace(room(s), blackboard_m=(WIDTH + 0.1, HEIGHT + 0.1)),
        "blackboard_frame", "both"),
    "left of two placements": (
        lambda s: replace(e := room(s, TAPE, replace(TAPE, left_m=2.6, out_m=1.9)), boards=(
            replace(e.boards[0], tape=replace(TAPE, left_m=2.6)),
            replace(e.boards[1], tape=replace(TAPE, out_m=1.9)))),
        "tape_exchanged", "placements 1 and 2"),
    "tilted the other way": (
        lambda s: room(s, Tape("tilted", 1.83, 1.36, 1.62, angle_deg=7),
                       off=np.radians([-14, 0, 0, 0, 0, 0])), "placement_tilt", "other way"),
    "a camera moved": (
        lambda s: replace(e := room(s), corners_m={**e.corners_m, LENS: tuple(
            float(np.linalg.norm(T_WL.t + [0.15, 0.05, 0.12] - p))
            for p in ([WIDTH, 0, 0], [0, 0, 0], [WIDTH, HEIGHT, 0], [0, HEIGHT, 0]))}),
        "camera_elsewhere", "left camera"),
    "pictures of two placements exchanged": (
        lambda s: replace(e := room(s, TAPE, replace(TAPE, left_m=2.6, out_m=1.9)), boards=tuple(
            replace(b, tape=o.tape) for b, o in zip(e.boards, e.boards[::-1], strict=True))),
        "placements_exchanged", "1 and 2"),
    "both placements in inches": (
        lambda s: replace(e := room(s, TAPE, replace(TAPE, left_m=2.6)), boards=tuple(
            replace(b, tape=b.tape.at(b.tape.t_WA / 2.54)) for b in e.boards)),
        "tape_units", "all placements"),
    "one origin of two": (
        lambda s: taped(room(s, replace(TAPE, left_m=1.83), replace(TAPE, left_m=2.6)),
                        left_m=WIDTH - 1.83), "tape_from_upper_left", "placement 1"),
}  # fmt: skip


def test_equal_lengths_that_were_exchanged_explain_nothing() -> None:
    """Two boards on one table, and lists of two lengths that have no lower ones to be crossed."""
    e = room(1, TAPE, replace(TAPE, left_m=2.6), corners=2)
    says = [r.says for r in reconcile(e)]
    assert any("left_m of placements 1 and 2" in g.says for g in guesses(e))
    assert not any("down_m of placements 1 and 2 were exchanged" in s for s in says)


def test_three_wrong_lengths_are_told_beside_a_board_that_is_elsewhere() -> None:
    """As well the one as the other, however far the lengths would put the lenses."""
    for seed in (1, 2, 3):
        first = causes(taped(room(seed), left_m=2.44, down_m=11.8, out_m=2.06))[0]
        assert {first.code, *first.rivals} == {"auxiliary_elsewhere", "tape_wrong"}
        assert "left_m and down_m and out_m" in first.message


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(name: str) -> None:
    make, code, word = MISTAKES[name]
    found = [causes(make(seed))[0] for seed in (1, 2, 3)]
    assert all(c.severity != "PASS" and c.action for c in found)
    named = [c for c in found if c.code == code and word in c.message]
    assert len(named) >= 2, [(c.code, c.message) for c in found]


def test_honest_measurements_are_left_alone() -> None:
    """40 rooms, four lengths per lens: no contradiction is seen (one in 150 is expected)."""
    honest = [room(100 + seed) for seed in range(40)]
    assert sum(contradicted(solve_room(e)) for e in honest) <= 1
    told = [c.code for e in honest[:10] for c in causes(e)]
    assert len(told) <= 1, told


def test_what_cannot_be_seen_is_said_with_its_cost() -> None:
    (alone,) = causes(room(1, corners=0))
    assert alone.code == "room_unchecked" and "or any other" in alone.message
    (two,) = causes(room(1, corners=2))
    assert two.code == "room_unchecked" and "up to" in two.message and "corners_m" in two.action
    cost = [
        float(c.message.split("gaze point by ")[1].split(" cm")[0].split(" / ")[1])
        for c in (alone, two)
    ]
    assert cost[0] > cost[1] > 20


def looked(e: Evidence, seed: int, off: tuple[float, float] = (0.0, 0.0)) -> Evidence:
    """With a class that looked at marked points, which lie ``off`` from where they are said to."""
    there = np.random.default_rng(seed).normal(0, [0.03, 0.04]) + [WIDTH / 2, HEIGHT / 2] + off
    x, y, z = T_WL.inverse().apply(np.append(there, 0.0)).tolist()
    return replace(e, looked=Looked((WIDTH / 2, HEIGHT / 2), (x, y, z), (0.03, 0.04), 24))


@pytest.mark.parametrize(
    "name", ["upper left corner", "the floor", "digits", "tilted the other way"]
)
def test_marked_points_alone_name_a_mistake_of_the_tape(name: str) -> None:
    """No lengths from the lenses: a tape, and a class that looked."""
    make, code, word = MISTAKES[name]
    for seed in (1, 2):
        (cause,) = causes(looked(replace(make(seed), corners_m={}), seed))
        assert cause.code == code and word in cause.message and cause.severity == "FAIL"


def test_marked_points_that_lie_elsewhere_are_named() -> None:
    for seed in (1, 2, 3):
        (cause,) = causes(looked(room(seed), seed, (0.4, 0.1)))
        assert cause.code == "marks_wrong" and "targets.csv" in cause.message
        assert not causes(looked(room(seed), seed))


SEATS_SIGMA = np.array([*np.radians([12, 2.1, 2.2]), 0.11, 0.25, 0.15, 0.03])


def seated(seed: int, off: np.ndarray | float = 0.0) -> Seated:
    """A class of 24, as people sit, ``off`` (7,) from where it is said to sit."""
    d = np.random.default_rng(seed).normal(0, SEATS_SIGMA) + off
    T_LW, at = T_WL.inverse(), (1.9, 0.95, 2.3)
    x, y, z = T_LW.apply(np.array(at) + d[3:6]).tolist()
    R_LK = (T_LW.R @ rotation_exp(d[:3])).tolist()
    return Seated(at, (x, y, z), R_LK, 1 + d[6], np.diag(SEATS_SIGMA**2).tolist(), 24)


def with_seats(e: Evidence, seats: Seated) -> tuple[Evidence, list[Cause]]:
    """What counts, and everything that is said."""
    counts, said = with_class(replace(e, seated=seats))
    return counts, said + causes(counts)


@pytest.mark.parametrize(
    "name", ["other inner corner", "lower edge", "digits", "all in inches", "askew by 10°"]
)
def test_a_class_at_its_seats_tells_a_mistake_of_the_tape(name: str) -> None:
    """No lengths from the lenses: a tape, and a class, one in three of which happens to sit so."""
    make, code, _ = MISTAKES[name]
    told = 0
    for seed in (1, 2, 3):
        e = replace(make(seed), corners_m={})
        said = with_seats(e, seated(seed))[1]
        assert {c.severity for c in said} == {"WARN"} and said[-1].code == "room_unchecked"
        told += code in (said[0].code, *said[0].rivals)
    assert told >= 2


@pytest.mark.parametrize("corners", [0, 4])
def test_an_honest_class_says_nothing_and_moves_nothing(corners: int) -> None:
    for seed in range(12):
        e = room(100 + seed, corners=corners)
        counts, said = with_seats(e, seated(seed))
        assert counts.seated is not None and [c.code for c in said] == [c.code for c in causes(e)]
        off = moved_cm(e, solve_room(e), solve_room(counts))
        assert off < 0.5 if corners else off < 2.5, "a board laid to 0.5° alone is 3 cm off itself"


@pytest.mark.parametrize(
    "off", [(0, 0, 0, 0.9, 0, 0, 0), (0, 0, 0, 0, 0, 1.2, 0), (0, 0.35, 0, 0.5, 0, 0.4, 0)]
)
def test_a_class_that_sits_elsewhere_is_told_and_does_not_count(off: tuple[float, ...]) -> None:
    for seed in (1, 2, 3):
        e = room(seed)
        counts, said = with_seats(e, seated(seed, np.array(off)))
        assert [c.code for c in said] == ["seats_wrong"] and said[0].severity == "WARN"
        before, after = solve_room(e).T_WL, solve_room(counts).T_WL
        assert np.array_equal(before.t, after.t), "the room is what it was"


@pytest.mark.parametrize("name", ["the floor", "one length wrong", "width 1 m short", "digits"])
def test_a_class_hides_nothing(name: str) -> None:
    """What the rest says by itself is said as before: by an honest class, by one elsewhere."""
    for seed in (1, 2):
        e = MISTAKES[name][0](seed)
        for off in (0.0, np.array([0, 0, 0, 0.6, 0.9, 0, 0])):
            assert with_seats(e, seated(seed, off))[1] == causes(e)


def test_seats_enter_the_least_squares_as_they_are_stated() -> None:
    """One σ off costs one χ² in each row, and the derivative is that of the residuals."""
    e = replace(room(1), seated=replace(seated(1), covariance=np.diag(SEATS_SIGMA**2).tolist()))
    rows = [e.names().index(n) for n in SEATS]
    size = (WIDTH, HEIGHT)
    assert np.allclose(np.sqrt(np.diag(e.covariance()))[rows], SEATS_SIGMA)
    d = np.random.default_rng(1).normal(0, SEATS_SIGMA)
    r = e.residuals(T_WL, size)[rows]
    assert np.allclose(r, d, atol=2e-3), "turned about W's axes, where, how large"
    J = e.rows(T_WL.R, T_WL.t, size, 1.0)[1][rows]
    for k, step in enumerate(1e-6 * np.eye(9)):
        R, t = T_WL.R @ rotation_exp(step[:3]), T_WL.t + step[3:6]
        up = e.rows(R, t, size, 1 + step[8])[0][rows]
        if k not in (6, 7):
            assert np.allclose((up - r) / 1e-6, J[:, k], atol=1e-4)


def test_no_single_mistake_explains_three() -> None:
    e = taped(room(1), left_m=2.4, down_m=0.9, out_m=2.3)
    e = replace(e, blackboard_m=(3.3, HEIGHT))
    (cause,) = causes(e)
    assert cause.severity == "FAIL"


def test_a_mirror_of_the_lengths_is_no_room() -> None:
    """Lengths from a plane's corners leave two sides of it: the cameras stand before it."""
    assert (solve_room(room(3)).T_WL.t[2] > -0.1) and solve_room(room(3)).chi2 < 40


@pytest.mark.parametrize("out_m, said", [(-0.3, ["tape_wrong"]), (0.0, [])])
def test_lenses_near_the_surface_do_not_hide_out_m(
    monkeypatch: pytest.MonkeyPatch, out_m: float, said: list[str]
) -> None:
    """15 cm before the surface, lengths to its corners fit as well from 15 cm behind it."""
    left = replace(T_WL, t=np.array([4.25, -0.1, 0.15]))
    right = replace(T_WR, t=np.array([-0.3, 0.08, 0.15]))
    for name, T in (("T_WL", left), ("T_WR", right), ("T_RL", right.inverse() @ left)):
        monkeypatch.setitem(globals(), name, T)
    for seed in range(4):
        e = taped(room(seed), out_m=TAPE.out_m + out_m)
        found = causes(e)
        assert [c.code for c in found] == said, found
        if said:
            assert "cm longer" in found[0].message and found[0].severity == "WARN"
