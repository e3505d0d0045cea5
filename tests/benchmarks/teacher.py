"""A teacher who walks through a rendered lesson: found, kept out of the class, shown?

    python tests/benchmarks/teacher.py OUT [--seconds 20] [--seed 1] [--room small] [--way stands]

One natural lesson is rendered twice, as it is and with `gaze simulate --teacher WAY`. Both are
analysed with their true rig. Half a CPU minute a lesson for the
pictures, as much for the analysis.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.measures.measures import board_shares
from sessions.folder import Session
from sessions.quality import Quality
from sessions.simulation.draw import simulate
from sessions.simulation.simulate import Options, World, build_world
from sessions.simulation.teacher import WAYS

FPS = 2.5


def seen_share(world: World) -> float:
    """Share of the moments at which the teacher's nose is in both pictures."""
    heads = world.heads_in_pictures(world.frame_times("left"))
    both = np.ones(len(heads.time_s), bool)
    for name, camera in world.cameras.items():
        both &= camera.contains(camera.project(world.T_WC[name].inverse().apply(heads.P_W[:, -1])))
    return float(both.mean())


def errors_cm(session: Session, gaze: pd.DataFrame) -> np.ndarray:
    """(N,) from where each listed student's head truly points, while it is on the board."""
    truth = pd.read_parquet(session.folder / "truth" / "heads.parquet")
    gaze = gaze.assign(frame=np.round(gaze.time_s * FPS).astype(int))
    both = gaze.merge(truth[truth.target == "board"], on=["student", "frame"])
    off = np.hypot(both.gaze_x_m - both.head_point_x_m, both.gaze_y_m - both.head_point_y_m)
    return 100 * off[np.isfinite(off)].to_numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", default="standard")
    parser.add_argument("--way", choices=WAYS, default="walks")
    parser.add_argument("--students", type=int, default=8)
    parser.add_argument("--resolution", default="1080p")
    args = parser.parse_args()
    options = Options(
        students=args.students, rows=3, seconds=args.seconds, fps=FPS, scenario="natural",
        people="test", seed=args.seed, room=args.room, resolution=args.resolution,
        views=2, views_alone=0,
    )  # fmt: skip
    print("lesson | listed | students | teacher % (true) | passers | gaze cm mean, median | "
          "on board % | said")  # fmt: skip
    for name, way in (("alone", ""), ("teacher", args.way)):
        shutil.rmtree(args.out / name, ignore_errors=True)
        world = build_world(replace(options, teacher=way))
        session = simulate(args.out / name, world.options)
        shutil.copy(session.folder / "truth" / "rig.json", session.folder)
        for listed in (True, False):
            if not listed:
                toml = session.folder / "session.toml"
                toml.write_text(toml.read_text().split("[[students]]")[0])
                session = Session.open(session.folder)
            run = analyze(session, AnalyzeSettings(), run_name=f"listed-{listed}")
            q, gaze = Quality.read(run.quality_path), pd.read_parquet(run.gaze_path)
            cm = errors_cm(session, gaze)  # none where students are named by their place
            off = f"{cm.mean():.1f}, {np.median(cm):.1f}" if len(cm) else "–"
            shares = board_shares(gaze, session.config.blackboard)
            true = f" ({100 * seen_share(world):.0f})" if name == "teacher" else ""
            said = "; ".join(
                w.message for w in q.warnings if w.code in ("teacher_seen", "others_left_out")
            )
            print(
                f"{name} | {listed} | {q.identity.students} | {100 * q.identity.teacher_share:.0f}"
                f"{true} | {q.identity.passers} | {off} | "
                f"{100 * np.nanmean(list(shares.values())):.0f} | {said or '–'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
