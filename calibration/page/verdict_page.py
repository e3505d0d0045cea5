"""The verdict as one HTML page: what is wrong, what to do, and the pictures that show it.

Self-contained: plotly.js is inside once, nothing is loaded from anywhere. Everything comes from
the rig (``verdict``, ``quality``, ``inputs``; their keys: ``solve/quality.py``). What a rig
does not have is left out, and the page's foot says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from plotly.offline import get_plotlyjs

from calibration.files import write_file
from calibration.page.figures import (
    figure_arrows,
    figure_coverage,
    figure_plan,
    figure_room,
    rigs_as_read,
)
from calibration.rig import Rig
from calibration.room.words import camera_words, room_words
from calibration.transform import geodesic_deg
from calibration.verdict import Cause

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
    sections = [_verdict(rig)]
    for name, build in _SECTIONS.items():
        # a rig of another version, or cut by hand, must still show its verdict
        try:
            sections.append(build(rig, missing))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            missing.append(f"{name} (incomplete: {type(error).__name__} {error})")
    sections.append(_foot(rig, missing))
    html = _document(f"Calibration: {rig.verdict.status}", [s for s in sections if s])
    write_file(Path(path), html)
    return tuple(missing)


def most_helpful(causes: Iterable[Cause]) -> Cause | None:
    """The cause whose action helps most: the first of the worst that has one (None: nothing)."""
    rank = {"FAIL": 2, "WARN": 1, "PASS": 0}
    ordered = sorted(causes, key=lambda c: (-rank[c.severity], not c.action))
    return ordered[0] if ordered else None


# -- sections --------------------------------------------------------------------------------------
def _verdict(rig: Rig) -> str:
    status = rig.verdict.status
    sign, sentence, default = _WORDS[status]
    best = most_helpful(rig.verdict.causes)
    action = (best.action if best else "") or default
    parts = [
        f'<header class="verdict {status.lower()}"><p class="badge"><span aria-hidden="true">'
        f"{sign}</span> {status}</p><h1>{sentence}</h1>"
    ]
    if best is not None:
        parts.append(f'<p class="cause">{escape(best.message)}</p>')
    if action:
        parts.append(f'<p class="action"><strong>Do this:</strong> {escape(action)}</p>')
    parts.append("</header>")
    others = [c for c in rig.verdict.causes if c is not best]
    if others:
        items = "".join(
            f'<li class="{c.severity.lower()}"><b>{c.severity}</b> {escape(c.message)}'
            + (f' <span class="do">{escape(c.action)}</span>' if c.action else "")
            + "</li>"
            for c in sorted(others, key=lambda c: c.severity != "FAIL")
        )
        parts.append(f'<section><h2>Also found</h2><ul class="causes">{items}</ul></section>')
    return "".join(parts)


def _numbers(rig: Rig, missing: list[str]) -> str:
    pair = rig.quality.get("pair", {})
    rows = [
        (
            "Distance of the cameras",
            _pm(rig.baseline_m, pair.get("baseline_sigma_m"), "m", 3),
            "measure it with a tape: does it agree?",
        ),
        (
            "Angle between the cameras",
            _pm(float(geodesic_deg(rig.T_RL.R, np.eye(3))), pair.get("rotation_sigma_deg"), "°", 1),
            "how far they are turned towards each other",
        ),
    ]
    if pair.get("holdout_px") is not None:
        expected = pair.get("holdout_expected_px")
        rows.append(
            (
                "Error on views it has not seen",
                f"{pair['holdout_px']:.2f} px",
                (f"noise alone would give {expected:.2f} px; " if expected else "")
                + "this, not the next number, says how good the calibration is",
            )
        )
    elif pair:
        rows.append(
            ("Error on views it has not seen", "unknown", "too few shared views to leave some out")
        )
    if pair.get("rms_px") is not None:
        rows.append(
            (
                "Error on views it was made from",
                f"{pair['rms_px']:.2f} px",
                "small even for a bad calibration",
            )
        )
    if pair.get("joint_to_mono") is not None:
        rows.append(
            (
                "Both cameras together against each alone",
                f"{pair['joint_to_mono']:.2f}",
                "near 1: the pictures were taken at the same moment",
            )
        )
    for check in rig.quality.get("scale", {}).get("checks", []):
        sigma = check.get("sigma_percent")
        rows.append(
            (
                f"Size check: {check['what']}",
                f"{_signed(check['error_percent'])} %" + (f" ± {sigma:.1f} %" if sigma else ""),
                "how much larger the cameras see it than was measured",
            )
        )
    for name in ("left", "right"):
        c = rig.quality.get("cameras", {}).get(name)
        if not c:
            continue
        f_sigma = (c.get("sigma") or {}).get("fx")
        rows.append(
            (
                f"Lens, {name} camera",
                f"f = {_pm(rig.camera(name).f_px, f_sigma, 'px', 1)}",
                f"{c.get('views', '?')} views, {c.get('model', '')}",
            )
        )
    if not pair:
        missing.append("hold-out error and uncertainty (this rig carries no quality)")
    body = "".join(
        f"<tr><th scope='row'>{escape(what)}</th><td class='n'>{escape(value)}</td>"
        f"<td>{escape(why)}</td></tr>"
        for what, value, why in rows
    )
    return (
        f"<section><h2>The numbers</h2><table class='wide'><tbody>{body}</tbody></table></section>"
    )


def _room(rig: Rig, missing: list[str]) -> str:
    world = rig.T_WA is not None and rig.T_AL is not None
    if world:
        lead = (
            "Does this look like your room? The cameras must stand where they stand, look into the "
            "class, and have the mark on top of their picture upwards; the tape must lead from the "
            "blackboard's upper right corner to the auxiliary board."
        )
        facts = "".join(f"<li>{escape(s)}</li>" for s in room_words(rig))
    else:
        missing.append("the blackboard (no pictures of the auxiliary board)")
        lead = "Cameras and boards, in the left camera's axes: there is no blackboard in this rig."
        facts = ""
    caption = (
        "Purple: the calibration board in each view. Dashed: the tape. Crosses at the seats: the "
        "predicted 1 σ, ten times too large. Axes: X red, Y green, Z blue, with the frame's "
        "letter. Drag to turn."
    )
    if any(row.get("room_picture") for row in rig.quality.get("auxiliary") or []):
        caption = "Grey: where the pictures of the room were taken. " + caption
    flat = _figure(figure_plan(rig), "The room from above and from the side") if world else ""
    fig = figure_room(rig)
    return (
        f"<section><h2>The room</h2><p>{lead}</p><ul class='facts'>{facts}</ul>{flat}"
        f"{_figure(fig, 'The room in three dimensions')}<p class='caption'>{caption}</p></section>"
    )


def _ambiguous(rig: Rig, missing: list[str]) -> str:
    """Every reading of an auxiliary board that the room allows, drawn, where more than one is."""
    read = rigs_as_read(rig)
    if not read:
        return ""
    parts = []
    for k, (name, one) in enumerate(read, 1):
        facts = "".join(f"<li>{escape(s)}</li>" for s in camera_words(one))
        fig = _figure(figure_room(one), f"The room by reading {k}")
        parts.append(
            f"<figure><figcaption><b>Reading {k}</b> of {escape(name)}</figcaption>{fig}"
            f"<ul class='facts'>{facts}</ul></figure>"
        )
    return (
        "<section><h2>More than one room explains the pictures</h2><p>The auxiliary pictures "
        "can be read in these ways. In one of them the cameras stand where yours stand; the "
        "program will not guess which. Do what is said above, and take the pictures again.</p>"
        f"<div class='pair'>{''.join(parts)}</div></section>"
    )


def _seats(rig: Rig, missing: list[str]) -> str:
    rows = rig.quality.get("seats") or []
    if not rows:
        missing.append("what it means at the seats (no covariance)")
        return ""
    body = ""
    for s in rows:
        gaze = s.get("gaze_cm")
        body += (
            f"<tr><th scope='row'>{s['distance_m']:g} m</th>"
            f"<td class='n'>± {s['position_cm']:.1f} cm</td>"
            f"<td class='n'>{'–' if gaze is None else f'± {max(gaze):.1f} cm'}</td></tr>"
        )
    return (
        "<section><h2>What it means at the seats</h2><p>The part of the error that comes from this "
        "calibration alone (1 σ); noses and heads add their own.</p><table><thead><tr>"
        "<th>Seat, from the blackboard</th><th>Where a nose is</th><th>Where a head points on the "
        f"blackboard</th></tr></thead><tbody>{body}</tbody></table></section>"
    )


def _slip(rig: Rig, missing: list[str]) -> str:
    slip = rig.quality.get("slip")
    if not slip:
        if rig.T_WA is not None:
            missing.append("what a slip of the auxiliary board does")
        return ""
    seats = rig.quality.get("seats") or [{} for _ in slip["shift_cm"]]
    axes = {
        "r": "tipped about the edge along the blackboard",
        "b": "rolled sideways",
        "u": "turned on the table",
    }
    body = ""
    for seat, shift, turn, axis in zip(
        seats, slip["shift_cm"], slip["turn_cm"], slip["turn_axis"], strict=False
    ):
        distance = f"{seat['distance_m']:g} m" if "distance_m" in seat else "seat"
        body += (
            f"<tr><th scope='row'>{distance}</th><td class='n'>{shift:.1f} cm</td>"
            f"<td class='n'>{turn:.0f} cm</td><td>{escape(axes.get(axis, axis))}</td></tr>"
        )
    cm, deg = 100 * slip["slip_m"], slip["slip_deg"]
    checked = any(row.get("room_picture") for row in rig.quality.get("auxiliary") or [])
    lead = (
        "The pictures of the auxiliary board cannot show this error, in which every gaze point of "
        "the class moves together; the picture of the room checks it (below)."
        if checked
        else "No calibration can see this error: every gaze point of the class moves together. "
        "Measure twice, or add a picture of the room."
    )
    return (
        f"<section><h2>If the auxiliary board was not where it is said to be</h2><p>{lead}</p>"
        f"<table><thead><tr><th>Seat</th><th>{cm:g} cm off</th><th>{deg:g}° askew</th>"
        f"<th>worst when</th></tr></thead><tbody>{body}</tbody></table></section>"
    )


def _tape(rig: Rig, missing: list[str]) -> str:
    rows = rig.quality.get("auxiliary") or []
    if not rows:
        return ""
    body, notes = "", []
    for i, row in enumerate(rows, 1):
        placement = str(row.get("placement", ""))
        if placement == "tilted" and row.get("tilt_deg") is not None:
            placement += f" {row['tilt_deg']:g}°"
        picture = row.get("room_picture")
        difference = picture and picture["tape_minus_picture_cm"]
        rms = row.get("rms_px")
        off, turned = row.get("tape_error_cm"), row.get("turn_error_deg")
        fit = "–" if rms is None else f"{rms:.2f} px"
        if picture and difference is None:
            check = "not measured by tape"
        elif len(rows) < 2 and not picture:
            check = "one placement: no check"
        elif len(rows) < 2 or off is None:
            check = "see below"
        else:
            check = f"{np.linalg.norm(off):.1f} cm, {np.linalg.norm(turned or [0]):.1f}°"
        if picture is None or difference is not None:
            t = row.get("t_WA_m") or [float("nan")] * 3
            lengths = "".join(
                f"<td class='n'>{'–' if np.isnan(v) else f'{v:.3f} m'}</td>" for v in t
            )
            body += (
                f"<tr><th scope='row'>{i}. {escape(placement)}, by tape</th>{lengths}"
                f"<td class='n'>{fit}</td><td class='n'>{check}</td></tr>"
            )
        if not picture:
            continue
        pairs = zip(picture["t_WA_m"], picture["sigma_cm"], strict=True)
        seen = "".join(f"<td class='n'>{_pm(v, s / 100, 'm', 3)}</td>" for v, s in pairs)
        rms = max(picture["clicks_rms_px"])
        body += (
            f"<tr><th scope='row'>{i}. {escape(placement)}, by picture of the room</th>{seen}"
            f"<td class='n'>clicks {rms:.1f} px</td>"
            f"<td class='n'>{check if difference is None else ''}</td></tr>"
        )
        if difference is not None:
            pairs = zip(difference, picture["difference_sigma_cm"], strict=True)
            body += (
                f"<tr><th scope='row'>{i}. tape − picture</th>"
                + "".join(f"<td class='n'>{_signed(d)} ± {s:.1f} cm</td>" for d, s in pairs)
                + "<td></td><td></td></tr>"
            )
        r, b, u = picture["turned_deg"]
        sigma = max(picture["turned_sigma_deg"])
        notes.append(
            f"In the picture of the room, board {i} lies {_signed(u)}° turned as seen from above, "
            f"{_signed(r)}° tipped and {_signed(b)}° rolled against how it was said to lie "
            f"(± {sigma:.1f}°)."
        )
    words = "".join(f"<p class='caption'>{escape(n)}</p>" for n in notes)
    return (
        "<section><h2>Where the auxiliary board was</h2><p>From the blackboard's upper right "
        "corner to the auxiliary board's first inner corner.</p><table><thead><tr>"
        "<th>Placement</th><th>left</th><th>down</th><th>out</th><th>fit</th>"
        "<th>disagrees with the others by</th></tr></thead>"
        f"<tbody>{body}</tbody></table>{words}</section>"
    )


def _coverage(rig: Rig, missing: list[str]) -> str:
    if not rig.inputs.get("views") or not rig.quality.get("views"):
        missing.append("coverage and reprojection pictures (this rig carries no corners)")
        return ""
    parts = []
    empty = 0
    for name in ("left", "right"):
        c = rig.quality.get("cameras", {}).get(name, {}).get("coverage", {})
        words = []
        empty += int((np.array(c.get("cells", [])) == 0).sum())
        if c:
            words = [
                f"{100 * c['share']:.0f} % of the picture has corners",
                f"board tilted up to {c['tilt_max_deg']:.0f}°, "
                f"to {c['tilt_directions']} of 8 sides",
                f"held {c['nearest_m']:.1f}–{c['furthest_m']:.1f} m away",
            ]
        fig = _figure(figure_coverage(rig, name), f"Corners seen by the {name} camera")
        parts.append(
            f"<figure><figcaption><b>{name} camera</b>: {'; '.join(words)}</figcaption>{fig}"
            "</figure>"
        )
    lead = (
        "Hold the board into the empty cells, also tilted: there the lens is only guessed."
        if empty
        else "Every part of both pictures has corners."
    )
    return (
        f"<section><h2>Where the board was seen</h2><p>{lead}</p>"
        f"<div class='pair'>{''.join(parts)}</div></section>"
    )


def _arrows(rig: Rig, missing: list[str]) -> str:
    if not rig.inputs.get("views") or not rig.quality.get("views"):
        return ""
    parts = []
    for name in ("left", "right"):
        fig, scale = figure_arrows(rig, name)
        rms = rig.quality.get("cameras", {}).get(name, {}).get("joint_rms_px")
        text = "" if rms is None else f"{rms:.2f} px rms; "
        parts.append(
            f"<figure><figcaption><b>{name} camera</b>: {text}arrows {scale:g} × too long"
            f"</figcaption>{_figure(fig, f'Reprojection errors of the {name} camera')}</figure>"
        )
    return (
        "<section><h2>How far corners are off</h2><p>Arrows that point every way are noise. Arrows "
        "that agree with their neighbours mean a wrong lens model, a bent board, or a camera that "
        f"moved.</p><div class='pair'>{''.join(parts)}</div></section>"
    )


def _views(rig: Rig, missing: list[str]) -> str:
    rows = rig.quality.get("views") or []
    if not rows:
        return ""
    usual = np.median([r["rms_px"] for r in rows if r.get("rms_px") is not None] or [1.0])
    body = ""
    for r in sorted(rows, key=lambda r: (str(r["name"]), r["camera"])):
        rms, hold = r.get("rms_px"), r.get("holdout_px")
        notes = [str(r["reason"])] if r.get("reason") else []
        if r.get("corners_rejected"):
            notes.append(f"{r['corners_rejected']} corners left out")
        bad = bool(r.get("rejected"))
        doubtful = rms is not None and rms > 2.5 * usual
        if doubtful:
            notes.append("worse than the others")
        sign = "✕ " if bad else "! " if doubtful or notes else ""
        sharp = r.get("sharpness_px")
        body += (
            f"<tr class='{'bad' if bad else 'doubtful' if sign else ''}'>"
            f"<th scope='row'>{sign}{escape(str(r['name']))}</th><td>{r['camera']}</td>"
            f"<td class='n'>{r.get('n', 0)}</td>"
            f"<td class='n'>{'–' if rms is None else f'{rms:.2f}'}</td>"
            f"<td class='n'>{'–' if hold is None else f'{hold:.2f}'}</td>"
            f"<td class='n'>{'–' if sharp is None else f'{sharp:.1f}'}</td>"
            f"<td>{escape('; '.join(notes))}</td></tr>"
        )
    out = sum(bool(r.get("rejected")) for r in rows)
    return (
        f"<section><h2>View by view</h2><p>{len(rows)} pictures, {out} not used (✕).</p>"
        "<div class='scroll' tabindex='0'><table><thead><tr><th>View</th><th>camera</th>"
        "<th>corners</th><th>error, px</th><th>left out: error, px</th><th>edge width, px</th>"
        f"<th>remark</th></tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _models(rig: Rig, missing: list[str]) -> str:
    rows = rig.quality.get("models") or []
    if not rows:
        return ""
    body = ""
    for m in rows:
        hold = m.get("holdout_both_px", m.get("holdout_px"))
        body += (
            f"<tr class='{'chosen' if m.get('chosen') else ''}'><th scope='row'>"
            f"{m.get('left')} + {m.get('right')} coefficients"
            f"{', bent board' if m.get('warp') else ''}"
            f"{' (chosen)' if m.get('chosen') else ''}</th>"
            f"<td class='n'>{m.get('rms_px', float('nan')):.3f}</td>"
            f"<td class='n'>{'–' if hold is None else f'{hold:.3f}'}</td></tr>"
        )
    warp = rig.quality.get("warp_mm")
    note = (
        f"<p>The board is bent: its middle bulges by {warp[0]:+.1f} mm along the columns and "
        f"{warp[1]:+.1f} mm along the rows.</p>"
        if warp
        else ""
    )
    return (
        f"<section><details><summary>Lens models that were tried</summary>{note}<table><thead><tr>"
        "<th>Model</th><th>error, px</th><th>on views it has not seen, px</th></tr></thead>"
        f"<tbody>{body}</tbody></table></details></section>"
    )


def _foot(rig: Rig, missing: list[str]) -> str:
    versions = rig.inputs.get("versions", {})
    parts = []
    if missing:
        parts.append("<p>Not shown: " + "; ".join(escape(m) for m in missing) + ".</p>")
    if versions:
        made = ", ".join(f"{escape(str(k))} {escape(str(v))}" for k, v in versions.items())
        parts.append(f"<p>Made with {made}.</p>")
    parts.append(
        "<p>±: one standard deviation. px: pixels of the calibration pictures. Left and right: for "
        "somebody who faces the blackboard.</p>"
    )
    return f"<footer>{''.join(parts)}</footer>"


_SECTIONS: dict[str, Callable[[Rig, list[str]], str]] = {
    "the numbers": _numbers,
    "two ways to read the auxiliary pictures": _ambiguous,
    "the room": _room,
    "what it means at the seats": _seats,
    "what a slip of the auxiliary board does": _slip,
    "the tape": _tape,
    "where the board was seen": _coverage,
    "how far corners are off": _arrows,
    "view by view": _views,
    "lens models": _models,
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


def _figure(fig: Any, label: str) -> str:
    html = fig.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True, "displayModeBar": False},
    )
    return f'<div class="figure" role="img" aria-label="{escape(label)}">{html}</div>'


_CSS = """
:root { --ink: #1f2430; --soft: #5b6270; --line: #dde1e7; --paper: #fff; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  color: var(--ink); background: #f3f4f7; }
main { max-width: 1060px; margin: 0 auto; padding: 16px; }
section, header.verdict { background: var(--paper); border: 1px solid var(--line);
  border-radius: 10px; padding: 18px 22px; margin: 0 0 16px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 10px; }
h2 { font-size: 1.15rem; margin: 0 0 8px; }
p { margin: 0 0 10px; }
header.verdict { border-left: 14px solid; }
header.pass { border-left-color: #0072B2; }
header.warn { border-left-color: #E69F00; }
header.fail { border-left-color: #D55E00; }
.badge { font-size: 2.1rem; font-weight: 800; letter-spacing: .04em; margin: 0 0 8px; }
.badge span { display: inline-block; width: 1.5em; height: 1.5em; line-height: 1.5em;
  text-align: center; border-radius: 50%; color: #fff; margin-right: .2em; }
.pass .badge span { background: #0072B2; } .warn .badge span { background: #E69F00; color: #000; }
.fail .badge span { background: #D55E00; border-radius: 4px; }
.action { background: #f3f4f7; padding: 10px 14px; border-radius: 6px; margin: 0; }
ul.causes { list-style: none; padding: 0; margin: 0; }
ul.causes li { border-left: 6px solid #E69F00; padding: 4px 0 4px 12px; margin: 0 0 8px; }
ul.causes li.fail { border-left-color: #D55E00; }
ul.causes li.pass { border-left-color: #0072B2; }
.do { color: var(--soft); display: block; }
.facts { margin: 8px 0 0; padding-left: 20px; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; font-size: .85rem; }
tbody th { font-weight: 500; }
.n { white-space: nowrap; font-variant-numeric: tabular-nums; }
.wide td:last-child { color: var(--soft); }
tr.bad th, tr.bad td { background: #fbeee6; }
tr.doubtful th, tr.doubtful td { background: #fdf6e3; }
tr.chosen th { font-weight: 700; }
.scroll { max-height: 420px; overflow: auto; }
.scroll thead th { position: sticky; top: 0; background: var(--paper); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; }
figure { margin: 0; min-width: 0; } figcaption { margin-bottom: 6px; font-size: .95rem; }
.caption, footer { color: var(--soft); font-size: .9rem; }
.figure { min-width: 0; overflow: hidden; }
summary { cursor: pointer; font-weight: 600; }
footer { padding: 0 4px 24px; }
@media (max-width: 720px) {
  main { padding: 8px; } section, header.verdict { padding: 14px; }
  .pair { grid-template-columns: 1fr; }
  .badge { font-size: 1.6rem; } h1 { font-size: 1.2rem; }
  section { overflow-x: auto; }
  table.wide tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--line); }
  table.wide th, table.wide td { display: block; border: 0; padding: 0; }
  table.wide td.n { font-weight: 700; }
}
@media print {
  body { background: #fff; } section { break-inside: avoid; } .scroll { max-height: none; }
}
"""

# Plotly measures its boxes before the page has its final width (scroll bar, phone): once more then.
_RESIZE = """
addEventListener("load", () => document.querySelectorAll(".js-plotly-plot").forEach(
  (plot) => Plotly.Plots.resize(plot)));
"""


def _document(title: str, sections: list[str]) -> str:
    """The whole page; joined, not formatted, because plotly.js is full of braces."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_CSS}</style>",
            f"<script>{get_plotlyjs()}</script>",
            "</head>\n<body><main>",
            *sections,
            f"</main><script>{_RESIZE}</script></body>\n</html>",
            "",
        ]
    )
