"""Errors that a user of ``headpose`` can cause; each says what was found and what to do."""

from __future__ import annotations


class HeadPoseError(ValueError):
    """Base of all errors of this package that a user can cause."""


class CropError(HeadPoseError):
    """Crops or boxes that are not what the estimator or the crop rule takes."""


class WeightsError(HeadPoseError):
    """A weights file that is missing, truncated, changed or of another architecture."""


class DataError(HeadPoseError):
    """A data set that is not what it says, or a sample without a usable label."""


class ConfigError(HeadPoseError):
    """A configuration that names something unknown or asks for the impossible."""
