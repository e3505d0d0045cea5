"""Pieces of tracks and single rows: four students, without noise but for a sway of 2 cm, in which
one thing is otherwise. The limits of IdentitySettings, each from both sides."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.camera import CAMERAS
from gaze.people.evidence import UNMATCHED, Sightings
from gaze.people.identify import identify, possible_pairs
from gaze.people.others import PORTRAIT, STUDENT, TEACHER
from gaze.people.seats import Students
from tests.gaze.classroom import project, room_rig

RIG = room_rig(3)
PLACES = np.array([[0.8, 0.8, 3.5], [2.6, 0.85, 3.6], [1.4, 0.8, 5.0], [3.0, 0.9, 5.2]])
MOMENTS = 60
FACE_M = 0.21


class Room:
    """Rows of one camera after the other: who, when, where; changed by a test, then identified."""

    def __init__(self, places: np.ndarray = PLACES) -> None:
        rng = np.random.default_rng(1)
        n = len(places)
        sway = rng.normal(0, 0.02, (MOMENTS, n, 3))
        self.P = places + sway - sway.mean(0)
        m, k = (v.ravel() for v in np.meshgrid(np.arange(MOMENTS), np.arange(n), indexing="ij"))
        self.camera = np.repeat([0, 1], len(m)).astype(np.int8)
        self.moment, self.who = np.tile(m, 2), np.tile(k, 2)
        self.track = self.who.astype(np.int32) + 10
        uv = project(RIG, self.P)
        self.nose = np.concatenate([uv[m, k, 0], uv[m, k, 1]])
        self.height = np.concatenate([self.size(self.P[m, k], c) for c in (0, 1)])

    @staticmethod
    def size(P: np.ndarray, camera: int) -> np.ndarray:
        """Height in pixels of a face at P (N, 3)."""
        name = CAMERAS[camera]
        far = np.linalg.norm(RIG.T_WC(name).inverse().apply(P), axis=-1)
        return np.asarray(RIG.camera(name).f_px * FACE_M / far)

    def rows(self, who: int, camera: int, first: int = 0, last: int = MOMENTS) -> np.ndarray:
        """Rows of a student in a camera from moment ``first`` to before ``last``."""
        mine = (self.who == who) & (self.camera == camera)
        return np.flatnonzero(mine & (self.moment >= first) & (self.moment < last))

    def put(self, rows: np.ndarray, P: np.ndarray) -> None:
        """Where the rows' one camera sees a point P (3,)."""
        c = int(self.camera[rows[0]])
        self.nose[rows], self.height[rows] = project(RIG, P)[c], self.size(P[None], c)[0]

    def leave_out(self, rows: np.ndarray) -> None:
        for name in ("camera", "moment", "who", "track", "nose", "height"):
            setattr(self, name, np.delete(getattr(self, name), rows, axis=0))

    def add(self, camera: int, moment: np.ndarray, track: int, P: np.ndarray) -> np.ndarray:
        """Rows of somebody new at P (N, 3), and their numbers."""
        n = len(moment)
        more = {"camera": np.full(n, camera, np.int8), "moment": moment, "who": np.full(n, 99),
                "track": np.full(n, track, np.int32), "nose": project(RIG, P)[:, camera],
                "height": self.size(P, camera)}  # fmt: skip
        for name, value in more.items():
            setattr(self, name, np.concatenate([getattr(self, name), value]))
        return np.arange(len(self.who) - n, len(self.who))

    @property
    def seen(self) -> Sightings:
        one = np.ones(len(self.who))
        return Sightings(self.camera, self.moment.astype(np.int32), self.track, self.nose, one,
                         self.height)  # fmt: skip

    def identified(
        self, teacher_xz_m: tuple[float, float] | None = None, step_s: float = 0.2
    ) -> Students:
        return identify(RIG, self.seen, teacher_xz_m=teacher_xz_m, step_s=step_s)


