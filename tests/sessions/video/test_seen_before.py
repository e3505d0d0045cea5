"""Chapters without sound that hold the same minutes, encoded otherwise, are known by what moves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gaze.lesson.clock import with_repeats
from sessions.video import probe
from sessions.video.seen_before import seen_before
from tests.sessions.video.films import write

RATE, SCREEN_S = 10, 12
Y, X = np.mgrid[:90, :160]


@cache
def a_class(n: int, *, heads: int = 8, loop: bool = False) -> np.ndarray:
    """(90, 160, 3) picture ``n``: heads that sway and turn, each in its own way, in one row; with
    ``loop`` a film on a screen, which begins anew."""
    rng = np.random.default_rng(8)
    shown = 110 + 30 * np.sin(X / 9) * np.cos(Y / 7)
    for k in range(heads):
        speed, phase = rng.uniform(0.2, 1.6, 4), rng.uniform(0, 6, 4)
        sway = 4 * np.sin(speed * n / RATE + phase)
        x = 10 + 140 * k / max(heads - 1, 1) + sway[0] + sway[1]
        y = 60 + sway[2] + sway[3]
        shown += rng.choice([-80, 80]) * np.exp(-(((X - x) / 3.5) ** 2) - ((Y - y) / 4.5) ** 2)
    if loop:
        film = np.random.default_rng(n // 5 % (2 * SCREEN_S)).uniform(0, 255, (4, 8))
        shown[10:30, 60:100] = np.kron(film, np.ones((5, 5)))
    shown += np.random.default_rng(n).normal(0, 1, shown.shape)
    return np.repeat(np.clip(shown, 0, 255)[..., None], 3, 2).astype(np.uint8)


def chapters(folder: Path, *parts: tuple[float, float], **how: bool | float) -> list[Path]:
    """Films of a class between these seconds, each encoded otherwise."""
    return [
        write(
            folder / f"{k}.mp4",
            numbers=range(round(a * RATE), round(b * RATE)),
            rate=RATE,
            options={"crf": str(18 + 4 * k), "g": str((10, 25, 100)[k]), "preset": "veryfast"},
            draw=lambda n: a_class(n, **how),  # type: ignore[arg-type]
        )
        for k, (a, b) in enumerate(parts)
    ]


@pytest.mark.parametrize(("second", "third", "found_s"), [
    ((20, 32), (32, 44), (None, None)),
    ((8.3, 32), (32, 44), (8.3, None)),
    ((20, 32), (0, 12), (None, 0.0)),
    ((0, 20), (9.5, 20), (0.0, 29.5)),
])  # fmt: skip
def test_what_was_seen_before(
    tmp_path: Path,
    second: tuple[float, float],
    third: tuple[float, float],
    found_s: tuple[float | None, float | None],
) -> None:
    """The next minutes; the last ones of the first again; all of it again; both."""
    info = probe(chapters(tmp_path, (0, 20), second, third))
    found = [f and f[0] for f in seen_before(info)]
    assert found == [s if s is None else pytest.approx(s, abs=0.11) for s in found_s]


@pytest.mark.parametrize("how", [{"heads": 0}, {"heads": 0, "loop": True}, {"heads": 3}])
def test_an_honest_recording_is_not_blamed(tmp_path: Path, how: dict[str, float]) -> None:
    """An empty room, one in which a film runs anew, few who move."""
    info = probe(chapters(tmp_path, (0, SCREEN_S), (SCREEN_S, 2 * SCREEN_S), **how))
    assert seen_before(info) == [None]


def test_without_sound_it_is_said(tmp_path: Path) -> None:
    info = probe(chapters(tmp_path, (0, 20), (8, 20)))
    (said,) = with_repeats(info, None).remarks[len(info.remarks) :]
    assert "has 1.mp4 begin with what was seen in 0.mp4 from 8 s on" in said
