"""Room on the disk."""

from __future__ import annotations

import shutil

from gaze.setup.checks.registry import Finding, Severity, Subject, register

WANTED_FREE_BYTES, LEAST_FREE_BYTES = 2e9, 2e8


@register("disk")
def disk(subject: Subject) -> list[Finding]:
    """Room for a run: tables of a long lesson, heatmaps and the report."""
    free = float(shutil.disk_usage(subject.session.folder).free)
    if free >= WANTED_FREE_BYTES:
        return [Finding("ok", f"{free / 1e9:.0f} GB free on the disk")]
    severity: Severity = "warning" if free >= LEAST_FREE_BYTES else "error"
    return [Finding(severity, f"Only {free / 1e6:.0f} MB free on the disk", "", "Make room.")]