def test_four_students() -> None:
    room = Room()
    found = room.identified()
    assert len(found) == 4 and (found.student >= 0).all()
    assert all(len(set(found.student[room.who == k])) == 1 for k in range(4))


@pytest.mark.parametrize(("who", "camera"), [(0, 0), (3, 1)])
@pytest.mark.parametrize(("off_m", "hosted"), [(0.3, True), (0.5, False)])
def test_a_piece_belongs_to_the_seat_that_its_rays_pass(
    who: int, camera: int, off_m: float, hosted: bool
) -> None:
    """Two σ of 20 cm. From half of the lesson on one camera sees somebody beside the seat."""
    room = Room()
    rows = room.rows(who, camera, 30)
    room.leave_out(room.rows(who, 1 - camera, 30))
    rows = room.rows(who, camera, 30)
    room.track[rows] = 50
    room.put(rows, PLACES[who] - [0, off_m, 0])
    found = room.identified()
    usual = found.student[room.rows(who, camera, 0, 30)[0]]
    assert (found.student[rows] == usual).all() == hosted
    assert len(found) == (4 if hosted else 5)


@pytest.mark.parametrize(("share", "hosted"), [(0.03, True), (0.08, False)])
def test_a_piece_is_not_a_student_s_who_is_there_as_well(share: float, hosted: bool) -> None:
    """More than one in twenty of its moments together: two faces, two people."""
    room = Room()
    n = round(MOMENTS / 2 * share)
    piece = room.rows(1, 0, 30)
    room.track[piece] = 50
    moment = np.arange(30 - n, 30)
    extra = room.add(0, moment, 50, PLACES[[1]] + np.zeros((n, 1)) - [0, 0.35, 0])
    found = room.identified()
    usual = found.student[room.rows(1, 0, 0, 30)[0]]
    assert (found.student[piece] == usual).all() == hosted
    assert (found.student[extra] != usual).all()  # one row each: the nearer to the seat


@pytest.mark.parametrize(("faces_apart_m", "students"), [(0.06, 4), (0.30, 5)])
def test_a_head_bent_over_the_desk_is_its_own_student(faces_apart_m: float, students: int) -> None:
    """From half of the lesson on, 25 cm down and forward, one camera loses the head but for one
    moment, at which it finds two faces: on one head, or on two.
    """
    room = Room()
    bent = PLACES[2] + [0, 0.19, -0.19]
    room.leave_out(room.rows(2, 1, 30))
    rows = room.rows(2, 0, 30)
    room.track[rows] = 50
    room.put(rows, bent)
    room.add(1, np.array([45]), 60, bent[None])
    room.add(1, np.array([45]), 12, bent[None] - [faces_apart_m, 0, 0])
    assert len(room.identified()) == students


@pytest.mark.parametrize(("faces_apart_m", "students"), [(0.18, 4), (0.32, 5)])
def test_of_a_bent_head_little_is_seen(faces_apart_m: float, students: int) -> None:
    """Both cameras find half a face of the bent head, and at three moments one above it as well:
    no farther than a whole face is high, that is the same head."""
    room = Room()
    bent = PLACES[2] + [0, 0.2, -0.19]
    for c in (0, 1):
        rows = room.rows(2, c, 30)
        room.track[rows] = 50
        room.put(rows, bent)
        room.height[rows] /= 2
        faces = np.tile(bent - [0, faces_apart_m, 0], (3, 1))
        above = room.add(c, np.array([34, 45, 52]), 12, faces)
        room.height[above] *= 0.75
    assert len(room.identified()) == students


def test_of_two_pieces_at_one_seat_the_longer_is_the_student_s() -> None:
    """A face that is found beside the head for ten moments does not take the seat from it."""
    room = Room()
    room.leave_out(room.rows(1, 1, 30))
    rows = room.rows(1, 0, 30)
    room.track[rows] = 50
    room.put(rows, PLACES[1] - [0, 0.1, 0])
    beside = room.add(0, np.arange(40, 50), 51, np.tile(PLACES[1] + [0, 0.25, 0], (10, 1)))
    found = room.identified()
    assert len(found) == 4
    assert (found.student[rows] == found.student[room.rows(1, 0)[0]]).all()
    assert (found.student[beside] == UNMATCHED).all()


