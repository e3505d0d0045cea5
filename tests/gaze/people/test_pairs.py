"""What a pair of tracks says for itself, and which pairs are taken: numbers known beforehand."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from calibration.transform import rotation_exp
from gaze.people import matching
from gaze.people.costs import MATCHERS, both_cost, embedding_cost, geometry_cost
from gaze.people.evidence import (
    IdentitySettings,
    Pairs,
    Sightings,
    alike,
    pair_evidence,
    spread,
)
from gaze.people.matching import _assign, match_pairs
from tests.gaze.classroom import project, room_rig, seats
from tests.gaze.people.test_identify import sightings

S = IdentitySettings()


def a_pair(**more: object) -> Pairs:
    """Pairs that fit in every way, but for what is said; P of them by the arrays' length."""
    n = len(np.atleast_1d(next(iter(more.values()))))
    good = {
        "left": np.arange(n, dtype=np.int32),
        "right": np.arange(n, dtype=np.int32),
        "count": np.full(n, 50),
        "epipolar": np.ones(n),
        "P_W": np.tile([1.0, 0.8, 4.0], (n, 1)),
        "in_room": np.ones(n),
        "size_m": np.full((n, 2), 0.2),
        "head_deg": np.zeros(n),
        "shared": None,
    }
    return Pairs(**{**good, **more})


@pytest.mark.parametrize("matcher", sorted(MATCHERS))
def test_rays_that_meet_outside_the_room_are_nobody_s(matcher: str) -> None:
    cost = MATCHERS[matcher](a_pair(in_room=np.array([1.0, 0.4])), IdentitySettings(), {})
    assert np.isfinite(cost[0]) and np.isinf(cost[1])


def test_an_uncertain_nose_may_miss_by_more() -> None:
    """Squared distances in σ shrink by exactly what the noses' σ adds to the floor's."""
    rig, s = room_rig(3), IdentitySettings()
    found, _ = sightings(rig, seats(seed=3), 3, noise_px=0.5)
    sigma_px = 12.0
    wide = replace(found, sigma_px=np.full(len(found.sigma_px), sigma_px))
    one, other = pair_evidence(rig, found, s), pair_evidence(rig, wide, s)
    near = one.epipolar < 2  # one person's, where no moment is capped
    assert near.sum() >= 9
    f2 = (1 / rig.left.f_px**2 + 1 / rig.right.f_px**2) * np.degrees(1) ** 2
    floor2 = s.epipolar_floor_deg**2
    shrinks = (0.5**2 * f2 + floor2) / (sigma_px**2 * f2 + floor2)
    of = dict(zip(zip(other.left, other.right, strict=True), other.epipolar, strict=True))
    there = [of[pair] for pair in zip(one.left[near], one.right[near], strict=True)]
    np.testing.assert_allclose(there, shrinks * one.epipolar[near], rtol=1e-6)


def test_cameras_that_never_see_the_same_moment_have_no_pair() -> None:
    rig = room_rig(3)
    found, _ = sightings(rig, seats(seed=3), 3, noise_px=0.5)
    apart = replace(found, moment=found.moment + 1000 * (found.camera == 1))
    pairs = pair_evidence(rig, apart, IdentitySettings())
    assert not pairs.shared.nnz
    for field in fields(pairs):
        assert field.name == "shared" or len(getattr(pairs, field.name)) == 0


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("y_m", [-0.52, 0.88, 1.88])
@pytest.mark.parametrize("steps", [1.0, 9.5, 12.0])
def test_the_class_s_own_height_and_size_are_found_exactly(
    n: int, y_m: float, steps: float
) -> None:
    """On and between the steps of what is tried first (8 cm, and 7 % from 13 cm on), for pairs that
    could not pay for being half a step off: what is left is the pairs' own cost."""
    P_W = np.column_stack([np.arange(n), np.full(n, y_m), np.full(n, 4.0)])
    pairs = a_pair(P_W=P_W, size_m=np.full((n, 2), 0.13 * np.exp(0.07 * steps)))
    chosen, cost = match_pairs(pairs, np.full(n, 23.8), S)
    assert sorted(chosen) == list(range(n))
    np.testing.assert_allclose(cost, 23.8, atol=1e-9)


