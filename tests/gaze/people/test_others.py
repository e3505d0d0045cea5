"""The teacher on foot, passers-by, portraits: found and no students; and who must stay one."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.camera import CAMERAS
from gaze.faces.rows import FaceRows
from gaze.lesson.caveats import caveats
from gaze.lesson.quality import identity_counts
from gaze.people.evidence import Sightings
from gaze.people.identify import identify
from gaze.people.others import PASSER, PORTRAIT, STUDENT, TEACHER
from gaze.people.seats import Students
from gaze.people.tracks import tracks_of
from sessions.quality import Quality
from tests.gaze.classroom import seats
from tests.gaze.stress import HZ, Scene, rows_of

WAY = [(0.3, 1.5), (1.2, 4.2), (2.8, 4.0), (2.7, 7.5), (1.2, 6.0), (3.5, 1.5), (0.3, 1.5)]


def bodies(scene: Scene, rows: FaceRows) -> np.ndarray:
    """(N,) the body that each face row truly is."""
    faces = rows.faces
    who = np.full(len(faces), -1)
    for c, name in enumerate(CAMERAS):
        mine = faces.camera == c
        camera, T_CW = scene.rig.camera(name), scene.rig.T_WC(name).inverse()
        uv = camera.project(T_CW.apply(scene.P_W))[faces.moment[mine]]
        off = np.linalg.norm(uv - rows.landmarks.nose_px[mine][:, None], axis=-1)
        who[mine] = off.argmin(1)
    return who


def identified(scene: Scene, seed: int, **more: object) -> tuple[FaceRows, np.ndarray, Students]:
    """Face rows, the body that each truly is, and who is who."""
    rows = rows_of(scene, seed)
    seen = Sightings.of(rows, tracks_of(rows.faces, scene.time_s), rows.heads_in_world(scene.rig))
    found = identify(scene.rig, seen, step_s=1 / HZ, **more)  # type: ignore[arg-type]
    return rows, bodies(scene, rows), found


def with_teacher(scene: Scene, slope: float = 0.0) -> int:
    """Somebody who walks about the room all the lesson, facing the front; up ``slope`` m a metre
    of tiers."""
    T = len(scene.time_s)
    at = np.linspace(0, len(WAY) - 1, T)
    x, z = (np.interp(at, range(len(WAY)), side) for side in zip(*WAY, strict=True))
    body = scene.with_body(np.stack([x, 0.37 - slope * (z - 3.0), z], 1))
    scene.look_at(body, np.array([2.0, 0.6, -1.0]))
    return body


def class_is_whole(scene: Scene, who: np.ndarray, found: Students, least: float = 0.99) -> None:
    """As many students as there are, each with his own faces, none anybody else's."""
    n = len(scene.names)
    assert len(found) == n, found.name
    mine = who < n
    assert (found.student[mine] >= 0).mean() > least
    assert (found.role[mine] != STUDENT).mean() < 0.01
    assert (found.student[~mine] < 0).all()
    for k in range(n):
        assert len(np.unique(who[found.student == k])) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("listed", [False, True])
def test_teacher_passer_by_and_portrait(seed: int, listed: bool) -> None:
    scene = Scene.lesson(seed, seconds=150.0)
    t = scene.time_s
    teacher = with_teacher(scene)
    here = (t > 60) & (t < 66)
    path = np.tile([5.0, 0.4, 6.0], (len(t), 1))
    path[here, 2] = np.linspace(6, 2, here.sum())
    scene.look_at(scene.with_body(path, here), np.array([2.0, 0.6, -3.0]))
    portrait = scene.with_body(np.array([0.2, 0.35, 8.2]))
    scene.look_at(portrait, np.array([2.0, 1.0, 0.0]))
    more = {"names": scene.names, "seats_xz_m": scene.seats_xz_m} if listed else {}
    rows, who, found = identified(scene, seed, **more)
    class_is_whole(scene, who, found)
    assert (found.role[who == teacher] == TEACHER).mean() > 0.8
    assert (found.role[who == portrait] == PORTRAIT).all()
    assert not np.isin(found.role[who == portrait], [TEACHER, PASSER]).any()
    counts = identity_counts(rows, tracks_of(rows.faces, t), found)
    assert 0.6 < counts["teacher_share"] <= 1.0 and counts["portraits"] == 1
    said = {c.code: c for c in caveats(Quality(identity=counts, seats=()))}
    assert said["teacher_seen"].facts["share"] == counts["teacher_share"]
    assert "faces on pictures: 1" in said["others_left_out"].message


def test_an_ordinary_class_has_no_others() -> None:
    scene = Scene.lesson(5, seconds=150.0)
    rows, who, found = identified(scene, 5)
    class_is_whole(scene, who, found)
    counts = identity_counts(rows, tracks_of(rows.faces, scene.time_s), found)
    assert counts["teacher_share"] == counts["passers"] == counts["portraits"] == 0
    assert not {"teacher_seen", "others_left_out"} & {
        c.code for c in caveats(Quality(identity=counts))
    }


