"""How long `gaze check` takes for a lesson of 45 minutes.

    python tests/benchmarks/check_time.py LESSON OUT [--minutes 45] [--silent]

LESSON's two videos are repeated by stream copy (nothing is encoded) into OUT, with a sound track of
drawn noises (AAC, 48 kHz); calibration and rig come along. The lesson is then checked in a process
of its own. Prints what it says and the CPU seconds; an existing OUT is used as it is.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.camera import CAMERAS

RATE_HZ = 48000
Wave = NDArray[np.float32]


def noises(seconds: int, seed: int) -> Iterator[Wave]:
    """Syllables second by second: bursts of noise of all lengths and loudnesses."""
    rng = np.random.default_rng(seed)
    for _ in range(seconds):
        wave = 1e-3 * rng.normal(size=RATE_HZ)
        for _ in range(2):
            begin, length = rng.integers(0, RATE_HZ - 12000), rng.integers(2000, 12000)
            burst = rng.lognormal(-3, 1) * np.hanning(length) * rng.normal(size=length)
            wave[begin : begin + length] += burst
        yield np.clip(wave, -0.8, 0.8).astype(np.float32)


def packets(source: Path, kind: str, until_s: float) -> Iterator[av.Packet]:
    """A file's packets over and over, later each time."""
    late = 0
    while True:
        with av.open(str(source)) as container:
            stream = container.streams.get({kind: 0})[0]
            ticks = 0
            for packet in container.demux(stream):
                if packet.dts is None:
                    continue
                if kind == "audio" and packet.dts < 0:  # the coder's run-in
                    continue
                ticks = max(ticks, packet.pts + packet.duration)
                packet.pts += late
                packet.dts += late
                if packet.dts * packet.time_base > until_s:
                    return
                yield packet
            late += ticks


def repeated(video: Path, sound: Path | None, out: Path, seconds: float) -> None:
    """Write ``out``: the video's and the sound's packets until ``seconds``."""
    with av.open(str(video)) as v, av.open(str(sound or video)) as a, av.open(str(out), "w") as to:
        sources = [(video, "video", to.add_stream_from_template(v.streams.video[0]))]
        if sound is not None:
            sources.append((sound, "audio", to.add_stream_from_template(a.streams.audio[0])))
        for path, kind, stream in sources:  # the container interleaves them
            for packet in packets(path, kind, seconds):
                packet.stream = stream
                to.mux(packet)


def coded(seconds: int, own: int, out: Path) -> None:
    """The room's noises, and a camera's ``own``, as AAC in .m4a."""
    with av.open(str(out), "w") as to:
        stream = to.add_stream("aac", rate=RATE_HZ, layout="mono")
        for k, (room, mine) in enumerate(
            zip(noises(seconds, 1), noises(seconds, own), strict=True)
        ):
            frame = av.AudioFrame.from_ndarray(room[None] + 0.1 * mine, "fltp", "mono")
            frame.sample_rate, frame.pts = RATE_HZ, k * RATE_HZ
            frame.time_base = Fraction(1, RATE_HZ)
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))


def make(lesson: Path, out: Path, minutes: float, silent: bool) -> None:
    """The long lesson's folder."""
    shutil.copytree(lesson, out, ignore=shutil.ignore_patterns("runs", "*.mp4", "truth"))
    if not (out / "rig.json").exists():
        shutil.copy(lesson / "truth" / "rig.json", out)
    for k, camera in enumerate(CAMERAS):
        sound = None if silent else out / f"{camera}.m4a"
        if sound is not None:
            coded(int(60 * minutes), 2 + k, sound)
        repeated(lesson / f"{camera}.mp4", sound, out / f"{camera}.mp4", 60 * minutes)
        if sound is not None:
            sound.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lesson", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=45.1)
    parser.add_argument("--silent", action="store_true")
    args = parser.parse_args()
    if not args.out.exists():
        make(args.lesson, args.out, args.minutes, args.silent)
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "gaze.commands.app", "check", str(args.out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = os.times()
    print(done.stdout + done.stderr)
    cpu_s = after.children_user - before.children_user
    cpu_s += after.children_system - before.children_system
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"{args.minutes:g} min: {cpu_s:.1f} s of CPU, {peak_gb:.2f} GB, exit {done.returncode}")


if __name__ == "__main__":
    main()
