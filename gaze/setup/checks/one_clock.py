"""What sound and pictures say of the two cameras' clocks, before the long work."""

from __future__ import annotations

import numpy as np

from calibration.camera import CAMERAS
from calibration.errors import UserError
from calibration.progress import no_progress
from calibration.verdict import Cause
from gaze.lesson.clock import lesson_clock
from gaze.setup.checks.registry import Finding, Subject, from_causes, register

STRETCH_S = 20.0  # of motion, five of them: a check takes seconds
HEARD_S = 900.0  # of sound; of chapters all, for any may be there twice


@register("clocks")
def one_clock(subject: Subject) -> list[Finding]:
    """The clock as `gaze analyze` will take it, with its σ; what it is contradicted by."""
    if len(subject.videos) < 2:
        return []
    left, right = (subject.videos[name] for name in CAMERAS)
    try:
        heard_s = HEARD_S if len(left.files) == len(right.files) == 1 else np.inf
        *heard, clock = lesson_clock(
            subject.session, left, right, no_progress, stretch_s=STRETCH_S, heard_s=heard_s
        )
    except UserError:
        return []  # timestamps.csv that does not fit: said by the check that reads it
    repeats = [
        Finding("warning", f"The {name} video {remark}", before.path.name)
        for name, before, after in zip(CAMERAS, (left, right), heard, strict=True)
        for remark in after.remarks[len(before.remarks) :]
    ]
    sound_alone = clock.measured is not None and clock.measured.source == "sound"
    causes = [
        Cause(c.code, c.severity, c.message[0].upper() + c.message[1:], c.action)
        for c in clock.causes
        # whether pictures were lost, which sound does not show, the heads show
        if not (c.code == "clock_roughly_measured" and sound_alone)
    ]
    if clock.measured is None and clock.declared is not None:
        what = "Neither sound nor motion can confirm the clock: `gaze analyze` checks it by the "
        return [Finding("ok", what + "students' heads", "session.toml"), *repeats]
    found = from_causes(causes, "session.toml") + repeats
    if clock.measured is not None:
        begin_s = float(left.times_s[0])
        offset_s = float(clock.measured.left_to_right(begin_s)) - begin_s
        sigma_s = float(clock.measured.sigma_s(begin_s))
        what = (
            f"The right camera's clock minus the left's, {clock.checked}: {offset_s:+.3f} ± "
            f"{sigma_s:.3f} s"
        )
        found.insert(0, Finding("ok", what, ""))
    return found