def test_of_two_faces_at_a_moment_the_nearer_is_the_student_s() -> None:
    room = Room()
    extra = [
        room.add(c, np.array([7 + who]), who + 10, PLACES[[who]] + [0, 0.2, 0])
        for who in range(4)
        for c in (0, 1)
    ]
    found = room.identified()
    assert (found.student[np.concatenate(extra)] == UNMATCHED).all()
    assert (found.student[room.who < 4] >= 0).all()


MOVED_PX = (  # and whether the row stays
    ((0, 22), True),  # 7 σ, and the rays still meet at the seat
    ((0, 30), True),
    ((0, 45), False),  # 15 σ
    ((70, 0), True),  # along the epipolar line, half a metre of depth
    ((70, 28), False),  # 9 σ, and far from the seat
    ((150, 0), False),  # more than 75 cm from the seat
)


@pytest.mark.parametrize("camera", [0, 1])
def test_rows_of_two_cameras_that_do_not_mean_one_point(camera: int) -> None:
    """The one whose ray passes farther from the seat goes, at that moment alone."""
    room = Room()
    odd = room.rows(2, camera, 10, 10 + len(MOVED_PX))
    room.nose[odd] += [px for px, _ in MOVED_PX]
    given = room.identified().student >= 0
    assert given[odd].tolist() == [stays for _, stays in MOVED_PX]
    assert given[np.setdiff1d(np.arange(len(given)), odd)].all()


@pytest.mark.parametrize(
    ("apart_m", "always", "students"),
    [
        ([0.1, 0.12, 0.12], True, 4),  # 20 cm: a head up and down
        ([0.15, 0.17, 0.2], True, 5),  # 30 cm, both seen at once
        ([0.15, 0.17, 0.2], False, 4),  # 30 cm, never at once: moved the chair
        ([0.2, -0.1, 0.2], False, 4),  # so far, and up
        ([0.35, 0.0, 0.25], False, 5),  # 43 cm
        ([0.1, 0.5, -0.2], False, 4),  # under the desk
        ([0.1, 0.5, -0.2], True, 5),
        ([0.3, 0.5, -0.3], False, 5),  # 42 cm beside it
    ],
)
def test_how_near_two_people_can_be(apart_m: list[float], always: bool, students: int) -> None:
    room = Room(np.vstack([PLACES, PLACES[1] + apart_m]))
    if not always:
        gone = [room.rows(1, c, 30) for c in (0, 1)] + [room.rows(4, c, 0, 30) for c in (0, 1)]
        room.leave_out(np.concatenate(gone))
    assert len(room.identified()) == students


@pytest.mark.parametrize(("below_m", "somebody"), [(0.57, True), (0.63, False), (-0.63, False)])
@pytest.mark.parametrize("camera", [0, 1])
def test_who_one_camera_sees_has_a_head_at_the_class_s_height(
    below_m: float, somebody: bool, camera: int
) -> None:
    room = Room()
    P = np.tile([2.0, 0.84 + below_m, 4.2], (MOMENTS, 1))
    extra = room.add(camera, np.arange(MOMENTS), 50, P)
    found = room.identified()
    assert len(found) == 4 + somebody and (found.student[extra] >= 0).all() == somebody


@pytest.mark.parametrize(("heights", "same"), [(0.9, True), (1.5, False)])
@pytest.mark.parametrize("camera", [0, 1])
def test_a_broken_track_that_one_camera_alone_sees(heights: float, same: bool, camera: int) -> None:
    """It goes on within two σ (of 0.6 of a face) in the picture; farther is somebody else."""
    room = Room()
    P = np.array([2.0, 0.84, 4.2])
    P = np.tile(P, (MOMENTS, 1))
    rows = room.add(camera, np.arange(MOMENTS), 50, P)
    room.track[rows[30:]] = 51
    room.nose[rows[30:], 0] += heights * room.height[rows[0]]
    found = room.identified()
    assert len(set(found.student[rows])) == (1 if same else 2)
    assert len(found) == (5 if same else 6)