def test_students_on_tiers_are_students() -> None:
    """Each row 35 cm higher than the one before it: whoever sits high and stays is no teacher."""
    places = seats(seed=6)
    places[:, 1] -= 0.35 * np.repeat(np.arange(3), 3)
    scene = Scene.lesson(6, seconds=150.0, places=places)
    teacher = with_teacher(scene, slope=0.35 / 2)
    _, who, found = identified(scene, 6)
    class_is_whole(scene, who, found)
    assert (found.role[who == teacher] == TEACHER).mean() > 0.6


def test_who_stands_up_at_the_own_seat_stays_himself() -> None:
    scene = Scene.lesson(7, seconds=150.0)
    up = scene.moments(40, 60)
    scene.P_W[up, 4, 1] -= 0.42
    _, who, found = identified(scene, 7)
    class_is_whole(scene, who, found, least=0.98)
    assert (found.role == STUDENT).all()


def test_who_moves_to_another_place_is_no_teacher() -> None:
    """Half of the lesson here, half there, on a chair that rolls: nobody stands."""
    scene = Scene.lesson(10, seconds=150.0)
    scene.P_W[:, 4, 0] += np.interp(scene.time_s, [70, 78], [0.0, 0.9])
    scene.P_W[:, 4, 2] += np.interp(scene.time_s, [70, 78], [0.0, 1.0])
    _, who, found = identified(scene, 10)
    assert (found.role == STUDENT).all()
    assert (found.student[who == 4] >= 0).mean() > 0.4


def test_a_teacher_who_sits_is_declared() -> None:
    """At a desk before the class, seated, all the lesson: a student unless session.toml says so."""
    scene = Scene.lesson(8, seconds=150.0)
    teacher = scene.with_body(scene.P_W[:, 0] - scene.P_W[0, 0] + [0.3, 0.85, 1.4])
    scene.look_at(teacher, np.array([2.0, 0.8, -1.0]))
    _, who, found = identified(scene, 8)
    assert len(found) == len(scene.names) + 1
    _, who, found = identified(scene, 8, teacher_xz_m=(0.4, 1.5))
    class_is_whole(scene, who, found)
    assert (found.role[who == teacher] == TEACHER).mean() > 0.95


def test_two_on_foot_at_once_are_not_one_teacher() -> None:
    scene = Scene.lesson(9, seconds=150.0)
    teacher = with_teacher(scene)
    T = len(scene.time_s)
    back = np.stack([np.linspace(3.8, 0.2, T), np.full(T, 0.3), np.full(T, 8.4)], 1)
    other = scene.with_body(back, np.arange(T) < T // 3)
    scene.look_at(other, np.array([2.0, 0.6, -1.0]))
    _, who, found = identified(scene, 9)
    class_is_whole(scene, who, found)
    roles = [found.role[who == body] for body in (teacher, other)]
    assert (roles[0] == TEACHER).mean() > 0.6 and (roles[1] == TEACHER).mean() < 0.2


def test_a_teacher_who_mostly_looks_at_the_class_is_one() -> None:
    """Seen by both cameras in flashes alone, in a lesson of 20 s; who crosses the room is none."""
    scene = Scene.lesson(11, seconds=20.0)
    t = scene.time_s
    x = np.interp(t, [0, 7, 14, 20], [3.4, 0.4, 3.2, 0.6])
    path = np.stack([x, np.full(len(t), 0.37), np.full(len(t), 1.9)], 1)
    teacher = scene.with_body(path, (np.arange(len(t)) % 10 < 3))
    scene.look_at(teacher, np.array([2.0, 0.6, -1.0]))
    _, who, found = identified(scene, 11)
    class_is_whole(scene, who, found)
    assert (found.role[who == teacher] == TEACHER).mean() > 0.6
    scene = Scene.lesson(12, seconds=20.0)
    passer = scene.with_body(path, (t < 6) & (np.arange(len(t)) % 10 < 3))
    scene.look_at(passer, np.array([2.0, 0.6, -1.0]))
    _, who, found = identified(scene, 12)
    assert not (found.role == TEACHER).any()


def test_who_walks_on_is_found_by_whole_pictures_alone_and_is_the_teacher() -> None:
    """One moment in ten, elsewhere each time; five people in two minutes are nobody's walk."""
    for seconds, each, role in ((30.0, 10, TEACHER), (150.0, 90, PASSER)):
        scene = Scene.lesson(13, seconds=seconds)
        count = len(scene.time_s)
        walker = with_teacher(scene)
        scene.present[:, walker] = np.arange(count) % each == 0
        _, who, found = identified(scene, 13)
        class_is_whole(scene, who, found)
        roles = found.role[who == walker]
        assert (roles == role).mean() > 0.5 and np.isin(roles, [role, STUDENT]).all(), seconds
