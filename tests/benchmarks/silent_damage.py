"""Wrong pictures shown as right ones: damaged films, with and without the look for them.

    python tests/benchmarks/silent_damage.py tests/data/lesson/left.mp4 OUT [ENCODER …]

The film is written again as HEVC (libx265; or libx264, libsvtav1, libvpx-vp9), 540 lines, 25 a
second, with a sensor's grain, in groups of 25 and of 50 pictures; then a place of it is
overwritten: with noise, zeros, another part of the film, or a single bit is turned. A picture is
wrong if more than 0.2 % of it is off by 25 levels. Five CPU minutes for each encoder.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.errors import UserError
from calibration.film import Image
from sessions.video import ask_frames, probe, silent_damage
from sessions.video.silent_damage import SILENT
from tests.sessions.video.films import write

SIZE_PX, FRAMES, SEEDS = (960, 540), 250, 8
KINDS = {
    "one bit": 0, "noise, 512": 512, "noise, 9 kB": 9_000, "noise, 60 kB": 60_000,
    "zeros, 4 kB": 4_096, "another part, 4 kB": 4_096,
}  # fmt: skip
X265 = "keyint={0}:min-keyint={0}:bframes={1}:bitrate=5000:log-level=0"
HOW = {
    "libx265": {"preset": "ultrafast", "x265-params": X265},
    "libx264": {"preset": "veryfast", "g": "{0}", "bf": "{1}", "crf": "10"},
    "libsvtav1": {"preset": "12", "g": "{0}", "b": "5M"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "{0}", "b": "5M"},
}


def spoil(data: bytes, kind: str, seed: int) -> bytes:
    """A film's bytes with one place overwritten, away from its ends and its index."""
    out, n, rng = bytearray(data), KINDS[kind], np.random.default_rng(seed)
    begin = data.find(b"mdat")
    end = data.rfind(b"moov") if data.rfind(b"moov") > begin else len(data)
    at = int(rng.uniform(begin + 0.1 * (end - begin), end - 0.2 * (end - begin)))
    if kind == "one bit":
        out[at] ^= 1 << int(rng.integers(8))
    elif kind.startswith("noise"):
        out[at : at + n] = rng.integers(0, 256, n, np.uint8).tobytes()
    elif kind.startswith("zeros"):
        out[at : at + n] = bytes(n)
    else:
        other = int(rng.uniform(begin + 100, end - n))
        out[at : at + n] = out[other : other + n]
    return bytes(out)


def shown(path: Path, fps: float) -> tuple[dict[int, Image], set[int]]:
    """The pictures that are shown of those asked for, small and grey by their time in ms, and the
    times of those asked for."""
    info = probe(path)
    asked = np.unique(np.searchsorted(info.times_s, np.arange(0, info.times_s[-1], 1 / fps)))
    frames = ask_frames(info, asked.tolist(), grey=True, small_px=(320, 180))
    ms = np.round(1000 * info.times_s).astype(int)
    seen = {int(ms[f.number]): f.picture for f in frames if f.picture is not None}
    return seen, set(ms[asked].tolist())


def main(lesson: Path, out: Path, codecs: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    info, rng = probe(lesson), np.random.default_rng(0)
    own = [
        cv2.resize(f.picture, SIZE_PX, interpolation=cv2.INTER_AREA)
        for f in ask_frames(info, range(min(info.frames, 55)))
        if f.picture is not None
    ]

    def draw(n: int) -> Image:
        a, b, w = own[n // 5 % len(own)], own[(n // 5 + 1) % len(own)], n % 5 / 5
        grain = rng.normal(0, 2, (SIZE_PX[1], SIZE_PX[0], 1))
        return np.clip((1 - w) * a + w * b + grain, 0, 255).astype(np.uint8)

    print("film | damage | files | pictures asked | wrong, shown: before | now | kept back, right")
    for codec, (group, b_frames) in product(codecs or ["libx265"], ((25, 0), (50, 3))):
        how = {k: v.format(group, b_frames) for k, v in HOW[codec].items()}
        path = write(out / f"{group}.mp4", frames=FRAMES, codec=codec, options=how, draw=draw)
        print(codec)
        true = {fps: shown(path, fps)[0] for fps in (25.0, 5.0)}
        for fps, clean in true.items():
            print(f"{group} | none, {fps:g} a second | 1 | {len(clean)} | 0 | 0 | "
                  f"{len(shown(path, fps)[1]) - len(clean)}", flush=True)  # fmt: skip
        for kind in KINDS:
            files, asked, wrong, right = 0, 0, [0, 0], 0
            for seed in range(SEEDS):
                fps = (25.0, 5.0)[seed % 2]
                bad = out / "bad.mp4"
                bad.write_bytes(spoil(path.read_bytes(), kind, seed))
                try:
                    sides = []
                    for silent in (frozenset[str](), SILENT):
                        silent_damage.SILENT = silent
                        sides.append(shown(bad, fps)[0])
                except UserError as error:
                    print(f"{kind}, {seed}: refused: {error}")
                    continue
                files, asked = files + 1, asked + len(true[fps])
                off = [
                    {t for t, p in side.items()
                     if (np.abs(p.astype(int) - true[fps].get(t, 255)) > 25).mean() > 0.002}
                    for side in sides
                ]  # fmt: skip
                wrong = [n + len(o) for n, o in zip(wrong, off, strict=True)]
                right += len(sides[0].keys() - off[0] - sides[1].keys())
            print(f"{group} | {kind} | {files} | {asked} | {wrong[0]} | {wrong[1]} | {right}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