@pytest.mark.parametrize(("ratio", "same"), [(1.6, True), (2.1, False)])
def test_a_piece_with_another_s_size_is_another_s(ratio: float, same: bool) -> None:
    """Two σ of 0.3 of the size's logarithm, at the same place in the picture."""
    room = Room()
    rows = room.add(0, np.arange(MOMENTS), 50, np.tile([2.0, 0.84, 4.2], (MOMENTS, 1)))
    room.track[rows[30:]] = 51
    room.height[rows[30:]] *= ratio
    found = room.identified()
    assert (found.student[rows[30:]] == found.student[rows[0]]).all() == same


@pytest.mark.parametrize(("below_m", "teacher"), [(0.0, True), (0.3, True), (0.45, False)])
@pytest.mark.parametrize("camera", [0, 1])
def test_a_teacher_at_the_desk_whom_one_camera_sees(
    below_m: float, teacher: bool, camera: int
) -> None:
    """Within half of 75 cm of the desk, at the height of the class's noses."""
    room = Room()
    P = np.tile([2.0, 0.84 + below_m, 2.4], (MOMENTS, 1))
    extra = room.add(camera, np.arange(MOMENTS), 50, P)
    found = room.identified(teacher_xz_m=(2.0, 2.4))
    assert (found.role[extra] == TEACHER).all() == teacher
    assert (found.student[extra] == UNMATCHED).all() == teacher
    assert (found.role[room.who < 4] == STUDENT).all()
    assert len(found) == (4 if teacher else 5)


def test_who_stands_up_at_the_own_seat_is_the_same_student() -> None:
    room = Room()
    for c in (0, 1):
        rows = room.rows(1, c, 46)
        room.track[rows] = 50
        room.nose[rows] = project(RIG, room.P[46:, 1] - [0, 0.45, 0])[:, c]
    found = room.identified()
    assert len(found) == 4 and (found.role == STUDENT).all()
    seated = found.student[room.rows(1, 0, 0, 46)[0]]
    assert (found.student[room.rows(1, 0)] == seated).mean() > 0.7
    assert set(found.student[room.rows(1, 0, 46)]) <= {seated, UNMATCHED}


def test_pieces_of_two_students_are_no_third() -> None:
    nobody = np.array([1.7, 0.72, 3.4])
    a, b = (RIG.T_WC(c).t + 1.18 * (nobody - RIG.T_WC(c).t) for c in CAMERAS)
    room = Room(np.array([a, b, *PLACES[[0, 3]]]))
    room.track[room.rows(0, 0, 40)] = 50  # the left camera loses a, the right one loses b:
    room.track[room.rows(1, 1, 30)] = 51  # the rays of what they find again meet at nobody's place
    found = room.identified()
    assert len(found) == 4 and (found.student >= 0).all()
    assert all(len(set(found.student[room.who == k])) == 1 for k in range(4))


@pytest.mark.parametrize(
    ("apart", "both", "same"), [(0.9, 5, True), (1.2, 5, False), (0.9, 15, False)]
)
def test_two_faces_found_on_one_head_now_and_then(apart: float, both: int, same: bool) -> None:
    """A student's track breaks, and for some moments both pieces are there, side by side."""
    room = Room()
    room.track[room.rows(2, 0, 30)] = 50
    again = room.add(0, np.arange(30 - both, 30), 50, np.tile(PLACES[2], (both, 1)))
    room.nose[again, 0] += apart * room.height[again[0]]
    found = room.identified()
    assert (len(found) == 4) == same


