"""From head to gaze: an option that is fitted, proven on points left out, and never silent.

People do part of every gaze shift with the eyes, so that the head stops short of the target. From
marked points (``targets.csv``) this module fits which share the head carries, horizontally and
vertically, and how far each student's head rests off; on points it was *not* fitted on it says
what that is worth; and it refuses where that is nothing. Model and limits: docs/head-to-gaze.md.

Angles here are the two turns that a neck makes, at the student's own position, in W:
*azimuth* about the vertical, > 0 towards +x_W (the blackboard's left edge for somebody who faces
it), and *elevation* after it, > 0 towards +y_W (down).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gaze.gain.axis_fit import fit_looks
from gaze.gain.evidence import evidence_of
from gaze.gain.looks import looks_of
from gaze.gain.model import Gain, GainError, Holdout
from sessions.errors import RunError
from sessions.folder import Session
from sessions.lock import lesson_lock
from sessions.run import Run, run_folder, versions
from sessions.tables import read_table
from sessions.targets import read_targets

# Too few points: below these a fit would only repeat its assumptions.
MIN_LOOKS = 12
MIN_TARGETS = 4


def fit_gain(
    gaze: pd.DataFrame,
    targets: pd.DataFrame,
    *,
    seed: int = 0,
    holdout: Holdout = "targets",
    settle_s: float = 0.4,
    source: dict[str, Any] | None = None,
) -> Gain:
    """Fit how heads stand to gaze from marked points, and prove it on points left out.

    Parameters
    ----------
    gaze : the gaze table of a run (``sessions.tables.GAZE``); only time, student, status, nose and
        head rotation are read, so that it does not matter whether that run had a gain.
    targets : targets.csv: start_s, end_s, student (empty = everybody), target, x_m, y_m.
    seed : of the bootstrap.
    holdout : what is left out in turn for the evidence: ``targets`` (the default: how good for
        these students elsewhere on the board) or ``students`` (for somebody never marked).
    settle_s : left out at the start of each interval, while eyes and head arrive.
    source : what to note beside the gain (lesson, run).

    Raises
    ------
    GainError : too few looks or marked points, heads that do not follow the points, or no benefit
        on what was left out (the 95 % interval of the bias's reduction reaches 0).
    """
    if holdout not in ("targets", "students"):
        raise ValueError(f"holdout: {holdout!r} is neither 'targets' nor 'students'")
    missing = {"start_s", "end_s", "student", "target", "x_m", "y_m"} - set(targets.columns)
    if missing:
        raise GainError(
            "targets.csv lacks columns",
            found=", ".join(map(str, targets.columns)),
            expected="start_s,end_s,student,target,x_m,y_m",
        )
    looks = looks_of(gaze, targets, settle_s)
    n_places = len(np.unique(looks.place))
    if len(looks) < MIN_LOOKS or n_places < MIN_TARGETS:
        raise GainError(
            "there are too few marked points to fit a gain",
            found=f"{len(looks)} looks at {n_places} different points",
            expected=f"at least {MIN_LOOKS} looks at {MIN_TARGETS} points",
            remedy="Let the class look at nine points spread over the whole blackboard, 3 s each.",
        )
    groups = looks.place if holdout == "targets" else looks.student
    if len(np.unique(groups)) < 2:
        raise GainError(
            "nobody can be left out of the fit", found="one student", remedy="Use holdout targets."
        )
    fit = fit_looks(looks, np.ones(len(looks), bool))
    evidence = evidence_of(looks, groups, holdout, seed, fit)
    if not evidence.student_bias_reduction_95[0] > 0:
        low, high = evidence.student_bias_reduction_95
        raise GainError(
            "a gain brings no proven benefit on points left out of the fit",
            found=f"bias {evidence.student_bias_before_cm:.0f} cm before, "
            f"{evidence.student_bias_after_cm:.0f} cm after, a change between "
            f"{-100 * high:+.0f} % and {-100 * low:+.0f} %",
            remedy="Leave gaze uncorrected, or mark more points with more students.",
        )
    seen = np.flatnonzero(fit.seen)
    x, y = fit.axes
    return Gain(
        reference_m=fit.reference_m,
        students=tuple(looks.students[i] for i in seen),
        share=np.stack([x.share, y.share], 1)[seen],
        offset_deg=np.degrees(np.stack([x.offset, y.offset], 1))[seen],
        covariance=np.stack([x.covariance, y.covariance], 1)[seen],
        class_share=np.array([x.class_share, y.class_share]),
        class_offset_deg=np.degrees([x.class_offset, y.class_offset]),
        class_share_sigma=np.array([x.class_share_sigma, y.class_share_sigma]),
        class_covariance=np.stack([x.class_covariance, y.class_covariance]),
        evidence=evidence,
        source={
            **(source or {}),
            "fitted": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "settle_s": settle_s,
        },
    )


def fit_gain_of_lesson(
    session: Session,
    *,
    run: str | Path | None = None,
    seed: int = 0,
    holdout: Holdout = "targets",
    save: bool = True,
) -> Gain:
    """``gaze fit-gain LESSON``: fit from the lesson's targets.csv and a finished run; gain.json.

    run : a run, by its name or path; the lesson's newest finished one where it is not given.

    Raises
    ------
    GainError : see :func:`fit_gain`. SessionError : no targets.csv, or one that cannot be read.
    RunError : no finished run.
    """

    folder = newest_run(session) if run is None else Run.open(run_folder(run, session.folder))
    with lesson_lock(session.folder):
        gain = fit_gain(
            read_table(folder.gaze_path, "gaze"),
            read_targets(session.targets_path),
            seed=seed,
            holdout=holdout,
            source={
                "lesson": session.config.title,
                "date": str(session.config.date or ""),
                "run": folder.folder.name,
                "versions": versions(),
            },
        )
        if save:
            gain.save(session.gain_path)
    return gain


def newest_run(session: Session) -> Run:
    """The lesson's newest run that is finished, of this version and not fed with true heads.

    Raises
    ------
    RunError : there is none.
    """
    for folder in reversed(session.run_folders()):
        try:
            run = Run.open(folder)
        except RunError:
            continue
        if run.info().head == "network":
            return run
    raise RunError(
        "the lesson has no finished run", where=session.folder, remedy="Run `gaze analyze` first."
    )
