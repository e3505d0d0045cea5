"""Finding faces: CenterFace's maps decoded, scans and mosaics that lose nobody."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.faces.boxes import Faces, suppress
from gaze.faces.detectors import DetectorError, load_detector
from gaze.faces.detectors.centerface import CenterFace, decode_centerface
from gaze.faces.finder import FaceFinder, FinderSettings
from gaze.faces.mosaics import cut_square
from tests.gaze.classroom import room_rig, seats
from tests.gaze.squares import SquareDetector, draw, small


def picture_of(squares: np.ndarray) -> np.ndarray:
    picture = np.full((540, 960, 3), 70, np.uint8)
    for x0, y0, x1, y1 in squares.astype(int):
        picture[y0:y1, x0:x1] = 230
    return picture


def wandering(
    moments: int, n: int = 5, side: int = 22, seed: int = 0, reach: int = 60
) -> np.ndarray:
    """(M, n, 4) boxes that move by up to a third of a face from moment to moment."""
    rng = np.random.default_rng(seed)
    start = np.column_stack([80 + 170 * np.arange(n), 150 + 40 * np.arange(n)])
    walk = np.cumsum(rng.integers(-7, 8, (moments, n, 2)), 0)
    corner = start + np.clip(walk, -reach, reach)
    return np.concatenate([corner, corner + side], -1)


def test_mosaics_find_what_scans_would() -> None:
    boxes = wandering(60)
    pictures = [picture_of(b) for b in boxes]
    detector = SquareDetector()
    finder = FaceFinder(detector)
    times = np.arange(60) / 5
    for first in range(0, 60, 8):
        part = slice(first, first + 8)
        faces = finder.find(times[part], [pictures[part], pictures[part]], first)
        for m in range(first, min(first + 8, 60)):
            for c in (0, 1):
                mine = faces.box_px[(faces.moment == m) & (faces.camera == c)]
                assert len(mine) == 5
                mine = mine[np.argsort(mine[:, 0])]
                assert np.abs(mine - (boxes[m] - 0.5)).max() < 1.5
    assert finder.mosaics < 60 * 2


def test_who_sits_still_is_looked_for_every_third_moment() -> None:
    boxes = np.repeat(wandering(1), 60, 0)
    pictures = [picture_of(b) for b in boxes]
    finder = FaceFinder(SquareDetector())
    for first in range(0, 60, 12):
        part = slice(first, first + 12)
        faces = finder.find(np.arange(60)[part] / 5, [pictures[part], pictures[part]], first)
        assert len(faces) == 2 * 12 * 5
        assert np.abs(np.sort(faces.box_px[:5, 0]) - (boxes[0, :, 0] - 0.5)).max() < 1.5
    assert finder.scans == 2 * 2  # at 0 and 4 s; then, nobody being new, at 12 s
    assert finder.mosaics == 19  # both cameras' ten places in one, every third moment but two


def test_a_face_covered_in_between_is_not_made_up() -> None:
    boxes = np.repeat(wandering(1), 11, 0)
    pictures = [picture_of(b) for b in boxes]
    x0, y0, x1, y1 = boxes[0, 2].astype(int)
    for m in (6, 7):  # an arm, between two looks that see the face
        pictures[m][y0 - 9 : y1 + 9, x0 + 5 : x1 + 40] = 40
    finder = FaceFinder(SquareDetector())
    faces = finder.find(np.arange(11) / 5, [pictures, [None] * 11])
    assert np.bincount(faces.moment).tolist() == [5] * 6 + [4, 4] + [5] * 3


@pytest.mark.parametrize("seed", [3, 6])
def test_half_a_face_at_a_tiles_border_is_no_face(seed: int) -> None:
    """Neighbours reach into each other's tiles; both lessons had a ninth student by it."""
    rig, places = small(room_rig(seed), 0.5), seats(3, 3, seed=seed)[:8]
    sway = np.cumsum(np.random.default_rng(seed).normal(0, 0.004, (10, 8, 3)), 0)
    pictures = [[draw(rig, places + step, c) for step in sway] for c in (0, 1)]
    finder = FaceFinder(SquareDetector(), FinderSettings(look_every_s=0.01))
    faces = finder.find(np.arange(10) / 5, pictures)
    assert np.bincount(2 * faces.moment + faces.camera).max() == 8