# -- costs -----------------------------------------------------------------------------------------


def test_the_cost_of_geometry() -> None:
    """In σ, squared: epipolar distance; 0.16 of the size's logarithm; 14° of heads. A size that is
    unknown costs the most (9), heads that are unknown one σ."""
    size = 0.2 * np.exp(0.16 * np.array([[1.0, 0], [0, 2.0], [9.0, 0], [np.nan, 0], [0, 0]]))
    head = np.array([14.0, 28.0, 0.0, 100.0, np.nan])
    pairs = a_pair(epipolar=np.arange(5.0), size_m=size, head_deg=head)
    expected = [0 + 1 + 1, 1 + 4 + 4, 2 + 9 + 0, 3 + 9 + 9, 4 + 0 + 1]
    np.testing.assert_allclose(geometry_cost(pairs, S), expected)
    assert (pairs.epipolar == np.arange(5.0)).all()  # not changed in place


def test_the_cost_of_faces_that_look_alike() -> None:
    """Up to a distance of 0.4 nothing, then a σ of 0.1; half of no_match without an embedding."""
    pairs = a_pair(left=np.array([3, 4, 5, 6], np.int32), right=np.array([5, 4, 3, 9], np.int32))
    vector = {(0, 3): 0.0, (1, 5): 0.7, (0, 4): 1.0, (1, 4): 0.8, (0, 5): 0.0, (0, 9): 0, (1, 6): 0}
    known = {k: np.array([v, 0.0]) for k, v in vector.items()}
    np.testing.assert_allclose(embedding_cost(pairs, S, known), [9.0, 0.0, 12.0, 12.0], atol=1e-9)
    np.testing.assert_allclose(embedding_cost(pairs, S), 12.0)
    np.testing.assert_allclose(
        both_cost(pairs, S, known), geometry_cost(pairs, S) + [2.25, 0, 3, 3], atol=1e-9
    )


@pytest.mark.parametrize("matcher", sorted(MATCHERS))
def test_half_of_the_moments_in_the_room_are_enough(matcher: str) -> None:
    assert np.isfinite(MATCHERS[matcher](a_pair(in_room=np.array([0.5])), S, {})).all()


# -- which pairs are taken -------------------------------------------------------------------------


def test_seats_of_the_lesson_cost_what_a_nose_is_off_and_no_more_than_to_be_unlisted() -> None:
    """By the nearest seat, on the floor: heights do not matter. σ 35 cm; at most 4.6."""
    x = np.array([0.0, 0.35, 0.7, 3.0, 10.0])
    P_W = np.column_stack([x, np.full(5, 0.8), np.full(5, 4.0)])
    seats_xz_m = np.array([[0.0, 4.0], [3.0, 4.35]])
    chosen, cost = match_pairs(a_pair(P_W=P_W), np.zeros(5), S, seats_xz_m)
    assert sorted(chosen) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(cost, [0, 1, 4, 1, 4.6], atol=1e-9)
    _, without = match_pairs(a_pair(P_W=P_W), np.zeros(5), S, np.zeros((0, 2)))
    np.testing.assert_allclose(without, 0, atol=1e-9)


def test_a_pair_unlike_the_class_pays_for_it() -> None:
    """σ of the noses' heights 14 cm, of the size's logarithm 0.14; at most 16 each, as unknown."""
    up = np.array([0, 0, 0, 0, 0, 0.14, 0.28, 5.0, np.nan])
    size = 0.2 * np.exp(0.14 * np.array([0, 0, 0, 0, 0, 2.0, 0, 0, np.nan]))
    P_W = np.column_stack([np.arange(9.0), 0.8 + up, np.full(9, 4.0)])
    _, cost = match_pairs(a_pair(P_W=P_W, size_m=np.tile(size[:, None], 2)), np.ones(9), S)
    np.testing.assert_allclose(cost[5:], [1 + 1 + 4, 1 + 4, 1 + 16, 1 + 32], atol=1e-9)


