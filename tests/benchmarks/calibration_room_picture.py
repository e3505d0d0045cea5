"""The room by tape and by pictures of the room: what each way to measure it is worth.

    python tests/benchmarks/calibration_room_picture.py --rooms 40 [--board A4]

Random rooms as in calibration_rigs.py, one board lying flat, laid to 0.5° about each axis;
tape to 5 mm; a telephone of 12 megapixels with unknown lens, clicks to 2 px, the blackboard's size
to 5 mm. Prints the table of docs/calibration.md: errors of T_WL against the truth, and the shift of
the gaze point of a student 6 m away who looks at the middle of it. ``z²``: squared error over
the rig's own variance of that gaze point, mean (1 = honest).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.calibrate import place_cameras  # noqa: E402
from calibration.corners.boards import Board, View  # noqa: E402
from calibration.inputs import Auxiliary, Seen  # noqa: E402
from calibration.rig import Rig  # noqa: E402
from calibration.solve.estimate import estimate  # noqa: E402
from calibration.solve.uncertainty import covariance_of, gaze_jacobian  # noqa: E402
from calibration.transform import Array, geodesic_deg  # noqa: E402
from tests.calibration import rigs  # noqa: E402
from tests.calibration.room_pictures import board_in_room, phone, take  # noqa: E402

BOARDS = {"72 × 48 cm": rigs.BOARD, "A4 (20 × 12.5 cm)": Board("chessboard", (9, 6), 0.025)}
WAYS = ("tape", "1 picture", "3 pictures", "tape and 3 pictures")


def scene(seed: int, board: Board) -> tuple[rigs.Room, Seen]:
    """A calibration with a tape and three pictures of the room, all with their errors."""
    rng = np.random.default_rng(seed)
    room = rigs.random_room(rng)
    seen = rigs.make_seen(room, rng, placements=())
    tape = rigs.good_tape(room, rng, "flat")
    off = np.zeros(6)
    off[:3] = rng.normal(0, np.radians(tape.placement_sigma_deg), 3)
    left, right = rigs.place_auxiliary(room, tape, board, off=off)
    assert left is not None and right is not None
    view = View("aux", rigs.noisy(left, rng, 0.1), rigs.noisy(right, rng, 0.1))
    measured = tape.at(tape.t_WA + rng.normal(0, tape.tape_sigma_m, 3))
    T_WB = board_in_room(tape, board, off)
    camera = phone(rng)
    pictures = tuple(take(room, T_WB, board, camera, rng)[0] for _ in range(3))
    width, height = room.blackboard_m + rng.normal(0, 0.005, 2)
    aux = Auxiliary(measured, board, view, room=pictures)
    return room, replace(seen, auxiliary=(aux,), blackboard_m=(width, height))


def by(way: str, seen: Seen) -> Seen:
    """The same calibration with only some of what was measured."""
    aux = seen.auxiliary[0]
    number = {"tape": 0, "1 picture": 1}.get(way, 3)
    tape = aux.tape
    if "tape" not in way:
        tape = replace(tape, left_m=None, down_m=None, out_m=None)
    return replace(seen, auxiliary=(replace(aux, tape=tape, room=aux.room[:number]),))


def gaze_error(found: Rig, room: rigs.Room) -> tuple[Array, float]:
    """(2,) metres on the blackboard that T_WL's error moves a gaze point by, and its z² (of 2)."""
    assert found.covariance is not None
    width, height = room.blackboard_m
    nose, target = np.array([width / 2, 0.9, 6.0]), np.array([width / 2, height / 2, 0.0])
    T_LW = room.rig.T_WC("left").inverse()
    T_WL = found.T_WC("left")
    p, d = T_WL.apply(T_LW.apply(nose)), T_WL.rotate(T_LW.rotate(target - nose))
    error = (p[:2] - p[2] * d[:2] / d[2]) - target[:2]
    J = gaze_jacobian(found, nose[None], target[None])
    C = covariance_of(J, found.covariance, 2)[0]
    return error, float(error @ np.linalg.solve(C, error)) / 2


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--board", default="", help="only the board with this in its name")
    options = parser.parse_args()
    print(
        "| board | measured by | world rotation, ° | left camera, cm | gaze point, cm | z² | fail |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, board in BOARDS.items():
        if options.board not in name:
            continue
        rows: dict[str, list[tuple[float, float, float, float, bool]]] = {w: [] for w in WAYS}
        for k in range(options.rooms):
            room, seen = scene(options.seed + k, board)
            truth = room.rig.T_WC("left")
            found = estimate(seen.board, seen.sizes, seen.views, models=(4,))
            for way in WAYS:
                rig = place_cameras(by(way, seen), found)
                if rig.T_WA is None:
                    rows[way].append((np.nan,) * 4 + (True,))  # type: ignore[arg-type]
                    continue
                T = rig.T_WC("left")
                error, z2 = gaze_error(rig, room)
                rows[way].append(
                    (
                        float(geodesic_deg(T.R, truth.R)),
                        100 * float(np.linalg.norm(T.t - truth.t)),
                        100 * float(np.linalg.norm(error)),
                        z2,
                        rig.verdict.status == "FAIL",
                    )
                )
        for way in WAYS:
            v = np.array([r[:4] for r in rows[way]])
            cells = " | ".join(
                f"{np.nanmedian(c):.2f} (p95 {np.nanpercentile(c, 95):.2f})" for c in v[:, :3].T
            )
            failed = sum(r[4] for r in rows[way])
            print(
                f"| {name} | {way} | {cells} | {np.nanmean(v[:, 3]):.2f} | {failed} |", flush=True
            )


if __name__ == "__main__":
    main()
