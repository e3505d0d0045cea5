"""One clock out of what sound, heads and motion say, and what is to be said when they do not agree.

A clock that the user declared (session.toml, timestamps.csv) holds, but is checked: where it is
contradicted the difference becomes its σ, and a jump that was found is put into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from calibration.transform import Array
from calibration.verdict import Cause
from sessions.clock.clock import Clock
from sessions.clock.interruptions import FAR_S
from sessions.clock.match import Estimate
from sessions.clock.pieces import UNLOOKED_S

#: 1σ at the worst moment up to which a clock counts as measured.
MEASURED_S = 0.02
#: From here on it is worth a line on the report's first page: a head turns 2 degrees in this time.
WORTH_SAYING_S = 0.04
#: Two phones started by hand, if nothing else is known.
BY_HAND_S = 2.0
#: How far a declared offset may be off without anybody noticing, in frames: read off by eye.
BY_EYE_FRAMES = 0.5
#: 1σ of what sound cannot see: microphones go on while a camera loses pictures and hides it. Up to
#: a second, as is assumed of the other senses: 3 σ hold it.
UNSEEN_BY_SOUND_S = 0.3
#: From how many σ on sound and pictures that differ are taken for a jump that was bent over.
BENT_SIGMAS = 2.0
Status = Literal["measured", "roughly measured", "not measured"]


@dataclass(frozen=True)
class Joined:
    """The clock to use, and what it rests on.

    clock : always one; its ``source`` and σ say how good it is. measured : what the senses say
    together, None where they say nothing. estimates : one for each sense that was tried.
    declared : the user's.
    causes : disagreement, contradiction, jumps, nothing measured; in words.
    """

    clock: Clock
    measured: Clock | None
    status: Status
    estimates: tuple[Estimate, ...]
    causes: tuple[Cause, ...]
    declared: Clock | None = None

    @property
    def checked(self) -> str:
        """One sentence."""
        said = [e.sense for e in self.estimates if e.clock is not None]
        if self.measured is None:
            why = "; ".join(f"{e.sense}: {e.reason}" for e in self.estimates)
            return f"not measured ({why})" if why else "not measured"
        by = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
        return f"{self.status} by {by}"

    @property
    def said(self) -> list[tuple[str, Clock | None, str]]:
        """(sense, its clock, why it has none), and what they say together."""
        senses = [(e.sense, e.clock, e.reason) for e in self.estimates]
        return [*senses, ("together", self.measured, "nothing is measured")]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return {
            **self.clock.to_dict(),
            "status": self.status,
            "checked": self.checked,
            "senses": [
                {
                    "sense": e.sense,
                    "reason": e.reason,
                    "score": e.score,
                    "clock": None if e.clock is None else e.clock.to_dict(),
                }
                for e in self.estimates
            ],
            "causes": [vars(c) for c in self.causes],
        }


def join(
    estimates: Sequence[Estimate],
    span_s: tuple[float, float],
    *,
    declared: Clock | None = None,
    frame_s: float = 0.04,
) -> Joined:
    """Bring the senses together.

    span_s : begin and end of the lesson on the left's clock. frame_s : of the slower camera.
    """
    at_s = np.linspace(*span_s, 41)
    found = sorted(
        (e for e in estimates if e.clock is not None),
        key=lambda e: float(np.hypot(_sigma(e.clock, at_s).max(), e.unseen_s)),
    )
    causes: list[Cause] = []
    measured = None
    if found:
        measured = _agreed(found, at_s, causes)
        worst_s = float(_sigma(measured, at_s).max())
        status: Status = "measured" if worst_s <= MEASURED_S else "roughly measured"
        for jump in measured.jumps:
            known = jump.sigma_at_s < 30
            where = f"at {jump.at_s:.0f} ± {jump.sigma_at_s:.0f} s" if known else "in the lesson"
            causes.append(
                Cause(
                    "clock_jumps",
                    "WARN" if known else "FAIL",
                    f"{where} the {'right' if jump.shift_s < 0 else 'left'} video "
                    f"{'was paused, or ' if abs(jump.shift_s) > FAR_S else ''}lost "
                    f"{abs(jump.shift_s):.2f} s of frames, and its times hide it",
                    "Taken into account from there on; what lies within a few seconds of it is "
                    "less certain."
                    if known
                    else "Cut the lesson there and analyse the parts one by one.",
                )
            )
    else:
        status = "not measured"
    if declared is not None:
        clock = _declared(declared, measured, at_s, frame_s, causes)
    elif measured is not None:
        clock = measured
    else:
        clock = Clock(sigma_offset_s=BY_HAND_S, source="assumed")
    ends_s = _ends(found)
    if measured is None or max(_sigma(measured, at_s).max(), ends_s[1]) > WORTH_SAYING_S:
        causes.append(_not_measured(clock, measured, estimates, at_s, ends_s))
    return Joined(clock, measured, status, tuple(estimates), tuple(causes), declared)


def _sigma(clock: Clock | None, at_s: Array) -> Array:
    """1σ away from the jumps, which have one of their own."""
    return np.zeros(1) if clock is None else replace(clock, jumps=()).sigma_s(at_s)


def _between(a: Clock, b: Clock, at_s: Array) -> Array:
    """How far apart two clocks are, away from the jumps of either."""
    near = np.zeros(len(at_s), bool)
    for jump in (*a.jumps, *b.jumps):
        near |= np.abs(at_s - jump.at_s) < abs(jump.shift_s) + 3 * jump.sigma_at_s + 0.1
    difference = a.left_to_right(at_s) - b.left_to_right(at_s)
    return np.asarray(difference[~near] if not near.all() else difference)


def _agreed(found: Sequence[Estimate], at_s: Array, causes: list[Cause]) -> Clock:
    """The senses' common clock; where they contradict each other, the surest of those that show
    pictures, with the difference as σ. What jumps the pictures may hide no sound makes surer."""
    showing = [e for e in found if e.sense != "sound"]
    unseen_s = min((e.unseen_s for e in showing), default=UNSEEN_BY_SOUND_S)
    # the microphone goes on while the picture loses frames: then the picture is right
    jumping = [e for e in showing if e.clock is not None and e.clock.jumps]
    interrupted = [e for e in found if _longest_jump_s(e) > FAR_S]
    best = (jumping or interrupted or found)[0]
    clock = best.clock or Clock()
    straight = [clock]
    for other in found:
        if other is best or other.clock is None:
            continue
        if other.sense == "sound" and jumping and not other.clock.jumps:
            continue
        if other.sense == "motion" and interrupted and _longest_jump_s(other) <= FAR_S:
            continue  # looked at in a few stretches only: blind to an interruption
        off = _between(clock, other.clock, at_s)
        sigma = float(np.sqrt(sum(
            _sigma(e.clock, at_s).max() ** 2 + e.unseen_s**2 for e in (best, other)
        )))  # fmt: skip
        if np.percentile(np.abs(off), 90) <= max(3 * sigma, 0.005):
            straight += [other.clock] if not other.clock.jumps else []
            continue
        worst = float(np.abs(off).max())
        causes.append(
            Cause(
                "clock_senses_disagree",
                "WARN",
                f"{best.sense} and {other.sense} say clocks that differ by {1e3 * worst:.0f} ms "
                f"(± {1e3 * sigma:.0f} ms)",
                "Look at both with `gaze sync`, and clap once in view of both cameras next time.",
            )
        )
        unseen_s = float(np.hypot(unseen_s, worst))
    if not clock.jumps and not any(c.code == "clock_senses_disagree" for c in causes):
        clock = _averaged(straight)
        # a sense that says more than before anybody looked saw one, and could not place it
        suspected_s = max((e.unseen_s for e in found if e.unseen_s > UNLOOKED_S), default=0.0)
        unseen_s = float(np.linalg.norm([unseen_s, _bent(found, at_s), suspected_s]))
    return replace(clock, sigma_offset_s=float(np.hypot(clock.sigma_offset_s, unseen_s)))


def _longest_jump_s(estimate: Estimate) -> float:
    jumps = () if estimate.clock is None else estimate.clock.jumps
    return max((abs(j.shift_s) for j in jumps), default=0.0)


def _bent(found: Sequence[Estimate], at_s: Array) -> float:
    """1σ of a jump that the pictures' line may have bent over: sound, which has none, says another
    line than they do.

    Over the recording a jump bends or shifts a line by about as much as itself.
    """
    straight = [(e.sense, e.clock) for e in found if e.clock is not None and not e.clock.jumps]
    sounds = [c for sense, c in straight if sense == "sound"]
    pictures = [c for sense, c in straight if sense != "sound"]
    if not sounds or not pictures:
        return 0.0
    picture = _averaged(pictures)
    off_s = np.abs(_between(sounds[0], picture, at_s))
    sigma_s = np.hypot(_sigma(sounds[0], at_s), _sigma(picture, at_s))
    return float(off_s.max()) if (off_s > BENT_SIGMAS * sigma_s).any() else 0.0


def _averaged(clocks: Sequence[Clock]) -> Clock:
    """The weighted mean of straight clocks."""
    information, weighted = np.zeros((2, 2)), np.zeros(2)
    for c in clocks:
        a, b = c.sigma_offset_s, c.sigma_drift_ppm * 1e-6
        cov = np.array([[a * a, c.correlation * a * b], [c.correlation * a * b, b * b]])
        inverse = np.linalg.inv(cov + np.diag([1e-10, 1e-16]))
        information += inverse
        weighted += inverse @ [c.offset_s, c.drift_ppm * 1e-6]
    cov = np.linalg.inv(information)
    offset, drift = cov @ weighted
    sigma = np.sqrt(np.diag(cov))
    return Clock(
        float(offset),
        float(drift * 1e6),
        float(sigma[0]),
        float(sigma[1] * 1e6),
        ", ".join(c.source for c in clocks),
        float(cov[0, 1] / (sigma[0] * sigma[1])),
    )


def _declared(
    declared: Clock, measured: Clock | None, at_s: Array, frame_s: float, causes: list[Cause]
) -> Clock:
    """What the user states holds, with the σ that the senses leave it and the jumps they found."""
    if measured is None:
        return replace(declared, sigma_offset_s=BY_EYE_FRAMES * frame_s)
    first_s = at_s[0]
    off = float(measured.left_to_right(first_s) - declared.left_to_right(first_s))
    clock = declared
    if measured.jumps:  # an offset says nothing of what is lost later
        clock = replace(declared, jumps=measured.jumps)
    differs = _between(measured, clock, at_s)
    k = int(np.argmax(np.abs(differs)))
    sigma = float(_sigma(measured, at_s).max())
    if abs(differs[k]) <= max(4 * sigma, BY_EYE_FRAMES * frame_s):
        return replace(
            clock,
            sigma_offset_s=max(sigma, float(np.abs(differs).max())),
        )
    drifts = abs(off) < max(3 * sigma, BY_EYE_FRAMES * frame_s)
    causes.append(
        Cause(
            "clock_contradicted",
            "FAIL" if abs(differs[k]) > 0.5 else "WARN",
            f"{declared.source} says the right camera is {declared.offset_s:+.3f} s ahead of the "
            f"left, {measured.source} {measured.left_to_right(first_s) - first_s:+.3f} ± "
            f"{measured.sigma_s(first_s):.3f} s"
            + (f" and a drift of {measured.drift_ppm:+.0f} ppm" if drifts else ""),
            "Leave cameras.right.offset_s out: no offset alone says a drift."
            if drifts
            else "Look with `gaze sync LESSON`; `gaze sync LESSON --set` writes what is measured.",
        )
    )
    return replace(clock, sigma_offset_s=float(np.hypot(sigma, np.abs(differs).max())))


def _ends(found: Sequence[Estimate]) -> tuple[float, float]:
    """How long the beginning and the end are in which no sense sees pictures lost, and 1σ there."""
    showing = [e.ends_s for e in found if e.sense != "sound"]
    return min(showing, key=lambda ends: ends[1], default=(0.0, 0.0))


def _not_measured(
    clock: Clock,
    measured: Clock | None,
    estimates: Sequence[Estimate],
    at_s: Array,
    ends_s: tuple[float, float],
) -> Cause:
    why = "; ".join(f"{e.sense}: {e.reason}" for e in estimates if e.clock is None)
    if measured is None:
        taken = (
            "the two videos' own times are taken as one clock"
            if clock.source == "assumed"
            else f"{clock.source} is taken as it is"
        )
        message = f"the clock could not be measured ({why}): {taken}"
    else:
        sigma = float(_sigma(clock, at_s).max())
        message = f"the clock is known to ± {1e3 * sigma:.0f} ms only ({measured.source})"
        if measured.source == "sound":
            message += ": sound alone does not show whether pictures were lost"
        if ends_s[1] > max(WORTH_SAYING_S, sigma):
            message += (
                f", in its first and last {ends_s[0]:.0f} s to ± {1e3 * ends_s[1]:.0f} ms: "
                "pictures lost there may not show"
            )
    return Cause(
        "clock_unmeasured" if measured is None else "clock_roughly_measured",
        "WARN",
        message,
        "Record sound with both cameras and clap once at the beginning and the end, in view of "
        "both.",
    )
