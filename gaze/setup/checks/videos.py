"""The two videos: there, whole, of one size, rate and length."""

from __future__ import annotations

from gaze.lesson.refusals import one_recording
from gaze.setup.checks.registry import Finding, Subject, from_causes, from_error, register
from sessions.clock.times import judge_pair, judge_times
from sessions.errors import SessionError


@register("videos")
def videos(subject: Subject) -> list[Finding]:
    """Both videos' packets: there, whole, of one size, rate and length."""
    videos = subject.videos
    findings = [from_error(subject.session, e) for e in subject.problems.values()]
    for name, info in videos.items():
        w, h = info.size_px
        what = (
            f"The {name} video: {w} × {h}, {info.fps:.2f} frames per second, "
            f"{info.duration_s:.0f} s, {', '.join([info.codec, *info.traits])}"
        )
        findings.append(Finding("ok", what, info.path.name))
        findings += [
            Finding(
                "warning",
                f"The {name} video {remark}",
                info.path.name,
                "Use it as it is, or copy it again from the camera.",
            )
            for remark in info.remarks
        ]
        if min(w, h) < 1000:
            findings.append(
                Finding(
                    "warning",
                    f"The {name} video is small ({w} × {h}): faces in the back rows will be, too",
                    info.path.name,
                    "Record in 1080p or 4K.",
                )
            )
        report = judge_times(info.times_s, f"the {name} video", info.stated_duration_s)
        findings += from_causes(report.causes, info.path.name)
    if len(videos) == 2:
        left, right = videos["left"], videos["right"]
        if {f.path.resolve() for f in left.files} & {f.path.resolve() for f in right.files}:
            findings.append(
                Finding(
                    "error",
                    "Both cameras name the same video",
                    "session.toml",
                    "Correct cameras.left.video or cameras.right.video.",
                )
            )
        else:
            try:
                one_recording(left, right)
            except SessionError as error:
                findings.append(from_error(subject.session, error))
        if left.size_px != right.size_px:
            findings.append(
                Finding(
                    "warning",
                    f"The videos differ in size ({left.size_px[0]} × {left.size_px[1]} and "
                    f"{right.size_px[0]} × {right.size_px[1]})",
                    "",
                    "This works; make sure that each camera's calibration pictures have its size.",
                )
            )
        reports = [judge_times(v.times_s, n) for n, v in videos.items()]
        findings += from_causes(judge_pair(reports[0], reports[1]), "")
    return findings
