"""Who is who: random classrooms of numbers, with noise, gaps and broken tracks."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from calibration.transform import rotation_exp
from gaze.people.costs import IdentityError
from gaze.people.evidence import (
    UNMATCHED,
    Sightings,
)
from gaze.people.identify import identify
from gaze.people.seats import seat_rows
from gaze.room.geometry import aimed_rotation
from tests.gaze.classroom import project, room_rig, seats

HEIGHT_M = 0.21


def sightings(rig, places, seed, moments=150, noise_px=1.0, seen=0.95, heads=True, breaks=0):
    """Students who sway about their seats; returns the rows and who each really is."""
    rng = np.random.default_rng(seed)
    n = len(places)
    sway = np.cumsum(rng.normal(0, 0.01, (moments, n, 3)), 0)
    sway *= 0.04 / np.maximum(sway.std(0), 1e-9)
    P = places + sway - sway.mean(0)
    uv = project(rig, P)
    target = np.column_stack(
        [rng.uniform(0, 4, moments), rng.uniform(0, 1, moments), np.zeros(moments)]
    )
    R = aimed_rotation(P, np.broadcast_to(target[:, None], P.shape))
    face = HEIGHT_M * np.exp(rng.normal(0, 0.06, n))
    rows = {k: [] for k in ("camera", "moment", "track", "nose", "height", "R", "who")}
    for c, name in enumerate(("left", "right")):
        distance = np.linalg.norm(rig.T_WC(name).inverse().apply(P), axis=-1)
        height = rig.camera(name).f_px * face / distance * np.exp(rng.normal(0, 0.05, (moments, n)))
        inside = rig.camera(name).contains(uv[:, :, c])
        m, k = np.nonzero((rng.random((moments, n)) < seen) & inside)
        number = rng.permutation(n * (breaks + 1))
        piece = (m * (breaks + 1)) // moments
        rows["camera"].append(np.full(len(m), c))
        rows["moment"].append(m)
        rows["track"].append(number[k * (breaks + 1) + piece])
        rows["nose"].append(uv[m, k, c] + rng.normal(0, noise_px, (len(m), 2)))
        rows["height"].append(height[m, k])
        rows["R"].append(R[m, k] @ rotation_exp(rng.normal(0, np.radians(7), (len(m), 3))))
        rows["who"].append(k)
    r = {k: np.concatenate(v) for k, v in rows.items()}
    found = Sightings(
        r["camera"].astype(np.int8),
        r["moment"].astype(np.int32),
        r["track"].astype(np.int32),
        r["nose"],
        np.full(len(r["who"]), noise_px),
        r["height"],
        r["R"] if heads else None,
    )
    return found, r["who"]


def assert_nobody_switched(students, who, least=0.97):
    given = students.student >= 0
    assert given.mean() > least
    for k in np.unique(who):
        mine = students.student[(who == k) & given]
        assert len(np.unique(mine)) == 1, f"student {k} was given to {np.unique(mine)}"
    for s in np.unique(students.student[given]):
        assert len(np.unique(who[students.student == s])) == 1


@pytest.mark.parametrize("seed", range(6))
def test_three_rows_of_three(seed: int) -> None:
    rig = room_rig(seed)
    found, who = sightings(rig, seats(seed=seed), seed)
    students = identify(rig, found)
    assert len(students) == 9
    assert_nobody_switched(students, who)
    assert list(students.name) == [f"S-{k:02d}" for k in range(1, 10)]
    assert list(students.row) == [1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("seed", range(2))
def test_thirty_students_without_heads(seed: int) -> None:
    rig = room_rig(seed, width_m=5.0)
    places = seats(5, 6, seed=seed, width_m=5.0)
    found, who = sightings(rig, places, seed, heads=False)
    assert_nobody_switched(identify(rig, found), who)


@pytest.mark.parametrize("seed", range(2))
def test_broken_tracks_are_joined(seed: int) -> None:
    rig = room_rig(seed)
    found, who = sightings(rig, seats(seed=seed), seed, breaks=2)
    students = identify(rig, found)
    assert len(students) == 9
    assert_nobody_switched(students, who)


def broken(found: Sightings, who: np.ndarray, seed: int) -> tuple[Sightings, np.ndarray]:
    """Each track in up to four pieces and with a third of its moments gone, in each camera at its
    own moments."""
    rng = np.random.default_rng(seed)
    track, kept = found.track * 4, rng.random(len(who)) < 0.95
    for key in np.unique(found.track * 2 + found.camera):
        mine = np.flatnonzero(found.track * 2 + found.camera == key)
        at = np.arange(len(mine))
        cuts = np.sort(rng.integers(0, len(mine), rng.integers(0, 4)))
        track[mine] += np.searchsorted(cuts, at, side="right").astype(np.int32)
        gone = rng.integers(0, len(mine))
        kept[mine[gone : gone + len(mine) // 3]] = False
    pieces = replace(found, track=track)
    return Sightings(*(None if v is None else v[kept] for v in vars(pieces).values())), who[kept]


@pytest.mark.parametrize("seed", range(6))
def test_tracks_that_break_in_each_camera_at_its_own_moments(seed: int) -> None:
    rig, places = room_rig(seed), seats(3, 5, seed)
    found, who = broken(*sightings(rig, places, seed), seed)
    students = identify(rig, found, names=[f"S{k}" for k in range(15)], seats_xz_m=places[:, ::2])
    assert len(students) == 15 and set(students.name) == {f"S{k}" for k in range(15)}
    number = np.array([int(name[1:]) for name in students.name])
    given = students.student >= 0
    assert given.mean() > 0.97
    assert (number[students.student[given]] != who[given]).mean() < 0.02


def test_seats_give_names_and_hidden_students_stay() -> None:
    rig, places = room_rig(1), seats(seed=1)
    found, who = sightings(rig, places, 1, seen=0.6)
    names = [f"A{k}" for k in range(9)]
    students = identify(rig, found, names=names, seats_xz_m=places[:, ::2] + 0.1)
    assert_nobody_switched(students, who, 0.95)
    for k in range(9):
        assert students.name[students.student[who == k].max()] == names[k]


@pytest.mark.parametrize("listed", [1, 2, 4, 7])
@pytest.mark.parametrize("seed", range(3))
def test_a_class_that_is_listed_in_part_is_found_whole(seed: int, listed: int) -> None:
    rig, places = room_rig(seed), seats(seed=seed)
    found, who = sightings(rig, places, seed)
    some = np.random.default_rng(seed).permutation(9)[:listed]
    names = [f"A{k}" for k in some]
    students = identify(rig, found, names=names, seats_xz_m=places[some][:, ::2])
    assert len(students) == 9
    assert_nobody_switched(students, who)
    for k, name in zip(some, names, strict=True):
        assert students.name[students.student[who == k].max()] == name


def test_seats_that_are_all_wrong_cost_nobody() -> None:
    """Declared from the wrong corner: two metres off."""
    rig, places = room_rig(2), seats(seed=2)
    found, who = sightings(rig, places, 2)
    students = identify(
        rig, found, names=[f"A{k}" for k in range(9)], seats_xz_m=places[:, ::2] + [2.0, 0.0]
    )
    assert len(students) == 9
    assert_nobody_switched(students, who)


def test_one_camera_only_is_a_student_of_its_own() -> None:
    rig, places = room_rig(0), seats(seed=0)
    found, who = sightings(rig, places, 0)
    keep = ~((who == 4) & (found.camera == 1))
    part = Sightings(*(v[keep] for v in vars(found).values()))
    students = identify(rig, part)
    alone = students.student[who[keep] == 4]
    assert len(np.unique(alone[alone >= 0])) == 1
    assert np.isnan(students.pair_cost[alone.max()])
    rest = part.camera >= 0
    assert_nobody_switched(students, who[keep][rest])


def test_a_wandering_face_is_unmatched_not_somebody_else() -> None:
    rig, places = room_rig(2), seats(seed=2)
    found, who = sightings(rig, places, 2)
    nose = found.nose_px.copy()
    odd = np.flatnonzero((who == 3) & (found.camera == 0))[20:30]
    nose[odd] += [0, 300]  # ten moments on which the tracker followed something else
    students = identify(rig, Sightings(**{**vars(found), "nose_px": nose}))
    assert (students.student[odd] == -1).all()


def with_rows(found: Sightings, **more: np.ndarray) -> Sightings:
    """The same sightings and some rows besides (no heads)."""
    return Sightings(**{
        f.name: np.concatenate([getattr(found, f.name), more[f.name]])
        for f in fields(Sightings) if f.name != "R_WS"
    })  # fmt: skip


def test_two_people_cannot_share_a_place() -> None:
    """A student who writes is tracked with the head up and with it down; now and then the detector
    sees both a face and the top of the head, so that the two tracks share moments."""
    rig, places = room_rig(3), seats(2, 3, 3)
    found, who = sightings(rig, places, 3, moments=300, heads=False)
    track = found.track.copy()
    for camera, phase in ((0, 0), (1, 6)):  # the cameras do not lose the face at the same time
        down = (who == 0) & (found.camera == camera) & ((found.moment + phase) // 40 % 2 == 1)
        track[down] = 90 + camera
    found = replace(found, track=track)
    twice = np.flatnonzero((who == 0) & (found.moment % 12 == 0))
    both = with_rows(
        found, camera=found.camera[twice], moment=found.moment[twice],
        track=np.where(track[twice] >= 90, track[who == 0].min(), 90 + found.camera[twice]),
        nose_px=found.nose_px[twice] + [3.0, 15.0], sigma_px=found.sigma_px[twice],
        height_px=found.height_px[twice],
    )  # fmt: skip
    students = identify(rig, both)
    assert len(students) == 6
    assert_nobody_switched(students, np.r_[who, who[twice]], least=0.9)


def test_a_hand_on_a_desk_is_no_student() -> None:
    """One camera's false face, there all the time, a metre and more below the class's noses."""
    rig, places = room_rig(4), seats(2, 3, 4)
    found, who = sightings(rig, places, 4, heads=False)
    hand = np.array([2.0, 2.2, 4.0])
    n = 150
    more = {
        "camera": np.zeros(n, np.int8), "moment": np.arange(n, dtype=np.int32),
        "track": np.full(n, 77, np.int32), "nose_px": np.tile(project(rig, hand)[0], (n, 1)),
        "sigma_px": np.ones(n),
        "height_px": np.full(
            n, rig.left.f_px * HEIGHT_M / np.linalg.norm(hand - rig.T_WC("left").t)
        ),
    }  # fmt: skip
    students = identify(rig, with_rows(found, **more))
    assert len(students) == 6 and (students.student[len(who) :] == UNMATCHED).all()
    # at the height of a head the same track is somebody whom the other camera does not see
    more["nose_px"] = np.tile(project(rig, np.array([2.0, 0.85, 4.0]))[0], (n, 1))
    assert len(identify(rig, with_rows(found, **more))) == 7


def test_rows_of_seats() -> None:
    assert list(seat_rows(np.array([5.1, 3.0, 4.9, np.nan, 3.2, 7.0]))) == [2, 1, 2, 0, 1, 3]


def test_unknown_matcher() -> None:
    rig = room_rig(0)
    found, _ = sightings(rig, seats(), 0, moments=5)
    with pytest.raises(IdentityError, match=r"both or embedding or geometry"):
        identify(rig, found, identity="magic")


@pytest.mark.parametrize(("share", "is_student"), [(0.1, False), (0.25, False), (0.6, True)])
def test_who_is_seen_by_one_camera_and_seldom_is_no_student(share: float, is_student: bool) -> None:
    rig, places = room_rig(0), seats(seed=0)
    found, who = sightings(rig, places, 0, seen=1.0)
    mine = who == 4
    keep = ~(mine & ((found.camera == 1) | (found.moment >= 150 * share)))
    students = identify(rig, Sightings(*(v[keep] for v in vars(found).values())))
    assert len(students) == (9 if is_student else 8)
    assert (students.student[mine[keep]] >= 0).any() == is_student
