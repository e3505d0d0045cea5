"""What a few frames look like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from gaze.lesson.caveats import DARK_GREY
from gaze.setup.checks.registry import Finding, Subject, register
from sessions.video import Frame, Image, VideoInfo

# Of grey levels 0 to 255: a picture this black in the mean is none.
BLACK_MEAN = 8.0
# Share of the picture at 250 or more: lamps and windows take a few per cent of a good one.
BURNT_SHARE = 0.10
# Crete et al. 2007: 0 = sharp, 1 = blurred. Photographs of rooms and boards measured 0.45 to 0.55,
# rendered lessons 0.4 to 0.5; the same with a Gaussian blur of 1.5 px 0.61 to 0.70, 3 px 0.78 up.
BLURRED = 0.65
# Nothing in the picture changes by more grey levels than this: the recording hangs.
STILL_LEVELS = 3.0


@register("pictures")
def pictures(subject: Subject) -> list[Finding]:
    """A few frames of each video: can they be decoded, are they exposed, sharp, alive?"""
    findings: list[Finding] = []
    for name, info in subject.videos.items():
        findings += _undecoded(name, info, subject.samples[name])
        findings += judge_pictures(subject.pictures(name), name)
    return findings


def _undecoded(name: str, info: VideoInfo, asked: Sequence[Frame]) -> list[Finding]:
    """Frames of the sample that could not be decoded."""
    lost = [f for f in asked if f.picture is None]
    if not lost or len(lost) == len(asked):  # none at all: judge_pictures says so
        return []
    at = ", ".join(f"{info.times_s[f.number]:.0f} s" for f in lost[:5])
    return [
        Finding(
            "warning",
            f"{len(lost)} of {len(asked)} frames looked at in the {name} video cannot be decoded, "
            f"or look damaged (at {at}): such moments will have no data",
            info.path.name,
            "Look at it there; copy it again from the camera.",
        )
    ]


def judge_pictures(frames: Sequence[Image], name: str) -> list[Finding]:
    """Exposure, sharpness and life of a few frames (BGR) of one camera."""
    if not frames:
        what = f"No frame of the {name} video can be decoded"
        return [Finding("error", what, name, "Copy it again from the camera.")]
    grey = [np.asarray(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY), np.uint8) for f in frames]
    mean = float(np.median([g.mean() for g in grey]))
    burnt = float(np.median([(g >= 250).mean() for g in grey]))
    blurred = float(np.median([blur(g) for g in grey]))
    findings: list[Finding] = []
    if mean < BLACK_MEAN:
        return [
            Finding(
                "error",
                f"The {name} video is black (mean grey level {mean:.0f} of 255)",
                name,
                "Was the lens covered?",
            )
        ]
    if mean < DARK_GREY:
        findings.append(
            Finding(
                "warning",
                f"The {name} video is dark (mean grey level {mean:.0f} of 255)",
                name,
                "More light, or a longer exposure (up to 1/50 s).",
            )
        )
    if burnt > BURNT_SHARE:
        findings.append(
            Finding(
                "warning",
                f"{100 * burnt:.0f} % of the {name} picture is burnt out",
                name,
                "A shorter exposure, blinds down, or the camera turned away from the window.",
            )
        )
    if blurred > BLURRED:
        findings.append(
            Finding(
                "warning",
                f"The {name} video looks blurred ({blurred:.2f}; sharp pictures are under "
                f"{BLURRED:.2f})",
                name,
                "Focus on the middle rows, fix the focus, clean the lens.",
            )
        )
    if len(grey) > 1 and max(_change(grey)) < STILL_LEVELS:
        findings.append(
            Finding(
                "error",
                f"The {name} video stands still: all frames looked at are the same picture",
                name,
                "Check the recording.",
            )
        )
    if not findings:
        what = f"The {name} pictures are well exposed and sharp (mean grey level {mean:.0f})"
        findings.append(Finding("ok", what, name))
    return findings


def _change(grey: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Largest change between successive frames of any 16 × 16 block's mean, grey levels.

    Compression and sensor noise average out in a block; a moving hand does not.
    """
    h, w = grey[0].shape
    size = (max(w // 16, 1), max(h // 16, 1))
    small = [cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in grey]
    return [float(cv2.absdiff(a, b).max()) for a, b in pairwise(small)]


def blur(grey: NDArray[np.uint8]) -> float:
    """Crete et al. 2007 (Proc. SPIE 6492): how little a picture loses when it is blurred.

    grey : (H, W) uint8. 0 = sharp, 1 = blurred; without any edge, 1. The worse of both directions.
    A sharp picture's neighbour differences shrink much under a 9-pixel box blur, a blurred one's
    hardly. Sensor noise would look like sharpness and is smoothed away first.
    """
    image = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32)
    worst = 0.0
    for axis, kernel in ((0, (1, 9)), (1, (9, 1))):
        softer = cv2.blur(image, kernel)
        before = np.abs(np.diff(image, axis=axis))
        lost = np.maximum(before - np.abs(np.diff(softer, axis=axis)), 0)
        total = float(before.sum())
        worst = max(worst, 1.0 if total == 0 else 1 - float(lost.sum()) / total)
    return worst