def test_one_to_one_by_moments_and_nobody_is_forced() -> None:
    """Two lefts want one right: it goes to more moments; what costs no_match is no pair."""
    left, right = np.array([0, 1, 1, 2], np.int32), np.array([7, 7, 8, 9], np.int32)
    count = np.array([100, 40, 10, 500])
    pairs = a_pair(left=left, right=right, count=count)
    chosen, _ = match_pairs(pairs, np.array([3.0, 1.0, 1.0, 24.0]), S)
    assert sorted(chosen) == [0, 2]
    chosen, _ = match_pairs(pairs, np.array([20.0, 1.0, 1.0, 23.999]), S)
    assert sorted(chosen) == [1, 3]  # 40 · 23 are more than 100 · 4 and 10 · 23
    none, _ = match_pairs(pairs, np.full(4, np.inf), S)
    assert len(none) == 0


def test_the_class_s_middle_is_that_of_most_moments() -> None:
    """Three pairs sit higher for a tenth of the moments: they pay, the others do not."""
    y = np.array([0.8, 0.8, 1.0, 1.0, 1.0])
    P_W = np.column_stack([np.arange(5.0), y, np.full(5, 4.0)])
    count = np.array([300, 300, 20, 20, 20])
    _, cost = match_pairs(a_pair(P_W=P_W, count=count), np.zeros(5), S)
    np.testing.assert_allclose(cost, np.where(y > 0.9, (0.2 / 0.14) ** 2, 0), atol=1e-9)


def test_the_hypothesis_that_wins_is_that_of_all_and_hardly_any_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = room_rig(3)
    tried: list[float] = []

    def watched(*args: Any) -> Any:
        chosen, worth = _assign(*args)
        tried.append(worth)
        return chosen, worth

    monkeypatch.setattr(matching, "_assign", watched)
    for seed, breaks in ((1, 0), (2, 4), (3, 12)):
        seen, _ = sightings(rig, seats(seed=seed), seed, breaks=breaks)
        pairs = pair_evidence(rig, seen, S)
        cost = geometry_cost(pairs, S, None)
        tried.clear()
        chosen, _ = match_pairs(pairs, cost, S)
        few, won = len(tried), max(tried)
        with monkeypatch.context() as m:  # a bound that rules nothing out
            m.setattr(matching, "_at_most", lambda *_: np.inf)
            tried.clear()
            every, _ = match_pairs(pairs, cost, S)
        assert few < 60 < len(tried) and won == max(tried)
        np.testing.assert_array_equal(chosen, every)


def test_the_middle_is_the_median_of_moments() -> None:
    y = np.array([0.74, 0.8, 0.86])
    P_W = np.column_stack([np.arange(3.0), y, np.full(3, 4.0)])
    _, cost = match_pairs(a_pair(P_W=P_W, count=np.array([30, 40, 30])), np.zeros(3), S)
    np.testing.assert_allclose(cost, ((y - 0.8) / 0.14) ** 2, atol=1e-9)


def test_a_class_sits_at_one_height_though_other_pairs_fit_better_by_themselves() -> None:
    """Tracks 1 and 2 cross on two epipolar planes: the wrong pairs meet at 1.9 m, and so near to
    their planes that each is the cheaper one; with them track 0 would sit alone."""
    left, right = np.array([0, 1, 2, 1, 2], np.int32), np.array([0, 1, 2, 2, 1], np.int32)
    P_W = np.column_stack([np.arange(5.0), [0.8, 0.8, 0.8, 1.9, 1.9], np.full(5, 4.0)])
    own = np.array([5.0, 5.0, 5.0, 4.9, 4.9])
    chosen, _ = match_pairs(a_pair(left=left, right=right, P_W=P_W), own, S)
    assert sorted(chosen) == [0, 1, 2]


