"""People on foot: one teacher however his track breaks, others who pass, students who get up."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.people.evidence import Sightings
from gaze.people.identify import identify
from gaze.people.others import PASSER, STUDENT, TEACHER
from gaze.people.tracks import tracks_of
from tests.gaze.people.test_others import bodies, class_is_whole, identified
from tests.gaze.stress import HZ, Scene, rows_of

ROUND = [(3.6, 2.0), (0.2, 2.0), (0.2, 4.0), (3.6, 4.0), (3.6, 6.0), (0.2, 6.0)]
FRONT = [(3.4, 1.9), (0.5, 1.9)]
BACK = [(0.1, 5.9), (3.7, 5.9)]
BOARD_W = np.array([2.0, 0.9, 0.0])


def on_foot(
    scene: Scene,
    way: list[tuple[float, float]],
    speed_m_s: float,
    tall_m: float = 0.42,
    present: np.ndarray | bool = True,
) -> int:
    """Somebody who walks there and back, a standing nose above the class's, facing the board."""
    corners = np.array(way)
    length = np.r_[0, np.linalg.norm(np.diff(corners, axis=0), axis=1).cumsum()]
    at = np.abs((scene.time_s * speed_m_s + length[-1]) % (2 * length[-1]) - length[-1])
    x, z = (np.interp(at, length, corners[:, k]) for k in range(2))
    y = np.median(scene.P_W[0, :, 1]) - tall_m + 0.015 * np.sin(10.0 * scene.time_s)
    body = scene.with_body(np.stack([x, y, z], 1), present)
    scene.look_at(body, BOARD_W)
    return body


@pytest.mark.parametrize("speed_m_s", [0.4, 0.65, 1.2])
def test_a_walker_whose_every_face_is_a_track_of_its_own_is_the_teacher(speed_m_s: float) -> None:
    """Eighteen seconds; both cameras have him at one moment in five, one of them otherwise."""
    scene = Scene.lesson(3, seconds=18.0)
    teacher = on_foot(scene, ROUND, speed_m_s)
    rows = rows_of(scene, 3)
    who = bodies(scene, rows)
    seen = Sightings.of(rows, tracks_of(rows.faces, scene.time_s), rows.heads_in_world(scene.rig))
    mine = who == teacher
    seen.track[mine] = seen.track.max() + 1 + np.arange(mine.sum())
    shown = ~(mine & (seen.camera == 1) & (seen.moment % 5 > 0))
    seen, who = Sightings(*(v[shown] for v in vars(seen).values())), who[shown]
    found = identify(scene.rig, seen, names=scene.names, seats_xz_m=scene.seats_xz_m, step_s=1 / HZ)
    assert (found.student[who < teacher] >= 0).mean() > 0.99 and len(found) == len(scene.names)
    assert (found.student[who == teacher] < 0).mean() > 0.9
    assert (found.role[who == teacher] == TEACHER).mean() > 0.9


@pytest.mark.parametrize("tall_m", [0.36, 0.42])
def test_of_two_on_foot_he_is_the_teacher_who_is_before_the_class(tall_m: float) -> None:
    """Another one who walks behind the class all the time, as tall or shorter, is somebody else."""
    scene = Scene.lesson(4, seconds=60.0)
    teacher = on_foot(scene, FRONT, 0.5, present=scene.time_s % 6 < 3)
    other = on_foot(scene, BACK, 0.6, tall_m)
    _, who, found = identified(scene, 4)
    class_is_whole(scene, who, found)
    assert (found.role[who == teacher] == TEACHER).mean() > 0.95
    assert (found.role[who == other] == PASSER).mean() > 0.95


@pytest.mark.parametrize("seconds", [60.0, 600.0])
def test_three_who_pass_at_their_times_are_no_teacher(seconds: float) -> None:
    scene = Scene.lesson(5, seconds=seconds)
    t = scene.time_s
    passers = [
        on_foot(scene, way, 0.6, tall, (t > begins * seconds) & (t < begins * seconds + lasts))
        for way, tall, begins, lasts in (
            (BACK, 0.36, 0.15, 6), (FRONT, 0.48, 0.45, 8), ([(0.2, 4.0), (3.6, 4.0)], 0.42, 0.75, 9)
        )
    ]  # fmt: skip
    _, who, found = identified(scene, 5)
    class_is_whole(scene, who, found)
    assert not (found.role == TEACHER).any()
    assert (found.role[np.isin(who, passers)] == PASSER).mean() > 0.8


def test_one_who_looks_in_for_a_minute_is_not_the_teacher_of_a_long_lesson() -> None:
    scene = Scene.lesson(6, seconds=900.0)
    t = scene.time_s
    visitor = on_foot(scene, FRONT, 0.5, present=(t > 300) & (t < 360))
    _, who, found = identified(scene, 6)
    class_is_whole(scene, who, found)
    assert not (found.role[who == visitor] == TEACHER).any()


def test_beside_a_teacher_who_sits_whoever_walks_is_another() -> None:
    scene = Scene.lesson(9, seconds=60.0)
    sits = scene.with_body(scene.P_W[:, 0] - scene.P_W[0, 0] + [0.3, 0.85, 1.4])
    scene.look_at(sits, np.array([2.0, 0.8, -1.0]))
    walks = on_foot(scene, BACK, 0.6)
    _, who, found = identified(scene, 9, teacher_xz_m=(0.4, 1.5))
    class_is_whole(scene, who, found)
    assert (found.role[who == sits] == TEACHER).mean() > 0.95
    assert not (found.role[who == walks] == TEACHER).any()
    _, who, found = identified(scene, 9)
    assert (found.role[who == walks] == TEACHER).mean() > 0.9


@pytest.mark.parametrize("pupil", [0, 5])
def test_who_writes_at_the_board_while_his_seat_is_empty_is_no_teacher(pupil: int) -> None:
    """A minute of five, walking before the class; the teacher is nowhere to be seen."""
    scene = Scene.lesson(7, seconds=300.0)
    t = scene.time_s
    up = (t > 100) & (t < 160)
    scene.present[up, pupil] = False
    writes = on_foot(scene, [(3.0, 1.4), (1.0, 1.4)], 0.3, present=(t > 104) & (t < 156))
    _, who, found = identified(scene, 7)
    class_is_whole(scene, who, found)
    assert not (found.role[who == writes] == TEACHER).any()
    scene.present[up, pupil] = True  # while nobody is away, he who walks there teaches
    _, who, found = identified(scene, 7)
    assert (found.role[who == writes] == TEACHER).mean() > 0.9


def test_a_short_lesson_s_walker_who_turns_at_a_wall_is_no_student() -> None:
    """He is within half a metre of it for a third of eighteen seconds, and faces are many there."""
    scene = Scene.lesson(8, seconds=18.0)
    still = np.interp(scene.time_s, [0, 6, 13, 18], [0.3, 3.4, 3.5, 2.0])
    path = np.stack([still, np.full(len(still), np.median(scene.P_W[0, :, 1]) - 0.4),
                     np.full(len(still), 5.9)], 1)  # fmt: skip
    walker = scene.with_body(path)
    scene.look_at(walker, BOARD_W)
    _, who, found = identified(scene, 8)
    class_is_whole(scene, who, found)
    assert (found.student[who == walker] < 0).all()
    assert (found.role[who < len(scene.names)] == STUDENT).all()
