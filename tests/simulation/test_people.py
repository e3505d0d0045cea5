"""Random people for training: who they are, before anybody is modelled."""

from __future__ import annotations

from dataclasses import replace

from tools.people_factory.bake import HAIR, IRIS, SKIN, crowd

LABELS = [
    "l-eye-scale-incr", "r-eye-scale-incr", "l-cheek-volume-incr", "r-cheek-volume-incr",
    "nose-hump-incr", "nose-trans-out", "head-angle-out", "chin-height-incr", "hip-scale-incr",
]  # fmt: skip


def test_a_crowd_is_the_same_for_the_same_seed_and_nobody_twice() -> None:
    people = crowd(40, 7, LABELS)
    assert people == crowd(40, 7, LABELS)
    assert [replace(p, name="") for p in people] != [
        replace(p, name="") for p in crowd(40, 8, LABELS)
    ]
    assert len({p.name for p in people}) == len({p.face for p in people}) == 40
    assert all(p.role == "train" for p in people)
    assert all(p.skin in SKIN and p.hair in HAIR and p.iris in IRIS for p in people)
    assert all(abs(sum(p.ancestry) - 1) < 1e-9 for p in people)


def test_faces_are_symmetric_and_nothing_else_of_the_body_is_changed() -> None:
    for p in crowd(40, 7, LABELS):
        face = dict(p.face)
        assert set(face) == set(LABELS[:5]) | {"chin-height-incr"}
        assert face["l-eye-scale-incr"] == face["r-eye-scale-incr"]
        assert max(abs(v) for v in face.values()) <= 0.7


def test_a_school_has_more_children_than_grandparents() -> None:
    ages = [p.age for p in crowd(200, 1, LABELS)]
    assert min(ages) >= 0.34
    assert 5 < sum(a > 0.6 for a in ages) < 60
