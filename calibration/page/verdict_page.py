"""The verdict as one HTML page: what is wrong, what to do, and the pictures that show it.

Self-contained: plotly.js is inside once, nothing is loaded from anywhere. Everything comes from
the rig (``verdict``, ``quality``, ``inputs``). What a rig does not have is left out, and the
page's foot says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from calibration.files import write_file
from calibration.page.figures import figure_arrows, figure_coverage, figure_plan, rigs_as_read
from calibration.page.room_figure import figure_room
from calibration.rig import Rig
from calibration.rig_quality import PairQuality
from calibration.room.words import camera_words, room_words
from calibration.solve.uncertainty import SEAT_DISTANCES_M
from calibration.transform import geodesic_deg
from calibration.verdict import Cause

#: What a section's template gets; None: there is nothing to show.
Facts = dict[str, Any] | None

_PAGES = Environment(
    loader=PackageLoader("calibration", "page"), autoescape=True, undefined=StrictUndefined
)

_WORDS = {
    "PASS": ("✓", "This calibration is good.", "Go on with the lesson."),
    "WARN": ("!", "This calibration can be used, but read this first.", ""),
    "FAIL": ("✕", "This calibration must not be used.", ""),
}


def verdict_page(rig: Rig, path: str | Path) -> tuple[str, ...]:
    """Write the page; returns the sections that the rig had no data for.

    Parameters
    ----------
    rig : with or without world, quality and inputs.
    path : the HTML file, written aside and renamed.
    """
    missing: list[str] = []
    facts = {name: build(rig, missing) for name, build in _SECTIONS.items()}
    sign, sentence, default = _WORDS[rig.verdict.status]
    best = most_helpful(rig.verdict.causes)
    others = [c for c in rig.verdict.causes if c is not best]
    html = _PAGES.get_template("verdict.html.j2").render(
        **facts,
        verdict=rig.verdict,
        sign=sign,
        sentence=sentence,
        best=best,
        action=(best.action if best else "") or default,
        others=sorted(others, key=lambda c: c.severity != "FAIL"),
        missing=missing,
        versions=rig.inputs.versions,
        css=Markup((Path(__file__).parent / "verdict.css").read_text("utf-8")),
        plotly_js=Markup(get_plotlyjs()),
        resize_js=Markup(_RESIZE),
    )
    write_file(Path(path), f"{html}\n")
    return tuple(missing)


def most_helpful(causes: Iterable[Cause]) -> Cause | None:
    """The cause whose action helps most: the first of the worst that has one (None: nothing)."""
    rank = {"FAIL": 2, "WARN": 1, "PASS": 0}
    ordered = sorted(causes, key=lambda c: (-rank[c.severity], not c.action))
    return ordered[0] if ordered else None


# -- sections --------------------------------------------------------------------------------------
def _numbers(rig: Rig, missing: list[str]) -> Facts:
    pair = rig.quality.pair
    angle_deg = float(geodesic_deg(rig.T_RL.R, np.eye(3)))
    rows = [
        (
            "Distance of the cameras",
            _pm(rig.baseline_m, None if pair is None else pair.baseline_sigma_m, "m", 3),
            "measure it with a tape: does it agree?",
        ),
        (
            "Angle between the cameras",
            _pm(angle_deg, None if pair is None else pair.rotation_sigma_deg, "°", 1),
            "how far they are turned towards each other",
        ),
    ]
    if pair is None:
        missing.append("hold-out error and uncertainty (this rig carries no quality)")
    else:
        rows += _errors(pair)
    for check in rig.quality.scale.checks:
        rows.append(
            (
                f"Size check: {check.what}",
                f"{_signed(check.error_percent)} % ± {check.sigma_percent:.1f} %",
                "how much larger the cameras see it than was measured",
            )
        )
    for name, c in rig.quality.cameras.items():
        f_sigma = None if c.sigma is None else c.sigma["fx"]
        rows.append(
            (
                f"Lens, {name} camera",
                f"f = {_pm(rig.camera(name).f_px, f_sigma, 'px', 1)}",
                f"{c.views} views, {c.model}",
            )
        )
    return {"rows": rows}


def _errors(pair: PairQuality) -> list[tuple[str, str, str]]:
    """On views that the calibration has not seen, on its own, and of both cameras together."""
    unseen = ("unknown", "too few shared views to leave some out")
    if pair.holdout_px is not None:
        expected = pair.holdout_expected_px
        unseen = (
            f"{pair.holdout_px:.2f} px",
            (f"noise alone would give {expected:.2f} px; " if expected else "")
            + "this, not the next number, says how good the calibration is",
        )
    return [
        ("Error on views it has not seen", *unseen),
        (
            "Error on views it was made from",
            f"{pair.rms_px:.2f} px",
            "small even for a bad calibration",
        ),
        (
            "Both cameras together against each alone",
            f"{pair.joint_to_mono:.2f}",
            "near 1: the pictures were taken at the same moment",
        ),
    ]


def _room(rig: Rig, missing: list[str]) -> Facts:
    world = rig.T_WA is not None and rig.T_AL is not None
    if world:
        lead = (
            "Does this look like your room? The cameras must stand where they stand, look into the "
            "class, and have the mark on top of their picture upwards; the tape must lead from the "
            "blackboard's upper right corner to the auxiliary board."
        )
        facts = room_words(rig)
    else:
        missing.append("the blackboard (no pictures of the auxiliary board)")
        lead = "Cameras and boards, in the left camera's axes: there is no blackboard in this rig."
        facts = []
    caption = (
        "Purple: the calibration board in each view. Dashed: the tape. Crosses at the seats: the "
        "predicted 1 σ, ten times too large. Axes: X red, Y green, Z blue, with the frame's "
        "letter. Drag to turn."
    )
    if any(row.room_picture for row in rig.quality.auxiliary):
        caption = "Grey: where the pictures of the room were taken. " + caption
    return {
        "lead": lead,
        "facts": facts,
        "plan": _figure(figure_plan(rig)) if world else None,
        "figure": _figure(figure_room(rig)),
        "caption": caption,
    }


def _ambiguous(rig: Rig, missing: list[str]) -> Facts:
    """Every reading of an auxiliary board that the room allows, drawn, where more than one is."""
    readings = [
        {"name": name, "facts": camera_words(one), "figure": _figure(figure_room(one))}
        for name, one in rigs_as_read(rig)
    ]
    return {"readings": readings} if readings else None


def _seats(rig: Rig, missing: list[str]) -> Facts:
    rows = []
    for s in rig.quality.seats:
        at_board = "–" if s.gaze_cm is None else f"± {max(s.gaze_cm):.1f} cm"
        rows.append((f"{s.distance_m:g} m", f"± {s.position_cm:.1f} cm", at_board))
    if not rows:
        missing.append("what it means at the seats (no covariance)")
    return {"rows": rows} if rows else None


def _slip(rig: Rig, missing: list[str]) -> Facts:
    slip = rig.quality.slip
    if slip is None:
        if rig.T_WA is not None:
            missing.append("what a slip of the auxiliary board does")
        return None
    axes = {
        "r": "tipped about the edge along the blackboard",
        "b": "rolled sideways",
        "u": "turned on the table",
    }
    rows = [
        (f"{distance:g} m", f"{shift:.1f} cm", f"{turn:.0f} cm", axes[axis])
        for distance, shift, turn, axis in zip(
            SEAT_DISTANCES_M, slip.shift_cm, slip.turn_cm, slip.turn_axis, strict=False
        )
    ]
    checked = any(row.room_picture for row in rig.quality.auxiliary)
    lead = (
        "The pictures of the auxiliary board cannot show this error, in which every gaze point of "
        "the class moves together; the picture of the room checks it (below)."
        if checked
        else "No calibration can see this error: every gaze point of the class moves together. "
        "Measure twice, or add a picture of the room."
    )
    size = (f"{100 * slip.slip_m:g} cm off", f"{slip.slip_deg:g}° askew")
    return {"lead": lead, "size": size, "rows": rows}


def _tape(rig: Rig, missing: list[str]) -> Facts:
    table: list[list[str]] = []
    notes: list[str] = []
    for i, row in enumerate(rig.quality.auxiliary, 1):
        placement = row.placement
        if placement == "tilted":
            placement += f" {row.tilt_deg:g}°"
        picture = row.room_picture
        difference = None if picture is None else picture.tape_minus_picture_cm
        off, turned = row.tape_error_cm, row.turn_error_deg or (0.0, 0.0, 0.0)
        fit = "–" if row.rms_px is None else f"{row.rms_px:.2f} px"
        if picture and difference is None:
            check = "not measured by tape"
        elif off is None or np.abs([*off, *turned]).max() < 1e-6:
            check = "see below" if picture else "nothing checks it"
        else:
            check = f"{np.linalg.norm(off):.1f} cm, {np.linalg.norm(turned):.1f}°"
        if picture is None or difference is not None:
            lengths = ["–"] * 3 if row.t_WA_m is None else [f"{v:.3f} m" for v in row.t_WA_m]
            table.append([f"{i}. {placement}, by tape", *lengths, fit, check])
        if picture is None:
            continue
        seen = [
            _pm(v, s / 100, "m", 3) for v, s in zip(picture.t_WA_m, picture.sigma_cm, strict=True)
        ]
        clicks = f"clicks {max(picture.clicks_rms_px):.1f} px"
        own = check if difference is None else ""
        table.append([f"{i}. {placement}, by picture of the room", *seen, clicks, own])
        if difference is not None:
            pairs = zip(difference, picture.difference_sigma_cm, strict=True)
            apart = [f"{_signed(d)} ± {s:.1f} cm" for d, s in pairs]
            table.append([f"{i}. tape − picture", *apart, "", ""])
        r, b, u = picture.turned_deg
        sigma = max(picture.turned_sigma_deg)
        notes.append(
            f"In the picture of the room, board {i} lies {_signed(u)}° turned as seen from above, "
            f"{_signed(r)}° tipped and {_signed(b)}° rolled against how it was said to lie "
            f"(± {sigma:.1f}°)."
        )
    return {"rows": table, "notes": notes} if table else None


def _coverage(rig: Rig, missing: list[str]) -> Facts:
    if rig.inputs.seen is None or not rig.quality.cameras:
        missing.append("coverage and reprojection pictures (this rig carries no corners)")
        return None
    parts = []
    empty = False
    for name, c in rig.quality.cameras.items():
        cover = c.coverage
        empty |= any(0 in row for row in cover.cells)
        words = [
            f"{100 * cover.share:.0f} % of the picture has corners",
            f"board tilted up to {cover.tilt_max_deg:.0f}°, to {cover.tilt_directions} of 8 sides",
            f"held {cover.nearest_m:.1f}–{cover.furthest_m:.1f} m away",
        ]
        parts.append({"name": name, "words": words, "figure": _figure(figure_coverage(rig, name))})
    lead = (
        "Hold the board into the empty cells, also tilted: there the lens is only guessed."
        if empty
        else "Every part of both pictures has corners."
    )
    return {"lead": lead, "cameras": parts}


def _arrows(rig: Rig, missing: list[str]) -> Facts:
    if rig.inputs.seen is None or not rig.quality.cameras:
        return None
    parts = []
    for name, c in rig.quality.cameras.items():
        fig, scale = figure_arrows(rig, name)
        text = f"{c.joint_rms_px:.2f} px rms; "
        parts.append({"name": name, "text": text, "scale": scale, "figure": _figure(fig)})
    return {"cameras": parts}


def _views(rig: Rig, missing: list[str]) -> Facts:
    rows = rig.quality.views
    usual = np.median([r.rms_px for r in rows if r.rms_px is not None] or [1.0])
    out = []
    for r in sorted(rows, key=lambda r: (r.name, r.camera)):
        notes = [r.reason] if r.reason else []
        if r.corners_rejected:
            notes.append(f"{r.corners_rejected} corners left out")
        doubtful = r.rms_px is not None and r.rms_px > 2.5 * usual
        if doubtful:
            notes.append("worse than the others")
        sign = "✕ " if r.rejected else "! " if notes else ""
        numbers = [(r.rms_px, 2), (r.holdout_px, 2), (r.sharpness_px, 1)]
        out.append(
            {
                "kind": "bad" if r.rejected else "doubtful" if sign else "",
                "sign": sign,
                "name": r.name,
                "camera": r.camera,
                "cells": [r.n, *("–" if v is None else f"{v:.{k}f}" for v, k in numbers)],
                "notes": notes,
            }
        )
    return {"rows": out, "out": sum(r.rejected for r in rows)} if rows else None


def _models(rig: Rig, missing: list[str]) -> Facts:
    rows = []
    for m in rig.quality.models:
        hold = m.holdout_px if m.holdout_both_px is None else m.holdout_both_px
        name = (
            f"{m.left} + {m.right} coefficients"
            f"{', bent board' if m.warp else ''}{' (chosen)' if m.chosen else ''}"
        )
        rows.append((name, f"{m.rms_px:.3f}", "–" if hold is None else f"{hold:.3f}", m.chosen))
    warp = rig.quality.warp_mm
    note = warp and (
        f"The board is bent: its middle bulges by {warp[0]:+.1f} mm along the columns and "
        f"{warp[1]:+.1f} mm along the rows"
        + "".join(f", its corners stand {x:+.1f} mm up and down by turns" for x in warp[2:])
        + "."
    )
    return {"rows": rows, "note": note} if rows else None


_SECTIONS: dict[str, Callable[[Rig, list[str]], Facts]] = {
    "numbers": _numbers,
    "ambiguous": _ambiguous,
    "room": _room,
    "seats": _seats,
    "slip": _slip,
    "tape": _tape,
    "coverage": _coverage,
    "arrows": _arrows,
    "views": _views,
    "models": _models,
}


# -- inside ----------------------------------------------------------------------------------------
def _pm(value: float, sigma: float | None, unit: str, digits: int) -> str:
    """A value with its σ, with as many digits as the σ deserves."""
    space = "" if unit == "°" else " "
    if sigma is None or not np.isfinite(sigma) or sigma <= 0:
        return f"{value:.{digits}f}{space}{unit}"
    digits = int(np.clip(1 - np.floor(np.log10(sigma)), 0, 6))
    return f"{value:.{digits}f} ± {sigma:.{digits}f}{space}{unit}"


def _signed(x: float) -> str:
    """With its sign and one decimal, but never −0.0."""
    return f"{x:+.1f}" if abs(x) >= 0.05 else "0.0"


def _figure(fig: Any) -> Markup:
    html = fig.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True, "displayModeBar": False},
    )
    return Markup(html)


# Plotly measures its boxes before the page has its final width (scroll bar, phone): once more then.
_RESIZE = """
addEventListener("load", () => document.querySelectorAll(".js-plotly-plot").forEach(
  (plot) => Plotly.Plots.resize(plot)));
"""
