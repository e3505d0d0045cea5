"""From face rows to gaze points: the grid, priors for one camera, statuses, truth in place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from calibration.camera import CAMERAS
from gaze.faces.boxes import Faces
from gaze.faces.heads import Heads
from gaze.faces.landmarks import Landmarks
from gaze.faces.rows import FaceRows
from gaze.lesson.points import Measured, Seats, grid_of, measure
from gaze.lesson.status import statuses, unmatched_here
from gaze.lesson.truth import Truth
from gaze.people.seats import Students
from gaze.room.fusion import FusedHeads, fuse_heads
from gaze.room.geometry import GazePoints, aimed_rotation
from gaze.room.grid import Grid
from gaze.room.position import Positions
from sessions.config import Area, Blackboard, Student
from sessions.video import Moments
from tests.gaze.classroom import room_rig

BOARD = Blackboard(width_m=4.0, height_m=1.2)
RIG = room_rig()
SEATS = np.array([[1.0, 0.2, 3.0], [2.5, 0.1, 5.0]])
TARGET = np.array([1.5, 0.6, 0.0])
FACE_M = 0.2  # height of a box in these rows


def face_rows(moments: int, lost: set[tuple[int, int, int]] = frozenset()) -> tuple:
    """Exact rows of both students at every moment in both cameras, but for (moment, s, camera)."""
    keys = [
        (m, s, c)
        for m in range(moments)
        for s in range(len(SEATS))
        for c in range(2)
        if (m, s, c) not in lost
    ]
    moment, student, camera = (np.array(k) for k in zip(*keys, strict=True))
    nose, height, R_CS = [], [], []
    for _, s, c in keys:
        name = CAMERAS[c]
        P_C = RIG.T_WC(name).inverse().apply(SEATS[s])
        nose.append(RIG.camera(name).project(P_C))
        height.append(FACE_M * RIG.camera(name).f_px / np.linalg.norm(P_C))
        R_CS.append(RIG.T_WC(name).R.T @ aimed_rotation(SEATS[s], TARGET))
    n, nose, height = len(keys), np.array(nose), np.array(height)
    box = np.column_stack([nose - height[:, None] / 2, nose + height[:, None] / 2])
    rows = FaceRows(
        Faces(camera.astype(np.int8), moment.astype(np.int32), box, np.ones(n),
              np.full((n, 5, 2), np.nan)),
        Landmarks(nose, np.full(n, 0.5), box),
        Heads(np.array(R_CS), np.tile(np.radians(2.0) ** 2 * np.eye(3), (n, 1, 1)),
              np.full((n, 4), np.nan)),
        nose, height,
    )  # fmt: skip
    students = Students(
        student.astype(np.int32), SEATS, np.tile(0.05**2 * np.eye(3), (2, 1, 1)),
        ("A", "B"), np.array([1, 2], np.int32), np.ones(2),
    )  # fmt: skip
    return rows, students


def test_the_grid_holds_every_student_at_every_moment() -> None:
    rows, students = face_rows(5, lost={(2, 1, 0), (2, 1, 1), (4, 0, 1)})
    grid = grid_of(rows, students, 5)
    assert len(grid) == 10 and (np.diff(grid.moment) >= 0).all()
    assert (grid.row[5] == -1).all()  # moment 2, student B: nobody saw it
    assert grid.row[8, 0] >= 0 and grid.row[8, 1] == -1  # moment 4, student A: left alone
    for c in range(2):
        seen = grid.row[:, c] >= 0
        assert (rows.faces.moment[grid.row[seen, c]] == grid.moment[seen]).all()
        assert (students.student[grid.row[seen, c]] == grid.student[seen]).all()
        assert (rows.faces.camera[grid.row[seen, c]] == c).all()
    values = grid.of_rows(np.arange(len(rows), dtype=float))
    assert np.isnan(values[5]).all() and values[0, 0] == grid.row[0, 0]
    whole = [g.row for g in grid.blocks(3)]
    assert [len(g) for g in whole] == [3, 3, 3, 1]
    assert (np.concatenate(whole) == grid.row).all()


def statuses_of(found: Measured, rows: FaceRows, students: Students) -> np.ndarray:
    """The statuses of all student-moments on BOARD."""
    nobodys = unmatched_here(rows, students, found.grid)
    return statuses(found, nobodys, np.zeros_like(nobodys), BOARD)


def test_exact_faces_give_the_exact_point_in_blocks_as_at_once() -> None:
    rows, students = face_rows(4)
    seats = Seats.of(RIG, rows, students, [])
    assert seats.face_height_m == pytest.approx(FACE_M, rel=1e-6)
    grid, R_WS = grid_of(rows, students, 4), rows.heads_in_world(RIG)
    found = measure(RIG, rows, R_WS, students, seats, grid)
    assert np.abs(found.positions.P_W - SEATS[grid.student]).max() < 1e-5
    assert np.abs(found.points.xy_m - TARGET[:2]).max() < 1e-4
    assert np.abs(found.head_xy_m - TARGET[:2]).max() < 1e-4
    assert (statuses_of(found, rows, students) == "ok").all()
    parts = [measure(RIG, rows, R_WS, students, seats, g).points.xy_m for g in grid.blocks(3)]
    np.testing.assert_array_equal(np.concatenate(parts), found.points.xy_m)


def test_one_camera_leans_on_the_seat_or_on_the_size_of_the_face() -> None:
    rows, students = face_rows(1, lost={(0, 0, 1), (0, 1, 1)})  # left alone sees both
    grid, R_WS = grid_of(rows, students, 1), rows.heads_in_world(RIG)
    seats = Seats.of(RIG, rows, students, [])
    found = measure(RIG, rows, R_WS, students, seats, grid)
    assert (statuses_of(found, rows, students) == "one_camera").all()
    assert np.abs(found.positions.P_W - SEATS).max() < 1e-4
    by_seat = np.trace(found.positions.covariance_m2, axis1=1, axis2=2)
    nowhere = replace(students, seat_W=np.full((2, 3), np.nan))
    listed = [Student(id="A", seat_m=(1.0, 3.0))]  # session.toml knows A's seat; B has none
    seats = Seats.of(RIG, rows, nowhere, listed)
    np.testing.assert_allclose(seats.P_W[0], [1.0, 0.9, 3.0])
    assert np.isnan(seats.P_W[1]).all()
    found = measure(RIG, rows, R_WS, nowhere, replace(seats, face_height_m=FACE_M), grid)
    by_size = np.trace(found.positions.covariance_m2, axis1=1, axis2=2)
    assert np.abs(found.positions.P_W[1] - SEATS[1]).max() < 1e-4  # its face is of that height
    assert (by_size > 3 * by_seat).all()  # less sure than from where two cameras saw them


def test_truth_takes_the_place_of_a_stage() -> None:
    rows, students = face_rows(3, lost={(1, 0, 0), (1, 0, 1)})
    when = Moments(np.array([0.05, 0.15, 0.25]), np.arange(3), np.arange(3))
    aim = np.array([3.0, 0.3, 0.0])
    table = pd.DataFrame(
        [
            [t, name, *(seat + [0.01 * t, 0, 0]),
             *Rotation.from_matrix(aimed_rotation(seat, aim)).as_quat(scalar_first=True)]
            for t in (0.0, 0.1, 0.2, 0.3)
            for name, seat in zip(("x", "y"), SEATS, strict=True)
        ],
        columns=["time_s", "student", "nose_x_m", "nose_y_m", "nose_z_m",
                 "head_qw", "head_qx", "head_qy", "head_qz"],
    )  # fmt: skip
    truth = Truth.of(table, students, when)
    grid, R_WS = grid_of(rows, students, 3), rows.heads_in_world(RIG)
    seats = Seats.of(RIG, rows, students, [])
    found = measure(RIG, rows, R_WS, students, seats, grid, truth=truth)
    measured = grid.row[:, 0] >= 0
    # between the table's times: interpolated
    x = SEATS[grid.student, 0] + 0.01 * when.time_s[grid.moment]
    assert np.abs(found.positions.P_W[measured, 0] - x[measured]).max() < 1e-9
    assert np.abs(found.points.xy_m[measured] - aim[:2]).max() < 0.005
    # a moment that nobody saw stays unseen: truth replaces measurements, it adds none
    assert np.isnan(found.positions.P_W[~measured]).all()
    assert statuses_of(found, rows, students)[~measured].tolist() == ["no_face"]
    # a student half a metre and more from every true seat gets none
    far = replace(students, seat_W=SEATS + [0.8, 0, 0])
    assert np.isnan(Truth.of(table, far, when).P_W).all()


def status_of(xy=(2.0, 0.6), sigma_m=0.1, meets=True, cameras=2, seen=True, odd=False) -> str:
    """The status of one student-moment with these properties."""
    rows, students = face_rows(
        1, lost={(0, 1, 0), (0, 1, 1)} | ({(0, 0, 0)} if not seen else set())
    )
    rows = rows if seen else FaceRows.from_arrays([{k: v[:0] for k, v in rows.arrays().items()}])
    students = students if seen else replace(students, student=students.student[:0])
    grid = Grid(np.zeros(1, int), np.zeros(1, int), np.array([[0, 1] if seen else [-1, -1]]))
    head = fuse_heads(np.tile(np.eye(3), (1, 2, 1, 1)), np.tile(0.01 * np.eye(3), (1, 2, 1, 1)))
    nan = np.nan if not seen else 1.0
    found = Measured(
        grid,
        Positions(nan * SEATS[:1], np.zeros((1, 3, 3)), np.zeros(1), np.array([cameras], np.int8)),
        FusedHeads(**{**vars(head), "contradiction": np.array([odd])}),
        GazePoints(np.array([xy]), sigma_m**2 * np.eye(2)[None], np.array([meets])),
        np.array([xy]),
        np.zeros(1),
    )
    return str(statuses_of(found, rows, students)[0])


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({}, "ok"),
        ({"cameras": 1}, "one_camera"),
        ({"xy": (4.3, 0.6)}, "off_board"),
        ({"xy": (4.3, 0.6), "cameras": 1}, "off_board"),
        ({"xy": (2.0, -0.1)}, "off_board"),
        ({"sigma_m": 1.01}, "low_confidence"),  # a quarter of the board's width is 1 m
        ({"sigma_m": 0.99}, "ok"),
        ({"odd": True}, "low_confidence"),  # the two cameras' heads cannot both be right
        ({"xy": (9.0, 9.0), "sigma_m": 2.0}, "low_confidence"),
        ({"meets": False, "xy": (np.nan, np.nan), "sigma_m": np.nan}, "away"),
        ({"seen": False, "meets": False}, "no_face"),
    ],
)
def test_the_first_status_that_applies(properties: dict, status: str) -> None:
    assert status_of(**properties) == status


def test_a_strangers_face_at_a_students_place_is_unmatched() -> None:
    rows, students = face_rows(2)
    mine = (rows.faces.moment == 1) & (students.student == 0)
    students = replace(students, student=np.where(mine, -1, students.student).astype(np.int32))
    grid = grid_of(rows, students, 2)
    seats = Seats.of(RIG, rows, students, [])
    found = measure(RIG, rows, rows.heads_in_world(RIG), students, seats, grid)
    assert statuses_of(found, rows, students).tolist() == [
        "ok",
        "ok",
        "unmatched",
        "ok",
    ]


def test_the_first_area_that_holds_a_point() -> None:
    areas = [Area(name="left", x_m=(2.0, 4.0), y_m=(0.0, 1.2)),
             Area(name="all", x_m=(0.0, 4.0), y_m=(0.0, 1.2))]  # fmt: skip
    board = Blackboard(width_m=4.0, height_m=1.2, areas=tuple(areas))
    xy = np.array([[3.0, 0.5], [1.0, 0.5], [2.0, 0.0], [5.0, 0.5], [np.nan, np.nan]])
    assert board.areas_of(xy).tolist() == ["left", "all", "left", None, None]
