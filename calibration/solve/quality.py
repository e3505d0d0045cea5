"""The numbers behind the verdict, from what was solved (:mod:`calibration.rig_quality`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from calibration.camera import CAMERAS, Camera
from calibration.corners.boards import View, pitch_px
from calibration.inputs import Seen
from calibration.rig import Rig
from calibration.rig_quality import (
    BoardSpread,
    CameraQuality,
    Coverage,
    ModelTried,
    NoiseQuality,
    PairQuality,
    RigQuality,
    ScaleCheck,
    ScaleQuality,
    SeatSpread,
    Slip,
    ViewQuality,
)  # fmt: skip
from calibration.room.fit import solve_room
from calibration.room.place import Room
from calibration.room.reconcile import contradicted
from calibration.room.reliability import slip
from calibration.solve import bundle, uncertainty
from calibration.solve.covariance import Noise
from calibration.solve.estimate import Estimate
from calibration.solve.intrinsics import Choice, choice_of
from calibration.solve.problem import view_rms
from calibration.transform import Array, geodesic_deg

_MODEL_WORDS: dict[Choice, str] = {
    4: "4 coefficients (k1 k2 p1 p2)",
    5: "5 coefficients (k1 k2 p1 p2 k3)",
    8: "8 coefficients (rational)",
    "equidistant": "4 coefficients (equidistant fisheye)",
}


def quality_of(
    seen: Seen,
    found: Estimate,
    room: Room,
    problem: bundle.Problem,
    solution: bundle.Solution,
    noise: Noise | None,
    rig: Rig,
) -> RigQuality:
    """``rig.quality`` of a rig that has everything else.

    noise : what the covariance rests on; None where there is none.
    """
    seats, blackboard, slip = _spread(rig, seen.blackboard_m)
    warp = solution.state.warp
    return RigQuality(
        cameras={
            name: _camera(c, seen, found, problem, solution, rig) for c, name in enumerate(CAMERAS)
        },
        pair=_pair(found, solution, noise, rig),
        models=tuple(ModelTried.model_validate(m) for m in found.tried),
        warp_mm=tuple((1000 * warp).tolist()) if found.with_warp else None,
        views=tuple(_view_rows(seen, found, problem, solution, view_rms(problem, solution))),
        auxiliary=tuple(room.rows),
        scale=ScaleQuality(checks=tuple(scale_checks(seen, room, rig))),
        seats=seats,
        blackboard=blackboard,
        slip=slip,
    )


def _spread(
    rig: Rig, blackboard_m: tuple[float, float] | None
) -> tuple[tuple[SeatSpread, ...], tuple[BoardSpread, ...], Slip | None]:
    """What the covariance means in the room, and what a slip of 2 cm or 2° does."""
    seats: tuple[SeatSpread, ...] = ()
    blackboard: tuple[BoardSpread, ...] = ()
    if rig.covariance is not None:
        seats, blackboard = uncertainty.room_spread(rig, blackboard_m)
    if rig.T_WA is None or rig.T_AL is None:
        return seats, blackboard, None
    return seats, blackboard, slip(rig.T_WA, rig.T_AL, blackboard_m, slip_m=0.02, slip_deg=2.0)


def _camera(
    c: int,
    seen: Seen,
    found: Estimate,
    problem: bundle.Problem,
    solution: bundle.Solution,
    rig: Rig,
) -> CameraQuality:
    name, lens = CAMERAS[c], solution.state.lenses[c]
    o, mono = problem.cameras[c], found.mono[CAMERAS[c]]
    corners = int((o.weight > 0).sum())
    sigma = None
    if rig.covariance is not None:
        every = np.sqrt(np.maximum(np.diag(rig.covariance), 0))
        sigma = {
            parameter.removeprefix(f"{name}."): float(v)
            for parameter, v in zip(rig.parameter_names, every, strict=True)
            if parameter.startswith(f"{name}.")
        }
    return CameraQuality(
        rms_px=mono.rms_px,
        joint_rms_px=float(np.sqrt((solution.residuals[c] ** 2).sum() / max(corners, 1))),
        sigma_px=found.solution.sigma_px,
        fx=float(lens.values[0]),
        fy=float(lens.values[1]),
        n_distortion=lens.distortion.size,
        model=_MODEL_WORDS[choice_of(lens)],
        views=len(o.view),
        corners=corners,
        sigma=sigma,
        coverage=_coverage(found.problem, found.solution.state, c, rig.camera(name)),
    )


def _pair(found: Estimate, solution: bundle.Solution, noise: Noise | None, rig: Rig) -> PairQuality:
    held = found.holdout
    return PairQuality(
        rms_px=found.solution.rms_px,
        holdout_px=None if held is None else held.left_to_right_px,
        holdout_expected_px=None if held is None else held.expected_px,
        joint_to_mono=_joint_to_mono(found),
        views=len(found.shared),
        support=found.support,
        converged=solution.converged,
        iterations=solution.iterations,
        sigma_px=found.solution.sigma_px,
        noise=None if noise is None else NoiseQuality(**asdict(noise)),
        baseline_m=rig.baseline_m,
        angle_deg=float(geodesic_deg(rig.T_RL.R, np.eye(3))),
        **({} if rig.covariance is None else uncertainty.pair_sigma(rig)),
    )


def _joint_to_mono(found: Estimate) -> float:
    """Joint rms over what the cameras reach alone, on the same corners of the shared views.

    The alarm for pictures that were not taken together.
    """
    joint = alone = 0.0
    both = set(found.shared.tolist())
    for c, camera in enumerate(CAMERAS):
        o = found.problem.cameras[c]
        for k, i in enumerate(o.view):
            mono = found.mono_residuals.get((found.views[i].name, camera))
            if i not in both or mono is None:
                continue
            counted = o.weight[k] > 0
            joint += float((found.solution.residuals[c][k][counted] ** 2).sum())
            alone += float((mono[counted[: len(mono)]] ** 2).sum())
    return float(np.sqrt(joint / max(alone, 1e-12))) if alone > 0 else 1.0


def _coverage(problem: bundle.Problem, s: bundle.State, camera: int, seen_by: Camera) -> Coverage:
    """Where in the picture corners were seen, how the board was tilted, how far the lens goes."""
    w, h = size_px = seen_by.size_px
    grid = np.stack(np.meshgrid(np.linspace(0, w - 1, 48), np.linspace(0, h - 1, 27)), -1)
    o = problem.cameras[camera]
    seen = o.weight > 0
    uv = o.uv_px[seen]
    cells = np.zeros((5, 5), int)
    if len(uv):
        col = np.clip((uv[:, 0] / size_px[0] * 5).astype(int), 0, 4)
        row = np.clip((uv[:, 1] / size_px[1] * 5).astype(int), 0, 4)
        np.add.at(cells, (row, col), 1)
    R, t = s.R_view[o.view], s.t_view[o.view]
    if camera == 1:
        R, t = s.R_RL @ R, t @ s.R_RL.T + s.t_RL
    middle = problem.boards[o.board].mean(1)
    centre = np.einsum("nij,nj->ni", R, middle) + t
    normal = R[:, :, 2]  # against the optical axis: a board parallel to the picture says nothing
    tilt = np.degrees(np.arccos(np.clip(np.abs(normal[:, 2]), 0, 1)))
    away = normal * np.sign(normal[:, 2:])
    direction = np.floor((np.arctan2(away[:, 1], away[:, 0]) + np.pi) / (np.pi / 4)).astype(int) % 8
    return Coverage(
        cells=tuple(map(tuple, cells.tolist())),
        share=float((cells > 0).mean()),
        tilt_max_deg=float(tilt.max(initial=0.0)),
        tilt_directions=len(set(direction[tilt > 15].tolist())),
        nearest_m=float(np.linalg.norm(centre, axis=1).min(initial=np.inf)),
        furthest_m=float(np.linalg.norm(centre, axis=1).max(initial=0.0)),
        widest_deg=float(np.degrees(np.arctan(seen_by.lens.widest))),
        beyond_lens_share=float(np.isnan(seen_by.undistort(grid)[..., 0]).mean()),
    )


def _view_rows(
    seen: Seen, found: Estimate, problem: bundle.Problem, solution: bundle.Solution, rms: Array
) -> Iterator[ViewQuality]:
    s, left_out = solution.state, found.rejected.views
    used: set[tuple[str, str]] = set()
    per_view = {} if found.holdout is None else found.holdout.per_view_px

    def row(v: View, camera: str, **more: Any) -> ViewQuality:
        notes, uv = v.notes.get(camera, {}), v.corners(camera)
        return ViewQuality(
            name=v.name, camera=camera, sharpness_px=notes.get("sharpness_px"),
            pitch_px=None if uv is None else pitch_px(uv, seen.board.inner_corners),
            file=notes.get("file"), **more,
        )  # fmt: skip

    def why(v: View, camera: str) -> str | None:
        return left_out.get((v.name, camera)) or left_out.get((v.name, ""))

    for c, camera in enumerate(CAMERAS):
        o = problem.cameras[c]
        for k, i in enumerate(o.view):
            if i >= len(found.views):
                continue
            v = found.views[i]
            uv = v.corners(camera)
            assert uv is not None
            used.add((v.name, camera))
            R, t = s.R_view[i], s.t_view[i]
            if c == 1:
                R, t = s.R_RL @ R, s.R_RL @ t + s.t_RL
            counted = o.weight[k][: len(uv)] > 0
            turned = why(v, camera)
            yield row(
                v,
                camera,
                n=int(counted.sum()),
                rms_px=float(rms[i, c]) if np.isfinite(rms[i, c]) else None,
                holdout_px=per_view.get(int(i)) if c == 1 else None,
                reason="" if turned is None else f"not used for the pair: {turned}",
                corners_rejected=found.rejected.corners.get((v.name, camera), 0),
                R_CB=R.tolist(),
                t_CB_m=t.tolist(),
                residuals_px=tuple(
                    (round(float(a), 3), round(float(b), 3)) if ok else None
                    for (a, b), ok in zip(solution.residuals[c][k], counted, strict=False)
                ),
            )
    for v in seen.views:
        for camera in CAMERAS:
            reason = why(v, camera) or v.notes.get(camera, {}).get("reason")
            uv = v.corners(camera)
            if (v.name, camera) not in used and (uv is not None or reason is not None):
                n = 0 if uv is None else int(np.isfinite(uv).all(1).sum())
                yield row(v, camera, n=n, rejected=True, reason=reason or "not used")


def scale_checks(seen: Seen, room: Room, rig: Rig) -> Iterator[ScaleCheck]:
    """Lengths that do not come from the calibration board's square: signed error in percent."""

    def check(what: str, factor: float, sigma: float) -> ScaleCheck:
        """factor : how many times too large it is seen, with its σ."""
        return ScaleCheck(what=what, error_percent=100 * (factor - 1), sigma_percent=100 * sigma)

    if seen.cameras_apart_m:
        yield check(
            "distance of the cameras, by tape",
            rig.baseline_m / seen.cameras_apart_m,
            seen.apart_sigma_m / seen.cameras_apart_m,
        )
    for p in room.placed:
        row = room.rows[p.index]
        if p.auxiliary.board.square_m == seen.board.square_m or row.scale_percent is None:
            continue
        yield ScaleCheck(
            what="the auxiliary board's own square",
            independent=False,
            error_percent=row.scale_percent,
            sigma_percent=(row.scale_sigma_percent or 0.0) + 0.2,
        )
    if room.evidence is None or room.world is None or contradicted(room.world.solved):
        return  # lengths by a tape that is wrong somewhere say nothing of the squares
    if room.evidence.corners_m:
        free = solve_room(room.evidence, free_scale=True)
        yield check(
            "lengths from the lenses to the blackboard's corners",
            1 / free.scale,
            float(np.sqrt(free.covariance[-1, -1])) / free.scale,
        )
    for p, q in combinations([p for p in room.placed if p.auxiliary.tape.measured], 2):
        tapes = (p.auxiliary.tape, q.auxiliary.tape)
        by_tape = float(np.linalg.norm(tapes[1].t_WA - tapes[0].t_WA))
        if by_tape < 0.3:
            continue
        seen_m = float(np.linalg.norm(q.reading.T_AL.inverse().t - p.reading.T_AL.inverse().t))
        yield check(
            f"placements {p.index + 1} and {q.index + 1} of the auxiliary board, by tape",
            seen_m / by_tape,
            float(np.hypot(tapes[0].tape_sigma_m, tapes[1].tape_sigma_m)) / by_tape,
        )
