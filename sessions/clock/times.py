"""Are a video's frame times any good? Order, rate, gaps, lost frames, length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from calibration.transform import Array
from calibration.verdict import Cause

#: A video is longer than the other by a camera's slow motion, to this share.
LIKE_SLOW = 0.05


@dataclass(frozen=True)
class TimesReport:
    """What a video's frame times say about it.

    rate_hz : median frame rate. jitter_s : half the distance of
    the frame intervals' 16th and 84th percentile. gaps : (G, 2) start on
    the video's own clock and length in seconds of the intervals in which frames are missing.
    dropped : how many frames these would have been. causes : what is wrong, in words.
    """

    name: str
    frames: int
    monotonic: bool
    rate_hz: float
    duration_s: float
    jitter_s: float
    gaps: Array
    dropped: int
    causes: tuple[Cause, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return {
            **{k: v for k, v in vars(self).items() if k not in ("gaps", "causes")},
            "gaps": self.gaps.tolist(),
            "causes": [vars(c) for c in self.causes],
        }


def judge_times(
    times_s: ArrayLike, name: str = "video", stated_duration_s: float | None = None
) -> TimesReport:
    """Judge one video's frame times: order, rate, gaps, dropped frames, duration.

    Parameters
    ----------
    times_s : (N,) seconds, of each frame, from the container or timestamps.csv.
    stated_duration_s : what the container says, if it does.
    """
    t = np.asarray(times_s, np.float64).ravel()
    causes: list[Cause] = []

    def add(code: str, severity: Literal["WARN", "FAIL"], message: str, action: str) -> None:
        causes.append(Cause(code, severity, f"{name}: {message}", action))

    if t.size < 2 or not np.isfinite(t).all():
        bad = int((~np.isfinite(t)).sum())
        if bad:
            message, action = f"{bad} frames have no time", "Leave timestamps.csv out."
        else:
            message, action = "one picture at most, no film", "Copy the film itself."
        add("times_missing", "FAIL", message, action)
        return TimesReport(name, t.size, False, 0.0, 0.0, 0.0, np.zeros((0, 2)), 0, tuple(causes))

    step = np.diff(t)
    backwards = int((step <= 0).sum())
    if backwards:
        first = t[int(np.argmax(step <= 0))]
        add(
            "times_not_monotonic",
            "FAIL",
            f"{backwards} of {t.size} frames are not later than the one before "
            f"(the first after {first:.3f} s)",
            "Leave timestamps.csv out and let the clock be estimated from the pictures.",
        )
    usual = float(np.median(step[step > 0])) if (step > 0).any() else 0.0
    if usual == 0:
        return TimesReport(name, t.size, False, 0.0, 0.0, 0.0, np.zeros((0, 2)), 0, tuple(causes))
    jitter = float(np.diff(np.percentile(step, [16, 84]))[0] / 2)
    missing = np.maximum(np.round(step / usual).astype(np.int64) - 1, 0)
    missing[step < 1.5 * usual] = 0
    gaps = np.column_stack([t[:-1], step])[missing > 0]
    dropped = int(missing.sum())
    if dropped and dropped > 0.001 * t.size:
        worst = gaps[np.argmax(gaps[:, 1])]
        add(
            "frames_dropped",
            "WARN" if dropped < 0.05 * t.size else "FAIL",
            f"about {dropped} frames are missing in {len(gaps)} gaps; the longest lasts "
            f"{worst[1]:.2f} s at {worst[0]:.1f} s",
            "Frame times are used, so this costs data, not synchrony; check the recorder's disk.",
        )
    if jitter > 0.2 * usual:
        add(
            "rate_varies",
            "WARN",
            f"frames come every {1e3 * usual:.0f} ± {1e3 * jitter:.0f} ms: the rate varies",
            "Switch the camera's variable frame rate off.",
        )
    duration = float(t.max() - t.min() + usual)
    if stated_duration_s is not None and abs(stated_duration_s - duration) > max(
        0.5, 0.005 * duration
    ):
        add(
            "duration_mismatch",
            "WARN",
            f"frame times span {duration:.1f} s, the file says {stated_duration_s:.1f} s",
            "The file may be cut off; check its end.",
        )
    return TimesReport(
        name, t.size, backwards == 0, 1 / usual, duration, jitter, gaps, dropped, tuple(causes)
    )


def judge_pair(left: TimesReport, right: TimesReport) -> tuple[Cause, ...]:
    """What the two videos' times say together: lengths and rates that do not fit."""
    causes = []
    difference = right.duration_s - left.duration_s
    longest = max(left.duration_s, right.duration_s)
    if longest > 0 and abs(difference) > max(1.0, 0.002 * longest):
        longer = "right" if difference > 0 else "left"
        times = longest / max(longest - abs(difference), 1e-9)
        slow = any(abs(times / n - 1) < LIKE_SLOW for n in (2, 4, 8))
        causes.append(
            Cause(
                "durations_differ",
                "WARN",
                f"the {longer} video is {abs(difference):.1f} s longer, more than clocks drift: "
                "not started and stopped together, or one was paused"
                + f", or (it is {times:.1f} times as long) filmed in slow motion"
                * slow,
                "Let the clock be estimated from the pictures (leave offset_s out).",
            )
        )
    if min(left.rate_hz, right.rate_hz) > 0 and (
        abs(right.rate_hz - left.rate_hz) > 0.02 * left.rate_hz
    ):
        causes.append(
            Cause(
                "rates_differ",
                "WARN",
                f"the cameras run at {left.rate_hz:.2f} and {right.rate_hz:.2f} frames per second",
                "Set both to the same rate: the pairs are then closer in time.",
            )
        )
    return tuple(causes)
