"""Whether the cameras still are what and where they were when they were calibrated."""

from __future__ import annotations

from calibration.errors import UserError
from calibration.rig import Rig
from calibration.verdict import Cause
from gaze.lesson.background import registered
from gaze.lesson.refusals import same_shape
from gaze.setup.checks.registry import Finding, Subject, from_causes, register


@register("videos")
def same_camera(subject: Subject) -> list[Finding]:
    """The room of the calibration pictures is found again in the lesson's background."""
    session, videos = subject.session, subject.videos
    if len(videos) < 2 or not session.rig_path.is_file():
        return []
    try:
        rig = Rig.load(session.rig_path)
        if not all(same_shape(v.size_px, rig.camera(n).size_px) for n, v in videos.items()):
            return []  # on its side, or cut: said by the check of the rig, and no other cause of it
        rig = rig.scaled(videos["left"].size_px, videos["right"].size_px)
        found = registered(session, rig, videos)
    except UserError:
        return []  # said by the check of the rig
    out = []
    if not found:
        out.append(
            Finding(
                "warning",
                "Whether the cameras are still as calibrated cannot be checked: no picture of the "
                "auxiliary board by both",
                "calibration/auxiliary",
                "Copy that folder together with rig.json.",
            )
        )
    for camera in found:
        said = camera.sentence()[0].upper() + camera.sentence()[1:]
        if camera.told:
            cause = camera.cause()
            out += from_causes([Cause(cause.code, cause.severity, said, cause.action)], "")
        else:
            out.append(Finding("ok", f"{said}: as calibrated"))
        out += from_causes(camera.amid(), "")
    return out
