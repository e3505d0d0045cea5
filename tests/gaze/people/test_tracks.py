"""Tracks: seats kept over gaps, neighbours never swapped."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.people.tracks import track


def lesson(seed: int, n: int, gap_px: float, height: float = 40.0, moments: int = 300):
    """Students of one row who sway by a third of a face, at 5 moments a second."""
    rng = np.random.default_rng(seed)
    t = np.arange(moments) / 5
    sway = np.cumsum(rng.normal(0, 0.05, (moments, n, 2)), 0)
    sway -= sway.mean(0)
    sway *= 0.25 / sway.std((0, 2))[None, :, None]
    centre = 300 + np.arange(n)[None, :, None] * [gap_px, 3.0] + (sway + 0.0) * height
    centre = centre + rng.normal(0, 0.02 * height, centre.shape)
    size = height * np.exp(rng.normal(0, 0.03, (moments, n)))
    return t, centre, size


def flat(t, centre, size, present, rng):
    m, k = np.nonzero(present)
    order = np.lexsort((rng.random(len(m)), m))  # faces come in no order within a moment
    m, k = m[order], k[order]
    return track(m, t[m], centre[m, k], size[m, k]), k


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_are_never_swapped(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    t, centre, size = lesson(seed, 6, gap_px=70.0)
    present = rng.random(size.shape) > 0.1
    number, k = flat(t, centre, size, present, rng)
    for one in range(6):  # each student keeps one number
        share = np.bincount(number[k == one]).max() / (k == one).sum()
        assert share > 0.98
    for one in np.unique(number):  # no number ever belongs to two students
        assert len(np.unique(k[number == one])) == 1


@pytest.mark.parametrize("seconds", [3.0, 20.0, 60.0])
def test_the_number_survives_a_gap(seconds: float) -> None:
    rng = np.random.default_rng(1)
    t, centre, size = lesson(3, 4, gap_px=90.0, moments=700)
    present = np.ones(size.shape, bool)
    present[100 : 100 + int(seconds * 5), 1] = False
    present[120 : 120 + int(seconds * 5), 2] = False
    number, k = flat(t, centre, size, present, rng)
    for one in range(4):
        assert len(np.unique(number[k == one])) == 1


def test_a_row_behind_is_told_apart_by_size() -> None:
    """Faces of 60 and 40 px that come within half a face of each other."""
    rng = np.random.default_rng(0)
    t, a, size = lesson(5, 1, 0.0, height=60.0)
    _, b, small = lesson(6, 1, 0.0, height=40.0)
    centre = np.concatenate([a, b + [25.0, -18.0]], 1)
    number, k = flat(
        t, centre, np.concatenate([size, small], 1), rng.random((len(t), 2)) > 0.3, rng
    )
    for one in np.unique(number):
        assert len(np.unique(k[number == one])) == 1


def test_nobody_there() -> None:
    none = np.zeros(0)
    assert len(track(none.astype(int), none, np.zeros((0, 2)), none)) == 0


@pytest.mark.parametrize(("back_px", "same"), [(300.0, True), (190.0, False)])
def test_after_a_gap_the_seat_counts(back_px: float, same: bool) -> None:
    """A face of 40 px sits, leans over by four faces, is gone for ten seconds: whoever is found
    where it had sat is it, three faces beside that is somebody else."""
    x = np.r_[np.full(100, 300.0), 300 + 18.0 * np.arange(1, 11), np.full(5, 480.0), back_px]
    t = np.r_[np.arange(115) / 5, 33.0]
    number = track(np.arange(116), t, np.stack([x, np.full(116, 300.0)], 1), np.full(116, 40.0))
    assert (number[:115] == number[0]).all() and (number[115] == number[0]) == same


@pytest.mark.parametrize(("beside", "same"), [(0.6, True), (1.2, False)])
def test_a_second_later_somebody_a_face_and_more_aside_is_another(
    beside: float, same: bool
) -> None:
    """Faces of 40 px; one sits still for a while, then a face is found beside it."""
    x = np.r_[np.full(60, 300.0), 300.0 + 40 * beside]
    t = np.r_[np.arange(60) / 5, 59 / 5 + 1.0]
    number = track(np.arange(61), t, np.stack([x, np.full(61, 300.0)], 1), np.full(61, 40.0))
    assert (number[:60] == 0).all() and number[60] == (0 if same else 1)


@pytest.mark.parametrize(("known", "new"), [(30, True), (4, False)])
def test_a_face_between_two_students_is_nobody_s_yet(known: int, new: bool) -> None:
    """Faces of 40 px, 40 px apart; then one face half-way between both. Where one of the two had
    been seen a few times only, it may have been a false one, and the face is the other's."""
    both = np.repeat(np.arange(30), np.where(np.arange(30) >= 30 - known, 2, 1))
    x = np.concatenate([[300.0, 340.0] if m >= 30 - known else [300.0] for m in range(30)])
    moment, x = np.r_[both, 30], np.r_[x, 319.9]
    n = len(x)
    t = np.arange(31) / 5
    number = track(moment, t[moment], np.stack([x, np.full(n, 300.0)], 1), np.full(n, 40.0))
    assert set(number[:-1]) == {0, 1}
    assert (number[-1] == 2) == new