def test_who_moves_goes_in_a_straight_line_under_a_scan_too() -> None:
    boxes = np.repeat(wandering(1), 27, 0)
    boxes[:, :, [0, 2]] += np.arange(27)[:, None, None]  # a pixel a moment
    pictures = [picture_of(b) for b in boxes]
    finder = FaceFinder(SquareDetector(), FinderSettings(scan_every_s=(1.0, 1.0)))
    for first in range(0, 27, 9):
        shown = pictures[first : first + 9]
        faces = finder.find(np.arange(first, first + 9) / 5, [shown, [None] * 9], first)
        found = faces.box_px.reshape(9, 5, 4)
        np.testing.assert_allclose(found, boxes[first : first + 9] - 0.5, atol=0.8)
    assert finder.scans > 3


def test_who_walks_faster_than_a_place_is_wide_is_followed_and_leaves_no_trail() -> None:
    boxes = np.repeat(wandering(1), 24, 0)
    boxes[:, 0, [0, 2]] += 30 * np.arange(24)[:, None]  # 1.4 faces a look, above the others
    pictures = [picture_of(b) for b in boxes]
    finder = FaceFinder(SquareDetector(), FinderSettings(scan_every_s=(100.0, 100.0)))
    for m in range(24):
        if m == 12:  # what another one remembers of who is on the way
            memory, finder = finder.memory(), FaceFinder(SquareDetector(), finder.settings)
            finder.remember(memory)
        faces = finder.find([0.4 * m], [[pictures[m]], [None]], m)
        assert len(faces) == 5
        assert np.abs(faces.box_px - (boxes[m] - 0.5)[:, None]).max(-1).min(0).max() < 1.5
    assert 5 <= len(finder.memory()["left_seen_s"]) <= 12


def test_who_comes_in_is_found_by_the_next_scan() -> None:
    boxes = wandering(60)
    pictures = [picture_of(b[: 4 if m < 10 else 5]) for m, b in enumerate(boxes)]
    finder = FaceFinder(SquareDetector())
    found = [len(finder.find([m / 5], [[pictures[m]], [None]], m)) for m in range(60)]
    assert found[9] == 4 and found[20] == 5 and min(found[20:]) == 5


@pytest.mark.parametrize("batch", [1, 4, 30])
def test_whoever_was_hidden_is_seen_again_at_once(batch: int) -> None:
    boxes = wandering(30, seed=4, reach=8)
    pictures = [picture_of(b[[0, 1, 3, 4]] if 5 <= m < 15 else b) for m, b in enumerate(boxes)]
    finder = FaceFinder(SquareDetector(), FinderSettings(scan_every_s=(100.0, 100.0)))
    count = np.zeros(30, int)
    for first in range(0, 30, batch):
        times = np.arange(first, min(first + batch, 30)) / 5
        shown = pictures[first : first + batch]
        faces = finder.find(times, [shown, [None] * len(shown)], first)
        count += np.bincount(faces.moment, minlength=30)
    assert count.tolist() == [5] * 5 + [4] * 10 + [5] * 15


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_what_a_finder_remembers_is_all_it_needs(cut: int) -> None:
    boxes = wandering(16, seed=2)
    pictures = [picture_of(b) for b in boxes]
    times = np.arange(16) / 5

    def found(finder: FaceFinder, part: slice) -> Faces:
        return finder.find(times[part], [pictures[part]] * 2, part.start)

    one = FaceFinder(SquareDetector())
    found(one, slice(0, cut))
    other = FaceFinder(SquareDetector())
    other.remember(one.memory())
    a, b = found(one, slice(cut, 16)), found(other, slice(cut, 16))
    for name in ("camera", "moment", "box_px", "score", "points_px"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_rows_are_sorted_and_numbered_from_the_first_moment() -> None:
    boxes = wandering(4)
    pictures = [picture_of(b) for b in boxes]
    faces = FaceFinder(SquareDetector()).find([0, 0.2, 0.4, 0.6], [pictures, pictures], 100)
    assert (np.diff(faces.moment) >= 0).all() and faces.moment.min() == 100
    assert faces.height_px == pytest.approx(22, abs=1.5)


def test_no_pictures_no_faces() -> None:
    faces = FaceFinder(SquareDetector()).find([0.0, 0.2], [[None, None], [None, None]])
    assert len(faces) == 0
    blank = np.zeros((540, 960, 3), np.uint8)
    assert len(FaceFinder(SquareDetector()).find([0.0], [[blank], [blank]])) == 0


@pytest.mark.parametrize("side", [40.0, 64.0, 300.0])
def test_cut_square_keeps_places(side: float) -> None:
    """A gradient: what a cut's pixel shows is where it came from."""
    y, x = np.mgrid[:540, :960].astype(np.float32)
    picture = np.stack([x / 4, y / 4, 0 * x], -1).round().astype(np.uint8)
    cut = cut_square(picture, np.array([200.0, 100.0, side]), 64).astype(float) * 4
    u = 200 + (np.arange(64) + 0.5) * side / 64
    # the square's edge 200 is pixel edge: the middle of the first pixel lies half a step further
    assert np.abs(cut[..., 0].mean(0) - u).max() < 3
    assert np.abs(cut[..., 0].mean() - u.mean()) < 1
    assert np.abs(cut[..., 1].mean() - (100 + side / 2)) < 1


def test_decode_by_hand() -> None:
    heat = np.zeros((2, 1, 8, 8), np.float32)
    size, offset = np.zeros((2, 2, 8, 8), np.float32), np.zeros((2, 2, 8, 8), np.float32)
    points = np.zeros((2, 10, 8, 8), np.float32)
    heat[1, 0, 3, 5] = 0.8
    heat[1, 0, 3, 6] = 0.6  # the same face, suppressed
    size[1, 0, 3, 5:7], size[1, 1, 3, 5:7] = np.log(20 / 4), np.log(16 / 4)
    offset[1, :, 3, 5] = 0.25, -0.25
    points[1, 4:6, 3, 5] = 0.6, 0.5  # nose: y, x as shares of the box
    found = decode_centerface(heat, size, offset, points, 0.3)
    assert list(found.picture) == [1] and found.score == pytest.approx([0.8])
    cx, cy = (5 - 0.25 + 0.5) * 4, (3 + 0.25 + 0.5) * 4
    assert found.box_px[0] == pytest.approx([cx - 8, cy - 10, cx + 8, cy + 10])
    assert found.points_px[0, 2] == pytest.approx([cx - 8 + 0.5 * 16, cy - 10 + 0.6 * 20])


def test_suppress_keeps_groups_apart() -> None:
    box = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10]], float)
    keep = suppress(box, np.array([0.5, 0.9, 0.4]), np.array([0, 0, 1]))
    assert sorted(keep) == [1, 2]
    assert len(suppress(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))) == 0


