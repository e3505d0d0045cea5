"""Who looks where, when: the lesson as pure functions of time.

Truth comes first; pictures are made from it.

A student's gaze follows a list of 3-D points, each reached by a short smooth shift. The head takes
a stated share of every gaze shift away from the student's neutral direction, the eyes do the rest;
with ``eye_share = 0`` the head's Z axis (frame S, at the nose) passes exactly through the point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from sessions.simulation.people import Person
from sessions.simulation.room import FACING_BOARD, Room, Seats
from sessions.simulation.wear import Spans, covering

# scripts are defined a little before and after the lesson: the other camera's clock may be off
PAD_S = 5.0
HIP_BELOW_M = 0.45  # a body leans about its hips, this far below the head's pivot


@dataclass(frozen=True)
class Plan:
    """One student's gaze: at ``start_s[k]`` it leaves for ``point_W[k]`` and arrives ``shift_s[k]``
    later. Sorted, first at −PAD_S.

    ``turn_deg`` : of the body on its chair, to its left; none at all where it is None. ``gone_s``,
    ``held_s`` : from … to he is out of the room, holds something before his face. ``moves`` : since
    when he sits on another seat, and T_WB's origin there.
    """

    start_s: np.ndarray  # (K,)
    shift_s: np.ndarray  # (K,)
    point_W: np.ndarray  # (K,3) m
    lean_deg: np.ndarray  # (K,)
    label: tuple[str, ...]  # (K,) marked point, "board", "desk", "neighbour"; lively: "back"
    turn_deg: np.ndarray | None = None  # (K,)
    gone_s: Spans = ()
    held_s: Spans = ()
    moves: tuple[float, np.ndarray] | None = None


@dataclass(frozen=True)
class Placement:
    """A person on a seat: T_WB (head pivot) when sitting upright, and the neutral head direction in
    B.
    """

    person: Person
    student: str
    t_WB: np.ndarray  # (3,)
    neutral_deg: np.ndarray  # (2,) yaw (to the person's left), pitch (up) of the S axis in B
    shirt: np.ndarray  # (3,) linear rgb


@dataclass(frozen=True)
class Heads:
    """The truth for T moments and N students; arrays are (T,N,…), frames W unless named.

    ``R_WB``, ``t_WB`` body · ``R_head`` turn of the head in B · ``R_eyes`` (T,N,2,3,3) in the head
    · ``R_WS``, ``P_W`` head frame and nose tip · ``gaze_W`` unit vector from between the eyes to
    the gaze point · ``point_W`` gaze point · ``label`` object array · ``blink`` 0…1 · ``here`` in
    the room, ``held`` with something before the face.
    """

    time_s: np.ndarray
    R_WB: np.ndarray
    t_WB: np.ndarray
    R_head: np.ndarray
    R_eyes: np.ndarray
    R_WS: np.ndarray
    P_W: np.ndarray
    gaze_W: np.ndarray
    point_W: np.ndarray
    label: np.ndarray
    blink: np.ndarray
    here: np.ndarray
    held: np.ndarray


def yaw_pitch(direction: np.ndarray) -> np.ndarray:
    """(…,3) directions in B → (…,2) radians: yaw towards the person's left, pitch up."""
    return np.stack(
        [
            np.arctan2(direction[..., 0], direction[..., 2]),
            np.arctan2(direction[..., 1], np.hypot(direction[..., 0], direction[..., 2])),
        ],
        -1,
    )