def test_seen_at_once_by_one_camera_is_two_people() -> None:
    """30 cm apart: the left camera sees both for some moments, the right one has none of the one
    while it, or the left one, sees the other."""
    room = Room(np.vstack([PLACES, PLACES[1] + [0.2, -0.1, 0.2]]))
    gone = [room.rows(1, 0, 20), room.rows(1, 1, 9), room.rows(4, 0, 0, 10), room.rows(4, 1, 0, 25)]
    room.leave_out(np.concatenate(gone))
    assert len(room.identified()) == 5


def test_at_once_on_two_heads_for_a_moment_in_thirty_is_two_people() -> None:
    room = Room(np.vstack([PLACES, PLACES[1] + [0.2, -0.1, 0.2]]))
    gone = [room.rows(1, c, 31) for c in (0, 1)] + [room.rows(4, c, 0, 30) for c in (0, 1)]
    room.leave_out(np.concatenate(gone))
    assert len(room.identified()) == 5


def test_who_moves_is_one_student_though_a_track_begins_beside_him() -> None:
    """Tracks break in each camera at its own moment, and half a metre on the student goes on
    sitting. The piece of the left camera begins a moment early, on something else: one moment
    speaks against it as one moment does, not as twenty."""
    room = Room()
    for c in (0, 1):
        rows = room.rows(1, c, 20)
        room.nose[rows] = project(RIG, room.P[20:, 1] + [0.55, 0, 0.2])[:, c]
    room.track[room.rows(1, 0, 36)] = 50
    room.track[room.rows(1, 1, 26)] = 51
    early = room.add(0, np.array([25]), 50, PLACES[[1]] + [0.55, -0.6, 0.2])
    found = room.identified()
    assert len(found) == 4
    assert set(found.student[room.who == 1]) - {UNMATCHED} == {found.student[room.rows(1, 0)[0]]}
    assert (found.student[early] == UNMATCHED).all()


def test_a_track_that_slips_to_another_head_makes_no_one_of_two() -> None:
    """One leaves the left camera's picture and stays in the right one's, where another comes later;
    the left camera's lost track takes the other's head for three moments. At ten moments each is
    seen, by one camera, where the other is not."""
    room = Room()
    a, b = 1, 2
    gone = [
        room.rows(a, 0, 30),
        room.rows(a, 1, 40),
        room.rows(b, 0, 0, 30),
        room.rows(b, 1, 0, 40),
    ]
    room.leave_out(np.concatenate(gone))
    slipped = room.rows(b, 0, 44, 47)
    room.track[slipped] = a + 10
    found = room.identified()
    assert len(found) == 4
    own = [set(found.student[np.setdiff1d(np.flatnonzero(room.who == k), slipped)]) for k in (a, b)]
    assert all(len(students) == 1 for students in own) and own[0] != own[1]


def test_a_student_fits_as_well_as_the_best_of_the_pieces() -> None:
    whole, room = Room(), Room()
    pieces = room.rows(0, 0, 30)
    room.track[pieces] = 50
    room.nose[pieces] += np.random.default_rng(2).normal(0, 6, (30, 2))  # a face half hidden
    one, two = whole.identified(), room.identified()
    assert (np.isfinite(one.pair_cost)).all() and (one.pair_cost < 3).all()
    assert len(two) == 4
    np.testing.assert_allclose(two.pair_cost, one.pair_cost, atol=0.5)


@pytest.mark.parametrize(("off_deg", "found"), [(0.3, True), (1.0, True), (6.0, False)])
def test_a_class_is_found_though_a_camera_was_knocked(off_deg: float, found: bool) -> None:
    """By 1° nobody's rays meet, and the wider gate finds who is who; by 6° nothing does."""
    room = Room()
    right = room.camera == 1
    room.nose[right, 1] += np.radians(off_deg) * RIG.right.f_px
    students = room.identified()
    assert (len(students) == 4 and bool(np.isfinite(students.pair_cost).all())) == found


