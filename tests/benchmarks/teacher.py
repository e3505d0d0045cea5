"""A teacher who walks through a rendered lesson: found, kept out of the class, shown?

    python tests/benchmarks/teacher.py OUT [--seconds 20] [--seed 1] [--room small] [--way stands]

One natural lesson is rendered twice, as it is and with somebody more, standing, who faces the
front: walks before and between the rows, walks there before the first row alone, or stands and
shifts from foot to foot. Both are analysed with their true rig. Half a CPU minute a lesson for the
pictures, as much for the analysis.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.measures.measures import board_shares
from sessions.folder import Session
from sessions.quality import Quality
from sessions.simulation.classroom import Classroom
from sessions.simulation.draw import draw_video
from sessions.simulation.people import load_people
from sessions.simulation.render import Lens
from sessions.simulation.script import PAD_S, Heads, Placement, Plan, heads_at
from sessions.simulation.simulate import Options, World, build_world
from sessions.simulation.write import write_session

STANDS_M = 0.42  # above where one sits
FPS = 2.5
#: Where the teacher goes, x and z in W.
WAYS_M = {
    "walks": np.array([[3.4, 2.2], [0.3, 2.2], [0.3, 4.0], [3.4, 4.0], [3.4, 6.0], [1.0, 6.0]]),
    "front": np.array([[3.4, 2.0], [0.6, 2.0], [3.0, 2.2], [1.0, 1.9]]),
    "stands": np.array([[2.4, 2.0], [2.5, 2.1], [2.3, 2.0], [2.4, 2.1], [2.5, 2.0]]),
}


def who_walks(at_W: np.ndarray) -> Placement:
    """The teacher, in dark clothes."""
    return Placement(load_people("test")[-1], "teacher", at_W, np.zeros(2), np.full(3, 0.02))


@dataclass(frozen=True)
class Taught(World):
    """A lesson through which a teacher goes; the last of its heads is the teacher's."""

    way: str = "walks"

    def heads(self, time_s: np.ndarray) -> Heads:
        students = super().heads(time_s)
        way_m = WAYS_M[self.way]
        walked = np.concatenate([[0.0], np.linalg.norm(np.diff(way_m, axis=0), axis=1).cumsum()])
        at = np.interp(time_s, [0, self.options.seconds], [0, walked[-1]])
        x, z = (np.interp(at, walked, way_m[:, k]) for k in range(2))
        looks = Plan(
            np.array([-PAD_S]), np.array([1e-3]), np.array([[2.0, 0.9, 0.0]]), np.zeros(1),
            ("board",),
        )  # fmt: skip
        y = np.full(len(x), self.people[0].t_WB[1] - STANDS_M)
        alone = [
            heads_at(time_s[[k]], [who_walks(at_W)], [looks], 0.3, 1.6, 7)
            for k, at_W in enumerate(np.stack([x, y, z], 1))
        ]
        joined = {
            f.name: np.concatenate(
                [getattr(students, f.name), np.concatenate([getattr(a, f.name) for a in alone])], 1
            )
            for f in fields(Heads)
            if f.name != "time_s"
        }
        return Heads(time_s=time_s, **joined)


def make(folder: Path, world: World) -> Session:
    """The lesson's folder with its true rig and its two films."""
    shutil.rmtree(folder, ignore_errors=True)
    parts = folder / "parts"
    parts.mkdir(parents=True)
    seated = World(**{f.name: getattr(world, f.name) for f in fields(World)})
    write_session(folder, seated)
    shutil.copy(folder / "truth" / "rig.json", folder)
    people = [*world.people, *([who_walks(np.zeros(3))] if isinstance(world, Taught) else [])]
    room = Classroom(world.room, world.seats, world.auxiliary, people, None, 1.0, 1)
    room.show_people(True)
    for name, camera in world.cameras.items():
        draw_video(
            folder / f"{name}.mp4", parts, name, world, room, Lens.of(camera),
            lambda stage, share: None,
        )  # fmt: skip
    room.close()
    shutil.rmtree(parts)
    return Session.open(folder)


def seen_share(world: Taught) -> float:
    """Share of the moments at which the teacher's nose is in both pictures."""
    heads = world.heads(world.frame_times("left"))
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
    parser.add_argument("--way", choices=WAYS_M, default="walks")
    parser.add_argument("--students", type=int, default=8)
    parser.add_argument("--resolution", default="1080p")
    args = parser.parse_args()
    options = Options(
        students=args.students, rows=3, seconds=args.seconds, fps=FPS, scenario="natural",
        people="test", seed=args.seed, room=args.room, resolution=args.resolution,
    )  # fmt: skip
    seated = build_world(options)
    taught = Taught(**{f.name: getattr(seated, f.name) for f in fields(World)}, way=args.way)
    print("lesson | listed | students | teacher % (true) | passers | gaze cm mean, median | "
          "on board % | said")  # fmt: skip
    for name, world in (("alone", seated), ("teacher", taught)):
        session = make(args.out / name, world)
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
            true = f" ({100 * seen_share(taught):.0f})" if name == "teacher" else ""
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