def test_unknown_detector() -> None:
    with pytest.raises(DetectorError, match="centerface"):
        load_detector("viola-jones")
    with pytest.raises(DetectorError, match="openvino, opencv, torch"):
        CenterFace("tensorrt")


@pytest.mark.parametrize("runtime", ["openvino", "opencv"])
def test_the_network_runs_and_sees_nothing_in_noise(runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    noise = rng.integers(90, 130, (1, 150, 200, 3), dtype=np.uint8)
    assert len(CenterFace(runtime).detect(noise, 0.3).score) == 0


@pytest.mark.parametrize(
    ("known_px", "size_px", "scale"),
    [
        (None, (1920, 1080), 1.0),
        (10.0, (1920, 1080), 1.0),  # never enlarged: the detector begins at 14 px
        (30.0, (1920, 1080), 1.0),
        (40.0, (1920, 1080), 0.75),
        (80.0, (1920, 1080), 0.5),
        (None, (1280, 720), 1.5),
        (40.0, (1280, 720), 0.75),
        (None, (3840, 2160), 0.5),
        (20.0, (3840, 2160), 0.75),  # never more than 2880 px
        (80.0, (3840, 2160), 0.375),
        (None, (8000, 6000), 0.24),
    ],
)
def test_a_scan_is_as_large_as_its_smallest_face_asks(
    known_px: float | None, size_px: tuple[int, int], scale: float
) -> None:
    seen = []

    class Watcher(SquareDetector):
        def detect(self, pictures, threshold):
            seen.append(pictures.shape[2] / size_px[0])
            return super().detect(pictures, threshold)

    finder = FaceFinder(Watcher())
    if known_px is not None:
        box = np.array([[5.0, 5.0, 5.0 + known_px, 5.0 + known_px]])
        known = Faces(
            np.zeros(1, np.int8), np.zeros(1, np.int32), box, np.ones(1), np.zeros((1, 5, 2))
        )
        finder._discover(0, known, 0.0)
    finder.scan(np.zeros((size_px[1], size_px[0], 3), np.uint8))
    assert set(np.round(seen, 3)) == {scale}  # in one strip or some