def test_a_rig_at_which_most_fit_is_not_doubted() -> None:
    """Four fit. Of two more each camera sees one, whose rays miss each other by 1.5°: a gate for a
    knocked camera would make one of them."""
    room = Room()
    place = np.tile([2.0, 0.84, 4.2], (MOMENTS, 1))
    alone = [room.add(c, np.arange(MOMENTS), 50, place) for c in (0, 1)]
    room.nose[alone[1], 1] += np.radians(1.5) * RIG.right.f_px
    found = room.identified()
    assert len(found) == 6
    assert found.student[alone[0][0]] != found.student[alone[1][0]]


def test_who_could_be_seen_by_both_cameras() -> None:
    """Long tracks of the poorer camera; rows without a track are nobody."""
    room = Room()
    assert possible_pairs(room.seen) == 4
    room.track -= 10  # numbers begin with 0
    assert possible_pairs(room.seen) == 4
    room.track[room.rows(0, 1)] = UNMATCHED
    assert possible_pairs(room.seen) == 3
    room.track[room.rows(2, 1, 10)] = 50 + np.arange(50)  # a sixth in one piece, then single rows
    assert possible_pairs(room.seen) == 2
    room.leave_out(room.rows(1, 0))
    room.leave_out(room.rows(3, 0))
    room.leave_out(room.rows(0, 0))
    assert possible_pairs(room.seen) == 1


@pytest.mark.parametrize("cameras", [(), (0,), (1,)])
def test_a_room_in_which_no_camera_or_one_sees_anybody(cameras: tuple[int, ...]) -> None:
    room = Room()
    room.leave_out(np.flatnonzero(~np.isin(room.camera, cameras)))
    found = room.identified()
    assert len(found.student) == 240 * len(cameras) and (found.student >= 0).all()
    assert len(found) == 4 * len(cameras) and np.isnan(found.pair_cost).all()


def test_nobody_whom_both_cameras_see() -> None:
    """Each camera has its own half of the class, whose rays do not meet: students all the same."""
    room = Room(PLACES - [[0, 0, 0], [0, 0.7, 0], [0, 0, 0], [0, 0.7, 0]])
    room.leave_out(np.concatenate([room.rows(k, k % 2) for k in range(4)]))
    found = room.identified()
    assert len(found) == 4 and (found.student >= 0).all()
    assert np.isnan(found.pair_cost).all() and np.isnan(found.seat_W).all()
    assert all(len(set(found.student[room.who == k])) == 1 for k in range(4))


@pytest.mark.parametrize("camera", [0, 1])
def test_a_picture_on_the_wall_that_one_camera_sees(camera: int) -> None:
    room = Room()
    still = room.add(camera, np.arange(MOMENTS), 50, np.tile([2.0, 0.84, 4.2], (MOMENTS, 1)))
    found = room.identified(step_s=1.0)
    assert len(found) == 4
    assert (found.role[still] == PORTRAIT).all() and (found.student[still] == UNMATCHED).all()
    assert (found.role[room.who < 4] == STUDENT).all()


def test_a_piece_goes_to_the_nearer_of_two_seats_behind_each_other() -> None:
    """Both lie near its rays, and both are free."""
    room = Room()
    T = RIG.T_WC("left").t
    behind = T + 1.25 * (PLACES[0] - T) + [0.0, 0.15, 0.0]
    room.P[:, 1] += behind - PLACES[1]
    for c in (0, 1):
        room.nose[room.rows(1, c)] = project(RIG, room.P[:, 1])[:, c]
        room.height[room.rows(1, c)] = room.size(room.P[:, 1], c)
    pieces = {k: room.rows(k, 0, 45) for k in (0, 1)}
    gone = [room.rows(k, c, 30, 45) for k in (0, 1) for c in (0, 1)]
    gone += [room.rows(k, 1, 45) for k in (0, 1)]
    marks = [set(room.moment[p]) for p in pieces.values()]
    room.leave_out(np.concatenate(gone))
    for k, track in ((0, 50), (1, 51)):
        room.track[room.rows(k, 0, 45)] = track
    found = room.identified()
    assert marks[0] and len(found) == 4
    assert all(len(set(found.student[room.who == k])) == 1 for k in range(4))
