"""The numbers behind the verdict: ``rig.quality``.

What ``rig.quality`` holds
--------------------------
``cameras`` : ``{"left": C, "right": C}`` with C =
    ``rms_px`` (per point, this camera alone), ``joint_rms_px`` (same camera in the joint solve),
    ``sigma_px`` (noise of one coordinate), ``n_distortion``, ``model`` (words), ``views``,
    ``corners``, ``starts`` [{f_px, f_end_px, rms_px}],
    ``sigma`` {fx, fy, cx, cy, d0 …} (1 σ of each parameter),
    ``coverage`` {``cells``: rows × columns of corner counts (5 × 5 of the picture), ``share``,
    ``edge_share``, ``corner_share`` (of cells with corners), ``tilt_max_deg``,
    ``tilt_directions`` (how many of 8 directions the board was tilted to by over 15°),
    ``nearest_m``, ``furthest_m``, ``largest_share`` (largest board, share of the picture's width)}.
``pair`` : ``rms_px`` (joint, per point), ``holdout_px`` (left → right, None = too few views),
    ``holdout_right_to_left_px``, ``holdout_folds``, ``holdout_expected_px`` (what noise alone would
    give with exact cameras), ``joint_to_mono`` (ratio of rms, same corners), ``views`` (shared),
    ``baseline_m``, ``baseline_sigma_m``, ``angle_deg`` (how far the cameras converge),
    ``rotation_sigma_deg``, ``translation_sigma_mm`` (per axis), ``converged``, ``iterations``,
    ``support`` (share of shared views that agreed at the start), ``noise`` {corner_px, shift_px,
    affinity_px, rows_px}: what σ rests on (:class:`calibration.solve.covariance.Noise`).
``models`` : [{left, right (numbers of coefficients), warp, rms_px, holdout_px, holdout_both_px,
    converged, chosen}] every model that was tried.
``warp_mm`` : [along columns, along rows], how far the board's middle bulges; None = flat.
``views`` : one row per view and camera: ``name``, ``camera``, ``n`` (corners used), ``rms_px``,
    ``holdout_px`` (shared views, in the right camera), ``rejected`` (bool), ``reason`` (str),
    ``corners_rejected``, ``sharpness_px``, ``pitch_px``, ``file``, ``R_CB``, ``t_CB_m`` (board pose
    in that camera; B: X along columns, Y along rows, Z into the print), ``residuals_px`` [[dx, dy]]
    (predicted − seen, in corner order, None where a corner is missing).
    The seen corners are in ``rig.inputs["views"]``.
``auxiliary`` : one per placement: ``placement``, ``tilt_deg``, ``t_WA_m`` (the tape), ``cameras``
    (which saw it), ``rms_px``, ``left_rms_px``, ``right_rms_px``, ``clicked``, ``scale_percent``
    (how much larger the cameras see the board than square_m says, ± ``scale_sigma_percent``),
    ``quarter_turns``, ``facts`` (camera positions in W, roll, …), ``candidates`` (readings that no
    fact rules out), ``tape_error_cm`` [left, down, out] and ``turn_error_deg`` (where placements
    disagree with the combination; signed: seen − tape), ``picture_error_cm`` (the same for what
    pictures of the room say), ``T_AB`` {R, t_m} (board → A). ``t_WA_m`` is the pictures' where
    there is no tape. ``room_picture`` : None or {``files``, ``f_px``, ``clicks_rms_px``,
    ``board_rms_px``, ``T_WX`` [{R, t_m}] (per picture; X: its camera), ``t_WA_m``, ``sigma_cm``
    [left, down, out], ``turned_deg`` [about r, −b, u] (how the board lies against what was stated),
    ``turned_sigma_deg``, ``tape_minus_picture_cm`` [left, down, out] (None without a tape),
    ``difference_sigma_cm``, ``turn_difference_sigma_deg``}.
``slip`` : {slip_m, slip_deg, shift_cm, turn_cm, turn_axis} per seat of ``seats``: how far gaze
    points move on the blackboard when the auxiliary board lies 2 cm or 2° off.
``seats`` : [{distance_m, seat_m, frame, sigma_cm [3], position_cm, gaze_cm [2]}] 1 σ from the rig.
``blackboard`` : [{point_m, gaze_cm}] the same for five points of the blackboard, seen from 6 m.
``scale`` : {``checks``: [{what, error_percent, sigma_percent, independent}]} lengths that
    were checked against the board's square; another board of one printer is not independent.
``settings`` : board, blackboard_m, cameras_apart_m, sizes; ``seconds`` : time by stage.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import pitch_px
from calibration.inputs import Seen
from calibration.rig import Rig
from calibration.room import world
from calibration.room.evidence import solve_room
from calibration.room.guesses import contradicted
from calibration.room.place import Room
from calibration.solve import bundle, uncertainty
from calibration.solve.covariance import Noise
from calibration.solve.estimate import Estimate
from calibration.solve.problem import (
    view_rms,
)
from calibration.transform import Array, Transform, geodesic_deg

_MODEL_WORDS = {
    4: "4 coefficients (k1 k2 p1 p2)",
    5: "5 coefficients (k1 k2 p1 p2 k3)",
    8: "8 coefficients (rational)",
}


def quality_of(
    seen: Seen,
    found: Estimate,
    room: Room,
    problem: bundle.Problem,
    solution: bundle.Solution,
    noise: Noise | None,
    rig: Rig,
) -> dict[str, Any]:
    s = solution.state
    names = list(rig.parameter_names)
    sigma = None if rig.covariance is None else np.sqrt(np.maximum(np.diag(rig.covariance), 0))
    rms = view_rms(problem, solution)
    shared = found.shared
    cameras: dict[str, Any] = {}
    for c, name in enumerate(CAMERAS):
        o = problem.cameras[c]
        lens = s.lenses[c]
        keys = ["fx", "fy", "cx", "cy"] + [f"d{i}" for i in range(lens.size - 4)]
        n = float((o.weight > 0).sum())
        cameras[name] = {
            "rms_px": found.mono[name].rms_px,
            "joint_rms_px": float(np.sqrt((solution.residuals[c] ** 2).sum() / max(n, 1))),
            "sigma_px": found.solution.sigma_px,
            "fx": float(lens[0]),
            "fy": float(lens[1]),
            "n_distortion": int(lens.size - 4),
            "model": _MODEL_WORDS[int(lens.size - 4)],
            "views": len(o.view),
            "corners": int(n),
            "starts": list(found.mono[name].starts),
            "sigma": None
            if sigma is None
            else {k: float(sigma[names.index(f"{name}.{k}")]) for k in keys},
            "coverage": _coverage(found.problem, found.solution.state, c, seen.sizes[name]),
        }
    held = found.holdout
    pair: dict[str, Any] = {
        "rms_px": found.solution.rms_px,
        "holdout_px": None if held is None else held.left_to_right_px,
        "holdout_right_to_left_px": None if held is None else held.right_to_left_px,
        "holdout_expected_px": None if held is None else held.expected_px,
        "holdout_folds": None if held is None else held.folds,
        "joint_to_mono": _joint_to_mono(found),
        "views": len(shared),
        "support": found.support,
        "converged": solution.converged,
        "iterations": solution.iterations,
        "sigma_px": found.solution.sigma_px,
        "noise": None if noise is None else asdict(noise),
    }
    if rig.covariance is not None:
        pair |= uncertainty.pair_summary(rig)
    else:
        pair |= {"baseline_m": rig.baseline_m,
                 "angle_deg": float(geodesic_deg(rig.T_RL.R, np.eye(3)))}  # fmt: skip
    quality: dict[str, Any] = {
        "cameras": cameras,
        "pair": pair,
        "models": list(found.tried),
        "warp_mm": [float(1000 * v) for v in s.warp] if found.with_warp else None,
        "views": _view_rows(seen, found, problem, solution, rms),
        "auxiliary": room.rows,
        "settings": {
            "board": seen.board.to_dict(),
            "blackboard_m": None if seen.blackboard_m is None else list(seen.blackboard_m),
            "cameras_apart_m": seen.cameras_apart_m,
            "sizes": {k: list(v) for k, v in seen.sizes.items()},
        },
        "scale": {"checks": scale_checks(seen, room, rig)},
        "seats": [],
        "blackboard": [],
        "slip": None,
    }
    if rig.covariance is not None:
        quality |= uncertainty.room_spread(rig, seen.blackboard_m)
    if rig.T_WA is not None:
        noses = uncertainty.seats(rig, seen.blackboard_m)
        width, height = seen.blackboard_m or (2 * float(noses[0, 0]), 1.2)
        target = np.array([width / 2, height / 2, 0.0])
        quality["slip"] = world.slip_effect(
            rig.T_WA, noses, target - noses, slip_m=0.02, slip_deg=2.0
        )
    return quality


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


def _coverage(
    problem: bundle.Problem, s: bundle.State, camera: int, size_px: tuple[int, int]
) -> dict[str, Any]:
    """Where in the picture corners were seen, and how the board was tilted."""
    o = problem.cameras[camera]
    seen = o.weight > 0
    uv = o.uv_px[seen]
    cells = np.zeros((5, 5), int)
    if len(uv):
        col = np.clip((uv[:, 0] / size_px[0] * 5).astype(int), 0, 4)
        row = np.clip((uv[:, 1] / size_px[1] * 5).astype(int), 0, 4)
        np.add.at(cells, (row, col), 1)
    edge = np.ones((5, 5), bool)
    edge[1:-1, 1:-1] = False
    corner = cells[[0, 0, 4, 4], [0, 4, 0, 4]]
    R, t = s.R_view[o.view], s.t_view[o.view]
    if camera == 1:
        carried = ~problem.home_right[o.view]
        R = np.where(carried[:, None, None], s.R_RL @ R, R)
        t = np.where(carried[:, None], t @ s.R_RL.T + s.t_RL, t)
    middle = problem.boards[o.board].mean(1)
    centre = np.einsum("nij,nj->ni", R, middle) + t
    normal = R[:, :, 2]  # against the optical axis: a board parallel to the picture says nothing
    tilt = np.degrees(np.arccos(np.clip(np.abs(normal[:, 2]), 0, 1)))
    away = normal * np.sign(normal[:, 2:])
    direction = np.floor((np.arctan2(away[:, 1], away[:, 0]) + np.pi) / (np.pi / 4)).astype(int) % 8
    width = np.array(
        [np.ptp(o.uv_px[i, seen[i], 0]) if seen[i].any() else 0.0 for i in range(len(seen))]
    )
    return {
        "cells": cells.tolist(),
        "share": float((cells > 0).mean()),
        "edge_share": float((cells[edge] > 0).mean()),
        "corner_share": float((corner > 0).mean()),
        "tilt_max_deg": float(tilt.max(initial=0.0)),
        "tilt_directions": len(set(direction[tilt > 15].tolist())),
        "nearest_m": float(np.linalg.norm(centre, axis=1).min(initial=np.inf)),
        "furthest_m": float(np.linalg.norm(centre, axis=1).max(initial=0.0)),
        "largest_share": float(width.max(initial=0.0) / size_px[0]),
    }


def _view_rows(
    seen: Seen,
    found: Estimate,
    problem: bundle.Problem,
    solution: bundle.Solution,
    rms: Array,
) -> list[dict[str, Any]]:
    s = solution.state
    rows: list[dict[str, Any]] = []
    used: set[tuple[str, str]] = set()
    per_view = {} if found.holdout is None else found.holdout.per_view_px
    nx_ny = seen.board.inner_corners
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
            if c == 1 and not problem.home_right[i]:
                R, t = s.R_RL @ R, s.R_RL @ t + s.t_RL
            counted = o.weight[k][: len(uv)] > 0
            residual = solution.residuals[c][k][: len(uv)]
            notes = v.notes.get(camera, {})
            turned = found.rejected.views.get((v.name, camera)) or found.rejected.views.get(
                (v.name, "")
            )
            rows.append(
                {
                    "name": v.name,
                    "camera": camera,
                    "n": int(counted.sum()),
                    "rms_px": float(rms[i, c]) if np.isfinite(rms[i, c]) else None,
                    "holdout_px": per_view.get(int(i)) if c == 1 else None,
                    "rejected": False,
                    "reason": "" if turned is None else f"not used for the pair: {turned}",
                    "corners_rejected": found.rejected.corners.get((v.name, camera), 0),
                    "sharpness_px": notes.get("sharpness_px"),
                    "pitch_px": pitch_px(uv, nx_ny),
                    "file": notes.get("file"),
                    "R_CB": R.tolist(),
                    "t_CB_m": t.tolist(),
                    "residuals_px": [
                        [round(float(a), 3), round(float(b), 3)] if ok else None
                        for (a, b), ok in zip(residual, counted, strict=True)
                    ],
                }
            )
    for v in seen.views:
        for camera in CAMERAS:
            if (v.name, camera) in used:
                continue
            reason = (
                found.rejected.views.get((v.name, camera))
                or found.rejected.views.get((v.name, ""))
                or v.notes.get(camera, {}).get("reason")
            )
            uv = v.corners(camera)
            if uv is None and reason is None:
                continue
            notes = v.notes.get(camera, {})
            rows.append(
                {
                    "name": v.name,
                    "camera": camera,
                    "n": 0 if uv is None else int(np.isfinite(uv).all(1).sum()),
                    "rms_px": None,
                    "holdout_px": None,
                    "rejected": True,
                    "reason": reason or "not used",
                    "corners_rejected": 0,
                    "sharpness_px": notes.get("sharpness_px"),
                    "pitch_px": None if uv is None else pitch_px(uv, nx_ny),
                    "file": notes.get("file"),
                    "R_CB": None,
                    "t_CB_m": None,
                    "residuals_px": None,
                }
            )
    return rows


def scale_checks(seen: Seen, room: Room, rig: Rig) -> list[dict[str, Any]]:
    """Lengths that do not come from the calibration board's square: signed error in percent."""
    checks: list[dict[str, Any]] = []
    if seen.cameras_apart_m:
        checks.append(
            {
                "what": "distance of the cameras, by tape",
                "error_percent": 100 * (rig.baseline_m / seen.cameras_apart_m - 1),
                "sigma_percent": 100 * seen.apart_sigma_m / seen.cameras_apart_m,
            }
        )
    for p in room.placed:
        row = room.rows[p.index]
        if p.auxiliary.board.square_m != seen.board.square_m and "scale_percent" in row:
            checks.append(
                {
                    "what": "the auxiliary board's own square",
                    "independent": False,
                    "error_percent": row["scale_percent"],
                    "sigma_percent": row["scale_sigma_percent"] + 0.2,
                }
            )
    if room.evidence is None or room.world is None or contradicted(room.world.solved):
        return checks  # lengths by a tape that is wrong somewhere say nothing of the squares
    if room.evidence.corners_m:
        free = solve_room(room.evidence, free_scale=True)
        checks.append(
            {
                "what": "lengths from the lenses to the blackboard's corners",
                "error_percent": 100 * (1 / free.scale - 1),
                "sigma_percent": 100 * float(np.sqrt(free.covariance[-1, -1])) / free.scale,
            }
        )
    for a, p in enumerate(room.placed):
        for q in room.placed[a + 1 :]:
            if not (p.auxiliary.tape.measured and q.auxiliary.tape.measured):
                continue
            by_tape = float(np.linalg.norm(q.auxiliary.tape.t_WA - p.auxiliary.tape.t_WA))
            if by_tape < 0.3:
                continue
            origins = [
                Transform(x.R_LB, x.t_LB, "L", "B").apply(
                    x.auxiliary.T_AB(x.reading.quarter_turns).inverse().t
                )
                for x in (p, q)
            ]
            seen_m = float(np.linalg.norm(origins[1] - origins[0]))
            sigma = np.hypot(p.auxiliary.tape.tape_sigma_m, q.auxiliary.tape.tape_sigma_m)
            checks.append(
                {
                    "what": f"placements {p.index + 1} and {q.index + 1} of the auxiliary board, "
                    "by tape",
                    "error_percent": 100 * (seen_m / by_tape - 1),
                    "sigma_percent": 100 * sigma / by_tape,
                }
            )
    return checks