# -- evidence --------------------------------------------------------------------------------------


def seen_by_both(P: np.ndarray, **more: object) -> Sightings:
    """One person at P (M, 3), one face of each camera a moment, without noise; tracks 4 and 6."""
    rig, m = room_rig(3), len(P)
    uv = project(rig, P)
    distance = [np.linalg.norm(rig.T_WC(n).inverse().apply(P), axis=1) for n in ("left", "right")]
    height = [0.2 * rig.left.f_px / distance[0], 0.3 * rig.right.f_px / distance[1]]
    made: dict[str, object] = {
        "camera": np.repeat([0, 1], m).astype(np.int8),
        "moment": np.tile(np.arange(m, dtype=np.int32), 2),
        "track": np.repeat([4, 6], m).astype(np.int32),
        "nose_px": np.concatenate([uv[:, 0], uv[:, 1]]), "sigma_px": np.ones(2 * m),
        "height_px": np.concatenate(height),
    }  # fmt: skip
    return Sightings(**{**made, **more})  # type: ignore[arg-type]


PLACES = np.column_stack([np.linspace(1, 3, 9), np.full(9, 0.8), np.linspace(4, 5, 9)])


def test_a_pair_without_noise() -> None:
    """Medians over moments of what was put in; heads by the angle between them."""
    R = np.tile(np.eye(3), (18, 1, 1))
    R[9:] = rotation_exp(np.radians([[0, k, 0] for k in (5, 5, 5, 5, 20, 90, 90, 90, 90)]))
    R[3] = np.nan
    pairs = pair_evidence(room_rig(3), seen_by_both(PLACES, R_WS=R), S)
    assert (pairs.left.tolist(), pairs.right.tolist(), pairs.count.tolist()) == ([4], [6], [9])
    np.testing.assert_allclose(pairs.P_W[0], PLACES[4], atol=1e-4)
    np.testing.assert_allclose(pairs.size_m[0], [0.2, 0.3], rtol=1e-4)
    assert pairs.head_deg[0] == pytest.approx((20 + 90) / 2) and pairs.in_room[0] == 1
    assert pairs.epipolar[0] == pytest.approx(0, abs=1e-6)
    alone = pair_evidence(room_rig(3), seen_by_both(PLACES), S)
    assert np.isnan(alone.head_deg).all()


def test_what_nobody_tracked_or_one_camera_saw_is_no_pair() -> None:
    found = seen_by_both(PLACES)
    for more in ({"track": np.where(found.track == 6, -1, found.track)},
                 {"moment": found.moment + np.int32(50) * found.camera}):  # fmt: skip
        pairs = pair_evidence(room_rig(3), replace(found, **more), S)
        assert len(pairs) == 0 and pairs.P_W.shape == (0, 3) and pairs.size_m.shape == (0, 2)


def test_a_moment_far_off_counts_as_five_sigma() -> None:
    """A nose 500 px off in one of nine moments: the mean takes 25 of it, the median nothing."""
    found = seen_by_both(PLACES)
    found.nose_px[0, 1] += 500
    pairs = pair_evidence(room_rig(3), found, S)
    assert pairs.epipolar[0] == pytest.approx(25 / 9, abs=1e-4)


@pytest.mark.parametrize(("z_m", "share"), [(0.5, 1.0), (0.25, 4 / 9), (-2.0, 4 / 9)])
def test_in_the_room_is_before_the_blackboard(z_m: float, share: float) -> None:
    P = PLACES.copy()
    P[:5, 2] = z_m
    assert pair_evidence(room_rig(3), meeting_at(P), S).in_room[0] == pytest.approx(share)


