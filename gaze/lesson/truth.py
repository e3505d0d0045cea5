"""A simulated lesson's truth in place of a stage, to read the error budget off."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from calibration.transform import Array
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.seats import Students
from gaze.room.fusion import FusedHeads
from gaze.room.grid import Grid
from gaze.room.position import Positions
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.video import Moments


@dataclass(frozen=True)
class Truth:
    """True noses and heads of the S students found, at the lesson's M moments.

    P_W : (M, S, 3). R_WS : (M, S, 3, 3); NaN for students without a truth.
    for_noses, for_heads : which stages it stands in for.
    """

    P_W: Array
    R_WS: Array
    for_noses: bool = True
    for_heads: bool = True

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        students: Students,
        when: Moments,
        *,
        for_noses: bool = True,
        for_heads: bool = True,
    ) -> Truth:
        """From truth/heads.parquet, interpolated to the moments.

        Each student found gets the truth of the nearest seat, at most half a metre away.
        """
        M, S = len(when), len(students)
        P, R = np.full((M, S, 3), np.nan), np.full((M, S, 3, 3), np.nan)
        nose, head = ["nose_x_m", "nose_y_m", "nose_z_m"], [f"head_q{a}" for a in "wxyz"]
        known = table.dropna(subset=nose + head).sort_values("time_s", kind="stable")
        groups = [g for _, g in known.groupby("student", observed=True) if len(g) >= 2]
        seats = np.array([g[nose].median().to_numpy(np.float64) for g in groups]).reshape(-1, 3)
        for k in range(S):
            away = np.linalg.norm(seats - students.seat_W[k], axis=1)
            if not np.nanmin(away, initial=np.inf) < 0.5:
                continue
            own = groups[int(np.nanargmin(away))]
            times = own["time_s"].to_numpy(np.float64)
            at = np.clip(when.time_s, times[0], times[-1])
            P[:, k] = np.column_stack([np.interp(at, times, own[c]) for c in nose])
            turns = Rotation.from_quat(own[head].to_numpy(np.float64), scalar_first=True)
            R[:, k] = Slerp(times, turns)(at).as_matrix()
        return cls(P, R, for_noses, for_heads)

    def noses(self, positions: Positions, grid: Grid) -> Positions:
        """The true noses wherever one was measured (certain to a millimetre)."""
        if not self.for_noses:
            return positions
        P = self.P_W[grid.moment, grid.student]
        use: NDArray[np.bool_] = np.asarray(
            np.isfinite(P).all(1) & np.isfinite(positions.P_W).all(1)
        )
        return replace(
            positions,
            P_W=np.where(use[:, None], P, positions.P_W),
            covariance_m2=np.where(use[:, None, None], 1e-6 * np.eye(3), positions.covariance_m2),
        )

    def heads(self, heads: FusedHeads, grid: Grid) -> FusedHeads:
        """The true heads wherever one was measured (certain to a twentieth of a degree)."""
        if not self.for_heads:
            return heads
        R = self.R_WS[grid.moment, grid.student]
        use: NDArray[np.bool_] = np.asarray(
            np.isfinite(R).all((1, 2)) & np.isfinite(heads.R_WS).all((1, 2))
        )
        sure = np.radians(0.05) ** 2 * np.eye(3)
        return replace(
            heads,
            R_WS=np.where(use[:, None, None], R, heads.R_WS),
            covariance_rad2=np.where(use[:, None, None], sure, heads.covariance_rad2),
            share=np.where(use[:, None], 0.0, heads.share),
            contradiction=heads.contradiction & ~use,
        )


def read_truth(session: Session) -> pd.DataFrame | None:
    """``truth/heads.parquet`` of a simulated lesson, or None."""
    path = session.truth_folder / "heads.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def truth_of(
    session: Session, settings: AnalyzeSettings, students: Students, when: Moments
) -> Truth | None:
    """The truth that the settings put in a stage's place; None: everything is measured.

    Raises
    ------
    SessionError : the lesson has none.
    """
    for_heads, for_noses = settings.head == "truth", settings.nose == "truth"
    if not (for_heads or for_noses):
        return None
    table = read_truth(session)
    if table is None:
        raise SessionError(
            "there is no truth to feed",
            where=session.truth_folder,
            remedy="--head truth and --nose truth are for lessons of `gaze simulate`.",
        )
    return Truth.of(table, students, when, for_noses=for_noses, for_heads=for_heads)