def facing(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """(…) radians → (…,3,3): axes turned to a direction (yaw to the left, pitch up), then rolled
    about it.
    """
    shape = np.shape(yaw)
    angles = np.stack([np.ravel(yaw), -np.ravel(pitch), np.ravel(roll)], -1)
    return np.asarray(Rotation.from_euler("YXZ", angles).as_matrix().reshape(*shape, 3, 3))


def minimum_jerk(t: np.ndarray) -> np.ndarray:
    """0 … 1 with no jump in speed or acceleration: how heads turn."""
    t = np.clip(t, 0, 1)
    return np.asarray(t**3 * (10 - 15 * t + 6 * t * t))


def place_people(
    people: list[Person], room: Room, where: Seats, rng: np.random.Generator, exact: bool
) -> list[Placement]:
    """One person on every seat (a shuffled cast, repeated only when it runs out), with a shirt and
    a habitual head carriage each.
    """
    order: list[int] = []
    while len(order) < len(where.ids):
        order += list(rng.permutation(len(people)))
    out = []
    for k, student in enumerate(where.ids):
        person = people[order[k]]
        pivot = room.floor_y_m - room.desk_height_m + person.desk_height_m
        jitter = rng.normal(0, [0.03, 0.01, 0.04])
        t_WB = np.array([where.x_m[k], pivot, where.z_m[k]]) + jitter * [1, 1, 1]
        neutral = np.array([0.0, 0.0]) if exact else rng.normal(0, [3.0, 2.5])
        hue = rng.random(3)
        shirt = (0.10 + 0.75 * hue * rng.uniform(0.4, 1.0)) ** 2.2
        out.append(Placement(person, student, t_WB, neutral, shirt))
    return out


def grid_points(room: Room, count: int) -> tuple[list[str], np.ndarray]:
    """Marked points on the blackboard: names "1" … and (count,3) in W.

    5 = corners and middle, 9 = 3 × 3, else a regular grid.
    """
    w, h = room.board_width_m, room.board_height_m
    if count == 5:
        xy = np.array([[0.85, 0.15], [0.15, 0.15], [0.5, 0.5], [0.85, 0.85], [0.15, 0.85]])
    else:
        cols = int(np.ceil(np.sqrt(count * 1.0))) if count != 6 else 3
        rows = int(np.ceil(count / cols))
        xy = np.array(
            [[1 - (c + 0.5) / cols, (r + 0.5) / rows] for r in range(rows) for c in range(cols)]
        )[:count]
    points = np.concatenate([xy * [w, h], np.zeros((len(xy), 1))], 1)
    return [str(k + 1) for k in range(len(points))], points


def grid_plans(
    names: list[str], points: np.ndarray, students: int, seconds: float, rng: np.random.Generator
) -> tuple[list[Plan], list[tuple[float, float, int, int]]]:
    """The paper's protocol: everybody looks at the marked points in turn.

    Returns the plans and (start_s, end_s, student number, point number) for every stretch in which
    the head is still on its point.
    """
    hold = seconds / len(points)
    plans, windows = [], []
    for k in range(students):
        latency = rng.uniform(0.0, min(0.25, 0.15 * hold), len(points))
        latency[0] = 0
        shift = rng.uniform(0.25, 0.40, len(points)) * min(1.0, hold / 1.2)
        start = np.arange(len(points)) * hold + latency
        start[0] = -PAD_S
        shift[0] = 1e-3
        plans.append(Plan(start, shift, points, np.zeros(len(points)), tuple(names)))
        for j in range(len(points)):
            end = start[j + 1] if j + 1 < len(points) else seconds
            windows.append((max(0.0, float(start[j] + shift[j])), float(end), k, j))
    return plans, windows


def natural_plans(
    room: Room, where: list[Placement], seconds: float, rng: np.random.Generator
) -> list[Plan]:
    """A lesson: the class follows what is written, each in its own way; writing, talking to a
    neighbour, looking about.
    """
    w, h = room.board_width_m, room.board_height_m
    # what the teacher writes about: a slow walk over the board that all share in part
    steps = int(seconds / 4) + 4
    focus = np.cumsum(rng.normal(0, 0.25, (steps, 2)), 0) + rng.random(2)
    focus = np.abs((focus % 2) - 1)
    seat = np.array([p.t_WB for p in where])
    plans = []
    for k in range(len(where)):
        start, shift, point, lean, label = (
            [-PAD_S],
            [1e-3],
            [np.array([w / 2, h / 2, 0])],
            [0.0],
            ["board"],
        )
        t = float(rng.uniform(0, 1.5))
        others = np.flatnonzero(
            (np.abs(seat[:, 2] - seat[k, 2]) < 0.4) & (np.arange(len(seat)) != k)
        )
        while t < seconds + PAD_S:
            choice = rng.random()
            if choice < 0.72:
                f = focus[min(int(t / 4), steps - 1)]
                p = np.clip(f + rng.normal(0, 0.12, 2), 0.02, 0.98) * [w, h]
                point.append(np.array([p[0], p[1], 0.0]))
                lean.append(0.0)
                label.append("board")
                stay = rng.uniform(0.9, 3.5)
            elif choice < 0.88 or not len(others):
                point.append(seat[k] + [rng.normal(0, 0.06), 0.42, -0.36])
                lean.append(float(rng.uniform(4, 9)))
                label.append("desk")
                stay = rng.uniform(1.5, 5.0)
            else:
                other = others[np.argmin(np.abs(seat[others, 0] - seat[k, 0]))]
                point.append(seat[other] + [0, -0.08, -0.08])
                lean.append(0.0)
                label.append("neighbour")
                stay = rng.uniform(1.0, 3.0)
            angle = np.degrees(np.linalg.norm(point[-1] - point[-2]) / 4)
            start.append(t)
            shift.append(float(np.clip(0.22 + 0.006 * angle + rng.normal(0, 0.03), 0.2, 0.8)))
            t += shift[-1] + float(stay)
        plans.append(
            Plan(np.array(start), np.array(shift), np.array(point), np.array(lean), tuple(label))
        )
    return plans


def _follow(
    plan: Plan, time_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Gaze point (T,3), lean and turn (T,) in degrees, and index of the current point (T,)."""
    k = np.clip(np.searchsorted(plan.start_s, time_s, side="right") - 1, 0, len(plan.start_s) - 1)
    before = np.maximum(k - 1, 0)
    s = minimum_jerk((time_s - plan.start_s[k]) / plan.shift_s[k])[:, None]
    point = plan.point_W[before] * (1 - s) + plan.point_W[k] * s
    s = s[:, 0]
    lean = plan.lean_deg[before] * (1 - s) + plan.lean_deg[k] * s
    turn = None
    if plan.turn_deg is not None:
        turn = plan.turn_deg[before] * (1 - s) + plan.turn_deg[k] * s
    return point, lean, turn, k


def within(time_s: np.ndarray, spans: Spans) -> np.ndarray:
    """(T,) whether each moment lies in one of them."""
    at = np.asarray(time_s)
    inside = [(at >= a) & (at < b) for a, b in spans]
    return np.asarray(np.any([np.zeros(at.shape, bool), *inside], axis=0))


def heads_at(
    time_s: np.ndarray,
    where: list[Placement],
    plans: list[Plan],
    eye_share: float,
    sway_deg: float,
    seed: int,
) -> Heads:
    """Truth of all students at any times (T,).

    ``sway_deg``: slow wandering of the head, which moves nothing where it is 0.
    """
    time_s = np.asarray(time_s, np.float64)
    T, N = len(time_s), len(where)
    out: dict[str, np.ndarray] = {
        "R_WB": np.zeros((T, N, 3, 3)),
        "t_WB": np.zeros((T, N, 3)),
        "R_head": np.zeros((T, N, 3, 3)),
        "R_eyes": np.zeros((T, N, 2, 3, 3)),
        "R_WS": np.zeros((T, N, 3, 3)),
        "P_W": np.zeros((T, N, 3)),
        "gaze_W": np.zeros((T, N, 3)),
        "point_W": np.zeros((T, N, 3)),
        "label": np.empty((T, N), object),
        "blink": np.zeros((T, N)),
        "here": np.ones((T, N), bool),
        "held": np.zeros((T, N), bool),
    }
    for n, (place, plan) in enumerate(zip(where, plans, strict=True)):
        rng = np.random.default_rng([seed, 77, n])
        point, lean, turned, k = _follow(plan, time_s)
        bend = np.radians(lean)
        # leaning turns the body about its hips: forward = towards the board
        R_lean = Rotation.from_rotvec(np.stack([bend, 0 * bend, 0 * bend], 1)).as_matrix()
        hip = np.array([0, -HIP_BELOW_M, 0.0])
        R_WB = FACING_BOARD @ R_lean
        t_WB = place.t_WB + (hip - R_lean @ hip) @ FACING_BOARD.T
        if turned is not None:  # on the chair, upright
            left = np.radians(turned)
            R_WB = FACING_BOARD @ facing(left, 0 * left, 0 * left) @ R_lean
        if plan.moves is not None:
            t_WB[time_s >= plan.moves[0]] += plan.moves[1] - place.t_WB
        neutral = np.radians(place.neutral_deg)
        phase, speed = rng.uniform(0, 6.28, (3, 3)), rng.uniform(0.05, 0.35, (3, 3))
        sway = (
            np.radians(sway_deg)
            * np.sin(2 * np.pi * speed[:, :, None] * time_s + phase[:, :, None]).sum(1)
            / 2.0
        )  # (3,T)
        person, R_BS = place.person, place.person.R_BS
        nose_B, eyes_B = person.nose, person.eye_centres.mean(0)
        R_head = np.broadcast_to(np.eye(3), (T, 3, 3))
        # the nose moves as the head turns; a fixed point, reached to 1e-12 rad in about eight steps
        for _ in range(5 if sway_deg else 12):
            nose_W = np.einsum("tij,tj->ti", R_WB, R_head @ nose_B) + t_WB
            to_point = np.einsum("tji,tj->ti", R_WB, point - nose_W)
            wanted = yaw_pitch(to_point)
            angle = neutral + (1 - eye_share) * (wanted - neutral)
            R_face = facing(angle[:, 0] + sway[0], angle[:, 1] + sway[1], sway[2])
            R_head = R_face @ R_BS.T
        eyes_W = np.einsum("tij,tj->ti", R_WB, R_head @ eyes_B) + t_WB
        gaze = point - eyes_W
        R_eyes = np.zeros((T, 2, 3, 3))
        for e in range(2):
            centre_W = np.einsum("tij,tj->ti", R_WB, R_head @ person.eye_centres[e]) + t_WB
            in_head = np.einsum("tji,tj->ti", R_WB @ R_head, point - centre_W)
            turn = np.clip(yaw_pitch(in_head), np.radians([-38, -28]), np.radians([38, 24]))
            R_eyes[:, e] = facing(turn[:, 0], turn[:, 1], 0 * turn[:, 0])
        out["R_WB"][:, n], out["t_WB"][:, n], out["R_head"][:, n], out["R_eyes"][:, n] = (
            R_WB,
            t_WB,
            R_head,
            R_eyes,
        )
        out["R_WS"][:, n] = R_WB @ R_head @ R_BS
        out["P_W"][:, n] = np.einsum("tij,tj->ti", R_WB, R_head @ nose_B) + t_WB
        out["gaze_W"][:, n] = gaze / np.linalg.norm(gaze, axis=1, keepdims=True)
        out["point_W"][:, n] = point
        out["label"][:, n] = np.array(plan.label, object)[k]
        out["here"][:, n] = ~within(time_s, plan.gone_s)
        out["held"][:, n] = within(time_s, plan.held_s)
        if sway_deg:
            period = rng.uniform(2.5, 5.5)
            out["blink"][:, n] = (np.mod(time_s + rng.uniform(0, 5), period) < 0.16).astype(float)
    return Heads(time_s=time_s, **out)


def visible_share(heads: Heads, where: list[Placement], camera_W: np.ndarray) -> np.ndarray:
    """(T,N) share of each face's landmarks that neither another person's head or trunk nor what is
    worn or held hides from a camera at ``camera_W`` (3,); 0 for who is not in the room.

    Others are a ball (head) and a rounded post (trunk and shoulders); a face's own far side counts
    as seen.
    """
    share = np.ones(heads.P_W.shape[:2])
    rest = np.array([p.t_WB for p in where])
    moved = (np.linalg.norm(heads.t_WB - rest, axis=2) > 0.6).any()  # somebody changed seats
    for n, place in enumerate(where):
        to_me = rest[n] - camera_W
        reach = np.linalg.norm(to_me)
        along = (rest - camera_W) @ to_me / reach
        off = np.linalg.norm(rest - camera_W - along[:, None] * to_me / reach, axis=1)
        between = (along < reach - 0.2) & (along > 0) & (off < 0.8)  # others can move a little
        if moved:
            between = np.arange(len(where)) != n
        R_WH = heads.R_WB[:, n] @ heads.R_head[:, n]
        points = place.person.landmarks[::6]
        ray = np.einsum("tij,pj->tpi", R_WH, points) + heads.t_WB[:, n][:, None] - camera_W
        blocked = covered(place.person, heads, n, camera_W)
        for m in np.flatnonzero(between).tolist():
            blocked |= _hides(where[m].person, heads, m, camera_W, ray) & heads.here[:, m, None]
        share[:, n] = 1 - blocked.mean(1)
    return np.asarray(share * heads.here)


def _hides(
    other: Person, heads: Heads, m: int, camera_W: np.ndarray, ray: np.ndarray
) -> np.ndarray:
    """(T,P) whether student m's head or trunk is before the ends of rays (T,P,3) from a camera."""
    length = np.linalg.norm(ray, axis=-1)
    ray = ray / length[..., None]
    skull = other.eye_centres.mean(0) - [0, 0, 0.085]
    head = np.einsum("tij,j->ti", heads.R_WB[:, m] @ heads.R_head[:, m], skull) + heads.t_WB[:, m]
    blocked = np.zeros(length.shape, bool)
    for centre, radius in ((head, 0.105), (heads.t_WB[:, m] + [0, 0.28, 0], 0.19)):
        to = centre - camera_W
        forward = np.einsum("ti,tpi->tp", to, ray)
        miss = (to * to).sum(1)[:, None] - forward**2
        blocked |= (miss < radius**2) & (forward > 0) & (forward < length - 0.15)
    return blocked


def covered(person: Person, heads: Heads, n: int, camera_W: np.ndarray) -> np.ndarray:
    """(T,P) which of every sixth landmark student n's own mask, cap, hair, hand or book hides."""
    triangles, comes_and_goes = covering(person)
    points = person.landmarks[::6]
    out = np.zeros((len(heads.time_s), len(points)), bool)
    for t in range(len(out) if len(triangles) else 0):
        R_WH = heads.R_WB[t, n] @ heads.R_head[t, n]
        ray = R_WH.T @ (camera_W - heads.t_WB[t, n]) - points  # (P,3) in B, to the camera
        hit = meets(points, ray, triangles)
        out[t] = (hit & (~comes_and_goes | heads.held[t, n])).any(1)
    return out


def meets(points: np.ndarray, ray: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(P,F) which rays (P,3) from points (P,3) meet which triangles (F,3,3); all in one frame."""
    corner = triangles[:, 0]
    a, b = triangles[:, 1] - corner, triangles[:, 2] - corner
    # Moeller and Trumbore
    p = np.cross(ray[:, None], b)
    det = (p * a).sum(-1)
    det = np.where(np.abs(det) < 1e-15, np.inf, det)
    s = points[:, None] - corner
    u = (s * p).sum(-1) / det
    q = np.cross(s, a)
    v = (ray[:, None] * q).sum(-1) / det
    far = (b * q).sum(-1) / det
    return np.asarray((u >= 0) & (v >= 0) & (u + v <= 1) & (far > 0))
