"""One clock out of what two cameras perceive of the same room: offset, drift, jumps, each with σ.

Pure functions on arrays. Three senses give an :class:`Activity` of each camera (sound.py, heads.py,
motion.py); :func:`match` is the same for all of them:

1. the recording is cut into windows, each correlated with the other camera at all lags;
2. the curves are added along every straight line offset + drift · t: the best line, and how far it
   stands above chance;
3. where other lags fit the beginning or the end far better, a recording was interrupted: that is
   closed, and looked at again;
4. near it the curves are log-likelihoods; the likeliest path of lags, where a jump costs
   ``JUMP_COST``, says where the clock jumps;
5. offsets of the pieces and the common drift are refined below the sample, with their covariance.

What is too quiet, too short or too regular gives no clock and the reason, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from calibration.errors import CalibrationError
from calibration.transform import Array
from sessions.clock.activity import Activity, Sense, evenly
from sessions.clock.clock import Clock, Jump
from sessions.clock.interruptions import closed, interruption
from sessions.clock.pieces import NEAR_S, refine
from sessions.clock.windows import LEAST_OVERLAP_S, Pair, best_line, correlate_windows, pooled

REACH_S = 95.0  # offsets that are searched, to either side of what is expected
MAX_RIVAL = 0.7  # movement with a period matches itself again, nearly as well, one period on
COARSE_S = 0.04
COARSE_HZ = 10.0  # at least
MOST_INTERRUPTIONS = 8
LEAST_EXPECTED = 4.0  # σ above chance of a match where one was expected


@dataclass(frozen=True)
class Estimate:
    """What one sense says of the clock.

    clock : None where it says nothing; then reason says why. score : height of the best match in σ
    above chance. rival : the next best one relative to it. lags_s, height : (L,) the match at every
    offset (right minus left at the lesson's begin), for a picture; height in σ. unseen_s : 1σ of
    the jumps that it may have missed, not in the clock's σ. ends_s : how long the beginning and the
    end are in which it sees no jump, and 1σ of what may be missed there.
    """

    sense: str
    clock: Clock | None
    reason: str = ""
    score: float = 0.0
    rival: float = 0.0
    lags_s: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    height: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    unseen_s: float = 0.0
    ends_s: tuple[float, float] = (0.0, 0.0)


def match(
    left: Activity,
    right: Activity,
    sense: Sense,
    about_s: float = 0.0,
    *,
    expected: bool = False,
) -> Estimate:
    """Offset, drift and jumps of the right clock against the left's.

    about_s : where the offset may be; ``REACH_S`` to either side is searched. expected : it is
    there by all that is known; elsewhere only if that fits far better.
    """
    if left.values.shape[1] != right.values.shape[1]:
        raise CalibrationError(
            "the cameras' activity has different channels",
            found=right.values.shape[1],
            expected=left.values.shape[1],
        )
    spans = [float(np.ptp(a.times_s)) if len(a.times_s) else 0.0 for a in (left, right)]
    if min(spans) < LEAST_OVERLAP_S or min(len(left.times_s), len(right.times_s)) < 30:
        return Estimate(sense.name, None, f"too short: {min(spans):.0f} s")
    known: list[Jump] = []
    while True:
        pair = _paired(left, right, sense)
        coarse = pooled(pair, _pool(pair))
        windows = correlate_windows(coarse, about_s, REACH_S)
        if len(windows) < 3:
            return Estimate(sense.name, None, "too quiet: hardly anything happens")
        near_s = NEAR_S if expected else np.inf
        line = best_line(windows, spans[0], coarse.rate_hz, about_s, near_s)
        found = interruption(coarse, line, sense.least_score)
        if found is None or len(known) == MOST_INTERRUPTIONS:
            break
        jump, about_s = found
        right = closed(right, jump, jump.at_s + about_s + line.drift * (jump.at_s - line.middle_s))
        known = sorted([*known, jump], key=lambda j: j.at_s)
        del pair, coarse, windows  # before the next ones come
    said = Estimate(sense.name, None, "", line.score, line.rival, line.lags_s, line.height)
    least = LEAST_EXPECTED if line.expected else sense.least_score
    if line.score < least:
        return replace(
            said,
            reason=f"too quiet: the best match stands {line.score:.1f} σ above chance, "
            f"{least:.0f} needed",
        )
    if line.rival > MAX_RIVAL and abs(line.rival_lag_s - line.lag_s) > NEAR_S and line.split:
        return replace(
            said,
            reason=f"a recording was interrupted: part of it fits {line.lag_s:+.2f} s, "
            f"part {line.rival_lag_s:+.2f} s",
        )
    if line.rival > MAX_RIVAL and not line.split:
        return replace(
            said,
            reason=f"ambiguous: it repeats, another offset fits {100 * line.rival:.0f} % as well",
        )
    refined = refine(pair, line, sense, known)
    if refined is None:
        return replace(said, reason="no clear peak below the sample")
    return replace(said, clock=refined[0], unseen_s=refined[1], ends_s=refined[2])


def _paired(left: Activity, right: Activity, sense: Sense) -> Pair:
    """Both activities as even samples."""
    return Pair(
        evenly(left, sense),
        evenly(right, sense),
        left.times_s[0],
        right.times_s[0],
        sense.rate_hz,
        # a fifth of the rate at most: peaks are then wider than the steps in which they are sought
        min(
            0.2 * sense.rate_hz,
            *(0.4 / float(np.median(np.diff(a.times_s))) for a in (left, right)),
        ),
    )


def _pool(pair: Pair) -> int:
    """How many samples may be one for a first search: five are left of a period of what is seen."""
    seen = int(pair.rate_hz / max(5 * pair.top_hz, COARSE_HZ))
    return max(round(COARSE_S * pair.rate_hz), seen, 1)
