"""Hypotheses against each other: the best is named, what explains as well is told with it."""

from __future__ import annotations

from calibration.verdict import CHANCE, Cause, Hypothesis, named


def _tried(*misfits: float) -> list[Hypothesis[Cause]]:
    return [
        Hypothesis(m, Cause(f"code{i}", "FAIL", f"says {i}", f"Do {i}."), f"kind {i}")
        for i, m in enumerate(misfits)
    ]


def test_the_best_is_named_alone_where_nothing_else_explains() -> None:
    found = named(_tried(30.0 + CHANCE, 30.0, 31.0 + CHANCE))
    assert found == Cause("code1", "FAIL", "says 1", "Do 1.")
    assert named([]) is None


def test_what_explains_as_well_is_told_in_its_order() -> None:
    found = named(_tried(4.0, 1.0, 2.0, 5.0, 1.0 + CHANCE))
    assert found is not None and found.code == "code1"
    assert found.message == "says 1 (or: says 2; or: says 0)"  # two of the three that are near
    assert found.action == "Do 1. Or: Do 2. Or: Do 0." and found.rivals == ("code2", "code0")


def test_details_of_one_kind_are_no_rivals() -> None:
    a, b = _tried(1.0, 2.0)
    found = named([a, Hypothesis(1.5, Cause("other", "FAIL", "same kind"), a.what), b])
    assert found is not None and found.rivals == ("code1",)


def test_one_action_is_said_once() -> None:
    a = Cause("a", "FAIL", "this", "Measure again.")
    assert a.or_else(Cause("b", "FAIL", "that", "Measure again.")).action == "Measure again."
