"""What a moment of a student can be, and how much of a student must be measured to count."""

from __future__ import annotations

from typing import Any

from calibration.errors import UserError
from sessions.tables import WITH_POINT

MEASURED = (*WITH_POINT, "away")
OUTSIDE = ("off_board", "down", "away")  # states that are no area of the board
REST = "rest_of_board"  # on the board, in none of the areas
POINT_COLUMNS = ("gaze_x_m", "gaze_y_m", "gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2")

# A student of whom less than this share of the time was measured is left out of class figures:
# Raca (2015) rejects below a quarter; a few stray points would weigh as much as a whole lesson.
MIN_COVERAGE = 0.25
MIN_POINTS = 20

Problem = tuple[str, dict[str, Any]]  # a key of the report's strings and its values


class MeasureError(UserError):
    """Measures that cannot be made from this table, these areas or these settings."""