def meeting_at(P: np.ndarray) -> Sightings:
    """Pixels of points that may lie behind a camera: those of the same rays backwards."""
    rig = room_rig(3)
    uv = np.empty((len(P), 2, 2))
    for c, name in enumerate(("left", "right")):
        P_C = rig.T_WC(name).inverse().apply(P)
        uv[:, c] = rig.camera(name).project(P_C * np.sign(P_C[:, 2:]))
    found = seen_by_both(PLACES)
    return replace(found, nose_px=np.concatenate([uv[:, 0], uv[:, 1]]))


def test_of_many_moments_some_are_looked_at_and_all_are_counted() -> None:
    P = np.repeat(PLACES, 20, axis=0)
    pairs = pair_evidence(room_rig(3), seen_by_both(P), replace(S, most_moments=10))
    assert pairs.count[0] == 180
    np.testing.assert_allclose(pairs.P_W[0], PLACES[4], atol=0.3)
    assert spread(np.arange(100), 5).tolist() == [0, 25, 50, 74, 99]
    assert spread(np.arange(5), 5).tolist() == [0, 1, 2, 3, 4]


def test_a_short_track_is_looked_at_however_long_the_lesson_is() -> None:
    """Three moments out of four hundred, of which ten are looked at by themselves."""
    rig, long = room_rig(3), np.repeat(PLACES[:1], 400, axis=0)
    found, short = seen_by_both(long), seen_by_both(PLACES[-3:])
    both = Sightings(*(
        np.concatenate([getattr(found, n), getattr(short, n)])
        for n in ("camera", "moment", "track", "nose_px", "sigma_px", "height_px")
    ))  # fmt: skip
    both.moment[-6:] = np.tile([101, 102, 103], 2)
    both.track[-6:] += 100
    pairs = pair_evidence(rig, both, replace(S, most_moments=10))
    at = {(a, b): k for k, (a, b) in enumerate(zip(pairs.left, pairs.right, strict=True))}
    assert set(at) == {(4, 6), (104, 106), (4, 106), (104, 6)}
    assert pairs.count[at[4, 6]] == 400 and pairs.count[at[104, 106]] == 3
    np.testing.assert_allclose(pairs.P_W[at[104, 106]], PLACES[-2], atol=1e-4)


def test_rows_of_each_track() -> None:
    found, _ = sightings(room_rig(3), seats(seed=3), 3)
    track = np.where(np.arange(len(found.track)) % 7 == 0, -1, found.track)  # some of no track
    rows = replace(found, track=track.astype(np.int32)).by_track()
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(track)))
    for (camera, number), mine in rows.items():
        assert (found.camera[mine] == camera).all() and (track[mine] == number).all()
        assert (np.diff(mine) > 0).all()
    assert {(0, -1), (1, -1)} <= set(rows)


def test_at_how_many_moments_two_tracks_are_there_at_once() -> None:
    seen, _ = sightings(room_rig(3), seats(seed=3), 3)
    track = (3 * seen.moment // 10 + seen.moment % 5).astype(np.int32)
    seen = replace(seen, track=np.where(seen.moment % 7 == 0, -1, track).astype(np.int32))
    rows = {t: set(seen.moment[r].tolist()) for t, r in seen.by_track().items() if t[1] >= 0}
    every = {
        (c, one, other): len(moments & rows[d, other])
        for (c, one), moments in rows.items()
        for d, other in rows
        if d == c and moments & rows[d, other]
    }
    assert seen.at_once == every and len(set(every.values())) > 1


def test_equal_values_are_paired_as_a_merge_pairs_them() -> None:
    rng = np.random.default_rng(0)
    for a, b in (
        (rng.integers(0, 9, 30), rng.integers(3, 12, 40)),
        (np.array([5, 1, 5]), np.array([5, 5, 2, 1])),
        (np.zeros(0, np.int64), np.array([1])),
        (np.array([1]), np.zeros(0, np.int64)),
    ):
        left, right = (pd.DataFrame({"v": v, "row": np.arange(len(v))}) for v in (a, b))
        both = left.merge(right, on="v")
        i, j = alike(a, b)
        np.testing.assert_array_equal(np.stack([i, j], 1), both[["row_x", "row_y"]])
