"""How the two clocks come together: session.toml's offset, timestamps.csv, or an estimate."""

from __future__ import annotations

from calibration.camera import CAMERAS
from calibration.errors import UserError
from gaze.setup.checks.registry import Finding, Subject, from_causes, from_error, register
from sessions.clock.times import judge_times
from sessions.folder import Session
from sessions.video import VideoInfo, read_timestamps


@register("clocks")
def clocks(subject: Subject) -> list[Finding]:
    """How the two clocks will be brought together, and whether that can be right."""
    session, videos = subject.session, subject.videos
    findings: list[Finding] = []
    cameras = session.config.cameras
    if cameras.left.offset_s:
        findings.append(
            Finding(
                "error",
                "cameras.left.offset_s is not 0: the left camera's clock is the lesson's",
                "session.toml",
                "Give the difference as cameras.right.offset_s (right minus left).",
            )
        )
    path = session.timestamps_path
    if path.is_file():
        return findings + _timestamps(session, videos)
    offset = cameras.right.offset_s
    if offset is None:
        what = "No offset and no timestamps.csv: offset and drift will be estimated from pictures"
        return [*findings, Finding("ok", what, "session.toml")]
    if len(videos) == 2:
        left, right = videos["left"].times_s, videos["right"].times_s - offset
        shared = min(left[-1], right[-1]) - max(left[0], right[0])
        if shared <= 0:
            return [
                *findings,
                Finding(
                    "error",
                    f"With an offset of {offset:g} s the two videos have no moment in common",
                    "session.toml",
                    "cameras.right.offset_s is right's clock minus left's, in seconds; leave it "
                    "out to have it estimated.",
                ),
            ]
        if shared < 0.9 * min(videos["left"].duration_s, videos["right"].duration_s):
            findings.append(
                Finding(
                    "warning",
                    f"With an offset of {offset:g} s the two videos share {shared:.0f} s only",
                    "session.toml",
                    "Check cameras.right.offset_s: right's clock minus left's, in seconds.",
                )
            )
    what = f"The right camera's clock minus the left's is given: {offset:g} s"
    return [*findings, Finding("ok", what, "session.toml")]


def _timestamps(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """timestamps.csv: columns, order, both cameras, one line for each frame."""
    try:
        times = read_timestamps(session.timestamps_path)
    except UserError as error:
        return [from_error(session, error)]
    where = session.timestamps_path.name
    findings: list[Finding] = []
    unknown = sorted(set(times) - set(CAMERAS))
    missing = [c for c in CAMERAS if c not in times]
    if unknown or missing:
        found = ", ".join(sorted(times)) or "no lines"
        findings.append(
            Finding(
                "error",
                f"timestamps.csv must tell of the cameras left and right (found {found})",
                where,
                "The column camera holds left or right.",
            )
        )
    for name, info in videos.items():
        if name not in times:
            continue
        if len(times[name]) != info.frames:
            findings.append(
                Finding(
                    "error",
                    f"timestamps.csv has {len(times[name])} times for the {name} video's "
                    f"{info.frames} frames",
                    where,
                    "A line for each frame is needed; or leave the file out.",
                )
            )
        report = judge_times(times[name], f"{name} in timestamps.csv", info.duration_s)
        findings += from_causes(report.causes, where)
    if not missing:
        left, right = times["left"], times["right"]
        if min(left[-1], right[-1]) <= max(left[0], right[0]):
            findings.append(
                Finding(
                    "error",
                    "By timestamps.csv the two cameras have no moment in common",
                    where,
                    "time_s must be one clock for both cameras, in seconds.",
                )
            )
    if not any(f.severity == "error" for f in findings):
        findings.append(Finding("ok", "Clocks come from timestamps.csv", where))
    return findings
