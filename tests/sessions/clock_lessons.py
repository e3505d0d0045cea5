"""Lessons as three senses perceive them, drawn from a known clock: no pictures, no audio files.

Left's clock is the room's. Sound: a teacher and a few others speak in syllables from where they
sit, so that each reaches the two cameras up to 6 ms early or late; four bands of log energy, own
noises of each camera. Heads: students turn to common and own targets, seen five times a second with
noise. Motion: movements that both cameras see differently strong, own ones, noise.
"""

from __future__ import annotations

import numpy as np

from calibration.transform import Array
from sessions.clock.activity import Activity
from sessions.clock.clock import Clock


def stamps(begin_s: float, duration_s: float, rate_hz: float, base: float = 1 / 90000) -> Array:
    """Frame times as a container gives them: whole ticks."""
    k = np.arange(int(duration_s * rate_hz))
    return begin_s + np.round(k / rate_hz / base) * base


def bumps(t: Array, centre: Array, width: Array, height: Array) -> Array:
    """(N,) the sum of Gaussian bumps at the times t (ascending)."""
    out = np.zeros_like(t)
    low = np.searchsorted(t, centre - 4 * width)
    high = np.searchsorted(t, centre + 4 * width)
    for i, j, c, w, h in zip(low, high, centre, width, height, strict=True):
        out[i:j] += h * np.exp(-0.5 * ((t[i:j] - c) / w) ** 2)
    return out


def sound(
    rng: np.random.Generator,
    clock: Clock,
    times: tuple[Array, Array],
    *,
    quiet: bool = False,
    rate_hz: float = 200.0,
) -> tuple[Activity, Activity]:
    """Log energies in four bands at ``rate_hz`` over what the two videos' times span."""
    seen = [np.arange(t[0], t[-1], 1 / rate_hz) for t in times]
    room = [seen[0], clock.right_to_left(seen[1])]
    begin, end = min(r[0] for r in room), max(r[-1] for r in room)
    power = [1e-3 * rng.lognormal(0, 0.5, 4) * np.ones((len(r), 4)) for r in room]
    for _ in range(0 if quiet else 4):
        turns = rng.uniform(begin, end, max(int((end - begin) / 30), 3))
        n = max(int((end - begin) * 1.2), 20)
        centre = np.sort(rng.choice(turns, n) + rng.normal(0, 5, n))
        width, height = rng.uniform(0.02, 0.09, n), rng.lognormal(-1, 1, n)
        late = rng.uniform(-0.0065, 0.0065)  # half the difference of the sound's two ways
        for c, sign in enumerate((1, -1)):
            for band in range(4):
                gain = rng.lognormal(0, 0.7)
                power[c][:, band] += gain * bumps(room[c] - sign * late, centre, width, height)
    out = []
    for t, p in zip(seen, power, strict=True):
        own = np.sort(rng.uniform(t[0], t[-1], int(np.ptp(t) * 0.7)))
        p += bumps(t, own, rng.uniform(0.02, 0.1, len(own)), rng.lognormal(-1, 1, len(own)))[
            :, None
        ]
        out.append(Activity.of(t, np.log(p * rng.gamma(8, 1 / 8, p.shape))))
    return out[0], out[1]


def heads(
    rng: np.random.Generator,
    clock: Clock,
    times: tuple[Array, Array],
    *,
    students: int = 10,
    fps: float = 5.0,
    sigma_deg: float = 2.5,
) -> tuple[Activity, Activity]:
    """Yaw and pitch of each student by each camera, at frames about ``1 / fps`` apart."""
    seen = [t[np.unique(np.searchsorted(t, np.arange(t[0], t[-1], 1 / fps)))] for t in times]
    room = [seen[0], clock.right_to_left(seen[1])]
    begin, end = min(r[0] for r in room) - 5, max(r[-1] for r in room) + 5
    common = np.sort(rng.uniform(begin, end, max(int((end - begin) / 15), 1)))
    turn = rng.normal(0, 15, (len(common), 2))
    angles: list[list[Array]] = [[], []]
    for _ in range(students):
        own = rng.uniform(begin, end, int((end - begin) / rng.uniform(4, 15)))
        at = np.concatenate([common + rng.normal(0.4, 0.25, len(common)), own])
        to = np.concatenate([turn, rng.normal(0, 15, (len(own), 2))])
        order = np.argsort(at)
        at, to = at[order], np.concatenate([[[0.0, 0.0]], to[order]])
        length = rng.uniform(0.25, 0.7, len(at))
        for axis in range(2):
            for c, t in enumerate(room):
                angle = np.full(len(t), to[0, axis])
                low = np.searchsorted(t, at)
                high = np.searchsorted(t, at + length)
                for k in range(len(at)):
                    s = (t[low[k] : high[k]] - at[k]) / length[k]
                    step = to[k + 1, axis] - to[k, axis]
                    angle[low[k] : high[k]] += step * s * s * (3 - 2 * s)
                    angle[high[k] :] += step
                angles[c].append(angle + rng.normal(0, sigma_deg, len(t)))
    return tuple(Activity.of(t, np.stack(a, -1)) for t, a in zip(seen, angles, strict=True))  # type: ignore[return-value]


def motion(
    rng: np.random.Generator,
    clock: Clock,
    times: tuple[Array, Array],
    *,
    own: float = 0.5,
    noise: float = 0.3,
) -> tuple[Activity, Activity]:
    """How much the two pictures move at each frame."""
    room = [times[0], clock.right_to_left(times[1])]
    begin, end = min(r[0] for r in room) - 5, max(r[-1] for r in room) + 5

    def events(n: int) -> tuple[Array, Array, Array]:
        return rng.uniform(begin, end, n), rng.uniform(0.1, 0.5, n), rng.lognormal(0, 0.7, n)

    centre, width, height = events(int(end - begin))
    out = []
    for t, stamp in zip(room, times, strict=True):
        x = bumps(t, centre, width, height * rng.lognormal(0, 0.5, len(centre)))
        x += bumps(t, *events(int(own * (end - begin))))
        out.append(Activity.of(stamp, x + noise * rng.exponential(1, len(t))))
    return out[0], out[1]
