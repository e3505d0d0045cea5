"""Angle classes, the three labels, and where SLCS's widths come from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from headpose import labels
from headpose.classes import HOPENET, SLCS, classes_of
from headpose.errors import DataError


def test_hopenet_classes_are_the_published_ones() -> None:
    assert HOPENET.edges_deg[0] == -99 and HOPENET.edges_deg[-1] == 99
    for b in range(66):  # class b covers [3b - 99, 3b - 96)
        assert HOPENET.encode(3 * b - 99.0) == b
        assert HOPENET.encode(3 * b - 96.0 - 1e-6) == b


def test_slcs_classes_are_whole_degrees() -> None:
    np.testing.assert_array_equal(SLCS.centres_deg, np.arange(-99, 100))
    assert SLCS.encode(0.2) == 99 and SLCS.encode(-0.7) == 98


def test_decoding_by_centres_is_unbiased_by_lower_edges_it_is_not() -> None:
    angles = np.random.default_rng(0).uniform(-90, 90, 20000)
    one_hot = np.eye(HOPENET.count)[HOPENET.encode(angles)]
    assert (HOPENET.decode(one_hot) - angles).mean() == pytest.approx(0, abs=0.03)
    assert (HOPENET.decode(one_hot, lower_edge=True) - angles).mean() == pytest.approx(
        -1.5, abs=0.03
    )


@pytest.mark.parametrize("angle", [-99.1, 99.0, 150.0, math.nan])
def test_out_of_range_or_missing_angles_are_refused(angle: float) -> None:
    with pytest.raises(DataError, match="outside the classes"):
        HOPENET.encode([0.0, angle])


def test_unknown_number_of_classes() -> None:
    with pytest.raises(ValueError, match="66 and 199"):
        classes_of(62)


@pytest.mark.parametrize("classes", [HOPENET, SLCS])
def test_soft_labels_sum_to_one_and_peak_at_the_angle(classes) -> None:
    angles = np.array([[-60.3, 0.4, 12.4], [80.0, -5.0, 33.3]])
    d = labels.gaussian_labels(angles, [2.0, 3.0, 5.0], classes)
    assert d.shape == (2, 3, classes.count)
    np.testing.assert_allclose(d.sum(-1), 1)
    np.testing.assert_array_equal(d.argmax(-1), classes.encode(angles + 1e-9))
    np.testing.assert_allclose(classes.decode(d), angles, atol=0.25)


def test_a_very_narrow_label_is_the_nearest_class_not_nan() -> None:
    d = labels.gaussian_labels(10.4, 0.001, SLCS)
    assert d[SLCS.encode(10.4)] == 1


def test_slcs_label_in_radians_pulls_its_own_expectation_to_zero() -> None:
    """Why the published widths, which are radians, are bad training labels as such."""
    at = np.array([[0.0, 60.0, 0.0]])
    in_classes = labels.soft_label_maker("slcs", 199)(at)
    in_radians = labels.soft_label_maker("slcs_radians", 199)(at)
    assert SLCS.decode(in_classes)[0, 1] == pytest.approx(60, abs=0.01)
    assert SLCS.decode(in_radians)[0, 1] < 45


def test_dadl_label_is_a_gaussian_about_the_true_class() -> None:
    d = labels.soft_label_maker("dadl_aflw2000", 66)(np.array([[10.0, 10.0, 10.0]]))[0]
    b = int(HOPENET.encode(10.0))
    # sigma 2, 1, 0.5 classes for pitch, yaw, roll
    for angle, sigma in enumerate((2.0, 1.0, 0.5)):
        ratio = d[angle, b + 1] / d[angle, b]
        assert ratio == pytest.approx(math.exp(-0.5 / sigma**2))


def test_similarity_curve_is_one_at_the_angle_before_it_is_divided() -> None:
    face = labels.schematic_face_mm()
    s = labels.similarity_curve(face, 1)
    assert s.sum() == pytest.approx(1)
    assert s.argmax() == 99
    np.testing.assert_allclose(s, s[::-1], atol=2e-3)  # a face is nearly symmetric
    eyes = np.linalg.norm(face[36] - face[45])
    # roll moves each point by 2 sin(psi / 2) times its distance from the axis
    rho = np.hypot(face[:, 0], face[:, 1]).mean()
    r = labels.similarity_curve(face, 2)
    expected = math.exp(-2 * math.sin(math.radians(20)) * rho / eyes)
    assert r[99 + 40] / r[99] == pytest.approx(expected, rel=1e-9)


def test_gaussian_fit_finds_a_gaussian() -> None:
    x = SLCS.centres_deg
    s = 0.013 * np.exp(-0.5 * (np.radians(x) / 0.7) ** 2)
    assert labels.fit_gaussian_rad(s, x) == pytest.approx(0.7, rel=1e-6)


def test_the_published_slcs_widths_are_radians() -> None:
    found = labels.derive_slcs_sigma()
    for f in found:
        assert f.derived_rad == pytest.approx(f.published, rel=0.12), f.line()
        assert "rad" in f.line() and f"{f.published:.3f}" in f.line()
    # roll is the widest in both
    assert max(found, key=lambda f: f.derived_rad).angle == "roll"


def test_a_face_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(68, 3\)"):
        labels.derive_slcs_sigma(np.zeros((5, 3)))
