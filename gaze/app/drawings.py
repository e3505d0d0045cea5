"""The room's plan and the blackboard's elevation as SVG, as somebody who faces the blackboard sees
them: W's x grows to the left, y downwards, z towards the class (docs/conventions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from math import hypot, inf

from gaze.app.sights import Marked, Trace

CM = 100.0  # one unit of a drawing is a centimetre
ROOM_FOR_NAME = 58  # for a spot with its name and note, where k is 1
ARROWS = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="var(--slate)"/></marker></defs>'
)


@dataclass(frozen=True)
class Lengths:
    """What a drawing shows; None: not measured yet. Metres."""

    width_m: float
    height_m: float
    left_m: float | None = None
    down_m: float | None = None
    out_m: float | None = None
    board_m: tuple[float, float] = (0.25, 0.175)  # along and across the auxiliary board's corners
    standing: bool = False


@dataclass(frozen=True)
class Spot:
    """Something in the plan: a seat or a camera, by x_W and z_W in metres.

    number : of what can be moved, by pointer or arrow keys (:data:`MOVING`).
    """

    name: str
    x_m: float
    z_m: float
    kind: str  # seat, weak, out, camera
    note: str = ""
    number: int | None = None


#: Moves what is movable in a drawing and tells the page by how much: centimetres, as drawn.
MOVING = """<script>(() => {
  let held = null;
  const at = (svg, e) => new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const moved = (g, right, down) => emitEvent('spot_moved', { number: +g.dataset.number, right, down });
  document.addEventListener('pointerdown', e => {
    const g = e.target.closest('.movable'); if (!g) return;
    held = { g, from: at(g.ownerSVGElement, e) }; g.focus(); e.preventDefault(); });
  document.addEventListener('pointermove', e => {
    if (!held) return; const p = at(held.g.ownerSVGElement, e);
    held.g.setAttribute('transform', `translate(${p.x - held.from.x} ${p.y - held.from.y})`); });
  document.addEventListener('pointerup', e => {
    if (!held) return; const { g, from } = held, p = at(g.ownerSVGElement, e); held = null;
    if (Math.hypot(p.x - from.x, p.y - from.y) > 2) moved(g, p.x - from.x, p.y - from.y); });
  document.addEventListener('keydown', e => {
    const g = e.target.closest?.('.movable'), by = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, -5], ArrowDown: [0, 5] }[e.key];
    if (g && by) { e.preventDefault(); moved(g, ...by); } });
})()</script>"""  # noqa: E501


def plan(lengths: Lengths, labels: dict[str, str], spots: Sequence[Spot] = ()) -> str:
    """The room from above, the blackboard on top.

    labels : ``title``, ``blackboard``, ``left``, ``out`` as they are to be written.
    """
    w = lengths.width_m * CM
    xs = [0.0, w, *(s.x_m * CM for s in spots), (lengths.left_m or 0) * CM]
    zs = [0.0, 200.0, *(s.z_m * CM for s in spots), (lengths.out_m or 0) * CM + 60]
    x0, x1, z1 = min(xs) - 70, max(xs) + 70, max(zs) + 60
    k = max((x1 - x0) / 620, z1 / 400)  # a letter is as large in a large room
    parts = [
        f'<rect x="{-w:.1f}" y="{-9 * k:.1f}" width="{w:.1f}" height="{9 * k:.1f}" '
        'fill="var(--chalk)"/>',
        _label(-w / 2, -16 * k, labels["blackboard"], k),
    ]
    if lengths.left_m is not None and lengths.out_m is not None:
        x, z = -lengths.left_m * CM, lengths.out_m * CM
        along, across = (v * CM for v in lengths.board_m)
        deep = 6.0 if lengths.standing else across
        parts += [
            f'<rect x="{x - along:.1f}" y="{z:.1f}" width="{along:.1f}" height="{deep:.1f}" '
            'fill="var(--slate)" fill-opacity="0.25" stroke="var(--slate)" stroke-width="2"/>',
            _arrow(0, z, x, z, labels["left"], k, level=-6),
            _arrow(x, 0, x, z, labels["out"], k),
            f'<circle cx="{x:.1f}" cy="{z:.1f}" r="{5 * k:.1f}" fill="var(--bad)"/>',
        ]
    parts += [_spot(s, k, min(_apart_cm(spots) / (ROOM_FOR_NAME * k), 1.0)) for s in spots]
    return _svg(parts, -x1, -45 * k, x1 - x0, z1 + 85 * k, labels["title"])


def elevation(lengths: Lengths, labels: dict[str, str]) -> str:
    """The blackboard from the class.

    labels : ``title``, ``width``, ``height``, ``left``, ``down``.
    """
    w, h = lengths.width_m * CM, lengths.height_m * CM
    bottom = max(h, (lengths.down_m or 0) * CM) + 45
    left = max(w, (lengths.left_m or 0) * CM) + 60
    right = max(60.0, -(lengths.left_m or 0) * CM + 40)
    k = (left + right) / 620
    parts = [
        f'<rect x="{-w:.1f}" y="0" width="{w:.1f}" height="{h:.1f}" fill="var(--chalk)" '
        'fill-opacity="0.2" stroke="var(--chalk)" stroke-width="4"/>',
        _arrow(0, -22 * k, -w, -22 * k, labels["width"], k, level=-6),
        _arrow(-w - 20 * k, 0, -w - 20 * k, h, "", k),
        _label(-w + 12 * k, h / 2 + 5 * k, labels["height"], k, "start"),
    ]
    if lengths.left_m is not None and lengths.down_m is not None:
        x, y = -lengths.left_m * CM, lengths.down_m * CM
        along, across = (v * CM for v in lengths.board_m)
        tall = across if lengths.standing else 5.0
        parts += [
            f'<rect x="{x - along:.1f}" y="{y:.1f}" width="{along:.1f}" height="{tall:.1f}" '
            'fill="var(--slate)" fill-opacity="0.35" stroke="var(--slate)" stroke-width="2"/>',
            _arrow(x, 0, x, y, labels["down"], k),
            _arrow(0, y, x, y, labels["left"], k, level=18),
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 * k:.1f}" fill="var(--bad)"/>',
        ]
    parts.append(f'<circle cx="0" cy="0" r="{5 * k:.1f}" fill="var(--bad)"/>')
    return _svg(parts, -left - 30 * k, -50 * k, left + right + 30 * k, bottom + 50 * k,
                labels["title"])  # fmt: skip


def _svg(parts: Sequence[str], x: float, y: float, w: float, h: float, title: str) -> str:
    role = "group" if any("movable" in p for p in parts) else "img"  # a picture has no buttons
    return (
        f'<svg viewBox="{x:.0f} {y:.0f} {w:.0f} {h:.0f}" role="{role}" '
        f'aria-label="{escape(title)}">'
        f"{ARROWS}{''.join(parts)}</svg>"
    )


def _label(x: float, y: float, words: str, k: float, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'style="font-size:{15 * k:.1f}px">{escape(words)}</text>'
    )


def _arrow(
    x0: float, y0: float, x1: float, y1: float, words: str, k: float, *, level: float | None = None
) -> str:
    """An arrow with its words to the right; of a level arrow so far below it (negative: above)."""
    line = (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="var(--slate)" '
        f'stroke-width="{2 * k:.1f}" marker-start="url(#tip)" marker-end="url(#tip)"/>'
    )
    if level is not None:
        return line + _label((x0 + x1) / 2, y0 + level * k, words, k)
    return line + _label(x0 + 8 * k, (y0 + y1) / 2 + 5 * k, words, k, "start")


SPOT_COLOURS = {"seat": "var(--good)", "weak": "var(--warn)", "out": "var(--quiet)"}


def _apart_cm(spots: Sequence[Spot]) -> float:
    """From a spot to the nearest other one; those that stand on one another do not count."""
    pairs = ((CM * (a.x_m - b.x_m), CM * (a.z_m - b.z_m)) for a, b in combinations(spots, 2))
    return min((far for dx, dz in pairs if (far := hypot(dx, dz)) > 10), default=inf)


def _spot(s: Spot, k: float, share: float) -> str:
    """share : of the usual size, where spots are dense; very small ones carry no note."""
    k *= share
    x, y = -s.x_m * CM, s.z_m * CM
    if s.kind == "camera":
        shape = (
            f'<path d="M{x:.1f} {y:.1f}l{-9 * k:.1f} {15 * k:.1f}h{18 * k:.1f}z" '
            'fill="var(--bad)"/>'
        )
    else:
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{9 * k:.1f}" fill="{SPOT_COLOURS[s.kind]}"/>'
    words = _label(x, y + 28 * k, s.name, k)
    noted = s.note and share > 0.6
    inside = shape + words + (_label(x, y + 44 * k, s.note, 0.85 * k) if noted else "")
    if s.number is None:
        return inside
    return (
        f'<g class="movable" data-number="{s.number}" tabindex="0" role="button" '
        f'aria-label="{escape(f"{s.name} {s.note}".strip())}">{inside}</g>'
    )


def traces(rows: Sequence[Trace], now: float, title: str) -> str:
    """Sound (filled) and light (a line) of both cameras, one above the other. now : 0 to 1."""
    parts = []
    for k, row in enumerate(rows):
        bottom = 50 * (k + 1)
        for values, style in (
            (row.sound, 'fill="var(--slate)" fill-opacity=".55"'),
            (row.light, 'fill="none" stroke="var(--warn)" stroke-width="1.5"'),
        ):
            step = 600 / max(len(values) - 1, 1)
            at = " ".join(f"{step * i:.1f},{bottom - 46 * v:.1f}" for i, v in enumerate(values))
            ends = f"0,{bottom} {at} 600,{bottom}" if "slate" in style else at
            if values:
                parts.append(
                    f'<polyline points="{ends}" {style} vector-effect="non-scaling-stroke"/>'
                )
        parts.append(f'<path d="M0 {bottom}H600" stroke="var(--line)"/>')
    parts.append(f'<path d="M{600 * now:.1f} 0V100" stroke="var(--bad)" stroke-width="2" '
                 'vector-effect="non-scaling-stroke"/>')  # fmt: skip
    return (
        f'<svg viewBox="0 0 600 101" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def timeline(marks: Sequence[Marked], length_s: float, now_s: float) -> str:
    """HTML of a lesson's time: phases as bars that do not cover each other, moments as lines."""

    def percent(time_s: float) -> float:
        return 100 * min(max(time_s / length_s, 0.0), 1.0) if length_s else 0.0

    parts: list[str] = []
    ends: list[float] = []  # of each row of bars
    for start_s, label, end_s in sorted(marks, key=lambda m: m[0]):
        words, left = escape(label), percent(start_s)
        if end_s is None:
            parts.append(f'<i class="moment" style="left:{left:.2f}%" title="{words}"></i>')
            continue
        row = next((k for k, end in enumerate(ends) if end <= start_s), len(ends))
        ends[row : row + 1] = [end_s]
        parts.append(
            f'<div class="phase" style="left:{left:.2f}%;width:{percent(end_s) - left:.2f}%;'
            f'top:{1.7 * row:.1f}rem" title="{words}">{words}</div>'
        )
    parts.append(f'<i class="now" style="left:{percent(now_s):.2f}%"></i>')
    height = 1.7 * max(len(ends), 1)
    return f'<div class="timeline" style="height:{height:.1f}rem">{"".join(parts)}</div>'


def coverage_cells(cells: Sequence[int], title: str) -> str:
    """Where in a camera's picture corners were seen: 5 × 5 parts, darker where more often."""
    most = max([*cells, 1])
    parts = []
    for i, n in enumerate(cells):
        x, y = 32 * (i % 5), 18 * (i // 5)
        shade = 0.15 + 0.75 * n / most if n else 0.0
        parts.append(
            f'<rect x="{x}" y="{y}" width="31" height="17" fill="var(--slate)" '
            f'fill-opacity="{shade:.2f}" stroke="var(--line)"/>'
        )
    return (
        f'<svg viewBox="0 0 160 90" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
