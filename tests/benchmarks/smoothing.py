"""What smoothing heads over time would bring: errors of heads in time, and gaze points after it.

    python tests/benchmarks/smoothing.py LESSON/runs/NAME ...

Of runs of simulated lessons (truth/heads.parquet). *Of it constant*: each student's mean error.
*After n moments*: how far what is left of an error is the same n moments later (correlation).
*Smoothed*: each head replaced by a mean on SO(3) of its neighbours, weighted by their distance in
time (Gaussian of ``h`` moments) and in angle (Gaussian of ``a`` degrees: what turned is not mixed).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from calibration.transform import Array
from gaze.room.geometry import gaze_points

HEAD = ["head_qx", "head_qy", "head_qz", "head_qw"]
NOSE = ["nose_x_m", "nose_y_m", "nose_z_m"]
LAGS = (1, 2, 5, 10)
SMOOTHED = [(h, a) for h in (0.7, 1.0, 2.0) for a in (2.0, 4.0, 8.0)]


def pairs(run: Path) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Each student's measured heads, and the true ones of the same seat and moments."""
    gaze = pd.read_parquet(run / "gaze.parquet").dropna(subset=[*HEAD, *NOSE])
    truth = pd.read_parquet(run.parents[1] / "truth" / "heads.parquet")
    seats = truth.groupby("student", observed=True)[NOSE].median()
    out = []
    for _, mine in gaze.groupby("student", observed=True):
        far = np.linalg.norm(seats.to_numpy() - mine[NOSE].median().to_numpy(), axis=1)
        true = truth[truth["student"] == seats.index[far.argmin()]]
        at = np.abs(true["time_s"].to_numpy() - mine["time_s"].to_numpy()[:, None]).argmin(1)
        out.append((mine, true.iloc[at]))
    return out


def smoothed(R_WS: Rotation, h: float, a_deg: float) -> Rotation:
    """The heads of one student, each the weighted mean of its neighbours."""
    out = []
    for i in range(len(R_WS)):
        j = np.arange(max(0, i - 6), min(len(R_WS), i + 7))
        v = (R_WS[i].inv() * R_WS[j]).as_rotvec()
        angle = np.degrees(np.linalg.norm(v, axis=1))
        w = np.exp(-0.5 * ((j - i) / h) ** 2 - 0.5 * (angle / a_deg) ** 2)
        out.append(R_WS[i] * Rotation.from_rotvec(w @ v / w.sum()))
    return Rotation.concatenate(out)


def off_cm(mine: pd.DataFrame, true: pd.DataFrame, R_WS: Rotation) -> Array:
    """Gaze points' distance from where the true head points; those within 2 m of it."""
    xy, _ = gaze_points(mine[NOSE].to_numpy(), R_WS.as_matrix())
    far = np.linalg.norm(xy - true[["head_point_x_m", "head_point_y_m"]].to_numpy(), axis=1)
    return np.asarray(100 * far[far < 2.0])


def main() -> None:
    """Print what each run shows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    for run in parser.parse_args().runs:
        square, constant, again = [], [], []
        cm: dict[tuple[float, float] | None, list[Array]] = {}
        for mine, true in pairs(run):
            R = Rotation.from_quat(mine[HEAD].to_numpy())
            error = np.degrees((R.inv() * Rotation.from_quat(true[HEAD].to_numpy())).as_rotvec())
            rest = error - error.mean(0)
            square.append((error**2).mean(0))
            constant.append(error.mean(0) ** 2)
            again.append([(rest[k:] * rest[:-k]).mean(0) / (rest**2).mean(0) for k in LAGS])
            for how in (None, *SMOOTHED):
                turned = R if how is None else smoothed(R, *how)
                cm.setdefault(how, []).append(off_cm(mine, true, turned))
        print(f"\n{run}: heads' errors about S's axes (pitch, yaw, roll), °")
        print("rms", np.sqrt(np.mean(square, 0)).round(2),
              "of it constant", np.sqrt(np.mean(constant, 0)).round(2))  # fmt: skip
        for k, r in zip(LAGS, np.mean(again, 0), strict=True):
            print(f"after {k} moments", r.round(2))
        for how, parts in cm.items():
            name = "as measured" if how is None else f"h {how[0]}, a {how[1]:.0f}°"
            print(f"{name}: {np.concatenate(parts).mean():.2f} cm")


if __name__ == "__main__":
    main()