# -- the motion model, limit by limit: a face of 40 px sits still for 30 moments, at x = 300 ------


def then(
    gap_s: float, x: float, height: float = 40.0, path: tuple[tuple[float, float], ...] = ()
) -> bool:
    """Whether a face that is found ``gap_s`` later at x is the same; ``path``: x and height in
    between, five a second. The first moment is the second of the lesson."""
    there = [(300.0, 40.0)] * 30 + list(path)
    t = np.arange(len(there)) / 5
    xs, heights = np.array([*there, (x, height)]).T
    centre = np.stack([xs, np.full(len(xs), 300.0)], 1)
    number = track(np.arange(len(xs)) + 2, np.r_[t, t[-1] + gap_s], centre, heights)
    assert (number[:-1] == 0).all()
    return bool(number[-1] == 0)


LEANS = tuple((300 + 18.0 * k, 40.0) for k in range(1, 11))  # over by four faces and a half
STAYS = LEANS + 25 * ((480.0, 40.0),)
TALLER = 5 * ((300.0, 40 * np.exp(0.5)),)


@pytest.mark.parametrize(
    ("what", "gap_s", "limit_px", "path"),
    [
        ("jitter and walk", 1.0, 300 + 20**0.5 * 40 * 0.21, ()),
        ("jitter and walk", 0.01, 300 + 20**0.5 * 40 * 0.075, ()),
        ("most", 60.0, 480 + 20**0.5 * 40 * 0.7, LEANS),
        ("the seat", 4.0, 324.75 - 20**0.5 * 40 * 0.45, LEANS),
        ("the seat, a slow mean", 4.0, 388.3 - 20**0.5 * 40 * 0.45, STAYS),
    ],
)
def test_how_far_a_face_may_have_moved(
    what: str, gap_s: float, limit_px: float, path: tuple[tuple[float, float], ...]
) -> None:
    """Up to √20 σ of the motion, whatever the lean; farther is somebody else."""
    inside = np.sign((path or ((300.0, 0.0),))[-1][0] - limit_px) * 3
    assert then(gap_s, limit_px + inside, path=path), what
    assert not then(gap_s, limit_px - inside, path=path), what


def test_the_seat_counts_after_two_seconds() -> None:
    assert not then(1.9, 310.0, path=LEANS) and then(2.1, 310.0, path=LEANS)


def test_a_track_is_closed_after_two_minutes() -> None:
    assert then(119.0, 300.0) and not then(121.0, 300.0)


@pytest.mark.parametrize(
    ("middle", "path"),
    [(0.0, ()), (0.5 * (1 - 0.9**5), TALLER)],
)
def test_how_much_a_face_may_have_grown(
    middle: float, path: tuple[tuple[float, float], ...]
) -> None:
    """By √20 · 0.16 of the logarithm of what it was in the mean of ten moments, up or down."""
    limit = 20**0.5 * 0.16
    for sign in (-1, 1):
        assert then(0.2, 300.0, 40 * np.exp(middle + sign * (limit - 0.02)), path)
        assert not then(0.2, 300.0, 40 * np.exp(middle + sign * (limit + 0.02)), path)


@pytest.mark.parametrize(("log_ratio", "same"), [(0.98, True), (1.05, False)])
def test_a_young_track_is_the_mean_of_its_faces(log_ratio: float, same: bool) -> None:
    """Two faces, the second e^0.6 as high: the third is measured against e^0.3."""
    height = 40 * np.exp([0.0, 0.6, log_ratio])
    number = track(np.arange(3), np.arange(3) / 5, np.full((3, 2), 300.0), height)
    assert number.tolist() == [0, 0, 0 if same else 1]


@pytest.mark.parametrize(
    ("known", "apart_px", "x", "new"),
    [
        (10, 40.0, 319.75, True),
        (9, 40.0, 319.75, False),  # the rival was seen too seldom
        (30, 40.0, 319.4, False),  # clear: χ² differ by 1.9, not by 0.8
        (30, 21.0, 310.4, True),
        (30, 19.0, 309.4, False),  # one seat: a head up and down
    ],
)
def test_between_two_students(known: int, apart_px: float, x: float, new: bool) -> None:
    """Faces of 40 px; one was seen for 30 moments, the other for the last few of them. Then one
    face, a little nearer to the first."""
    there = [[300.0, 300 + apart_px] if m >= 30 - known else [300.0] for m in range(30)]
    moment = np.r_[np.repeat(np.arange(30), [len(r) for r in there]), 30]
    xs = np.r_[np.concatenate(there), x]
    number = track(
        moment, moment / 5, np.stack([xs, np.full(len(xs), 300.0)], 1), np.full(len(xs), 40.0)
    )
    assert set(number[:-1]) == {0, 1} and number[-1] == (2 if new else 0)
