"""Mistakes with files and numbers, made to a lesson's folder: what `gaze calibrate` says of each.

    python tests/benchmarks/calibration_pictures.py [--lesson tests/data/lesson] [--only WORD]

The pictures of a simulated lesson (truth/rig.json) are changed on disk, or a line of its
session.toml, and the folder is calibrated from the start. *Named*: the first cause (or the sentence
of a refusal) says what was done. *Off*: how far gaze points from 6 m are moved (rms of five points,
as in calibration_mistakes.py). The last ones are no mistakes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.camera import CAMERAS  # noqa: E402
from calibration.errors import UserError  # noqa: E402
from calibration.rig import Rig  # noqa: E402
from calibration.transform import Array  # noqa: E402
from gaze.setup.calibrate import calibrate_lesson  # noqa: E402
from tests.benchmarks.calibration_mistakes import gaze_off_cm  # noqa: E402

#: What is done to the lesson's folder.
Spoil = Callable[[Path], None]


@dataclass(frozen=True)
class Mistake:
    """What is done, and words of the code or sentence that name it (none: nothing need be said)."""

    name: str
    words: tuple[str, ...]
    spoil: Spoil


def pictures(folder: Path, camera: str, *, auxiliary: bool = True) -> list[Path]:
    """A camera's pictures of the board, in order; with that of the auxiliary board last."""
    mine = sorted((folder / "calibration" / camera).glob("*.jpg"))
    return [*mine, folder / "calibration" / "auxiliary" / f"{camera}.jpg"][
        : None if auxiliary else -1
    ]


def repaint(paths: list[Path], change: Callable[[Array], Array], quality: int = 95) -> None:
    """Each picture changed and written again."""
    for path in paths:
        image = change(cv2.imread(str(path)))
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def exchange(a: Path, b: Path) -> None:
    """Two files or folders take each other's names."""
    aside = a.with_name(a.name + ".aside")
    a.rename(aside), b.rename(a), aside.rename(b)


def zoomed(factor: float) -> Callable[[Array], Array]:
    """The middle of a picture, blown up to its size."""

    def change(image: Array) -> Array:
        h, w = image.shape[:2]
        M = np.array([[factor, 0, (1 - factor) * w / 2], [0, factor, (1 - factor) * h / 2]])
        return cv2.warpAffine(image, M, (w, h), borderMode=cv2.BORDER_REPLICATE)

    return change


def shifted(x_px: float) -> Callable[[Array], Array]:
    """A picture moved sideways, as a camera that turned a little shows it."""
    M = np.array([[1, 0, x_px], [0, 1, 0.0]])
    return lambda image: cv2.warpAffine(
        image, M, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )


def smaller(image: Array) -> Array:
    return cv2.resize(image, None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA)


def lamp(image: Array) -> Array:
    """A bright spot in the middle."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w]
    light = 255 * np.exp(-(((x - w / 2) / (w / 9)) ** 2 + ((y - h / 2) / (h / 9)) ** 2))
    return np.clip(image + light[..., None], 0, 255).astype(np.uint8)


def said(old: str, new: str) -> Spoil:
    """A line of session.toml changed."""

    def spoil(folder: Path) -> None:
        path = folder / "session.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def in_turn(*spoils: Spoil) -> Spoil:
    """One after the other."""

    def spoil(folder: Path) -> None:
        for one in spoils:
            one(folder)

    return spoil


def both(folder: Path) -> list[Path]:
    return pictures(folder, "left") + pictures(folder, "right")


def cameras_exchanged(folder: Path) -> None:
    exchange(folder / "calibration" / "left", folder / "calibration" / "right")
    exchange(*(folder / "calibration" / "auxiliary" / f"{c}.jpg" for c in CAMERAS))


def one_later(folder: Path) -> None:
    shared = [p for p in pictures(folder, "right", auxiliary=False) if p.stem.isdigit()]
    for k in range(len(shared) - 1):
        shutil.copy(shared[k + 1], shared[k])
    shared[-1].unlink()


def auxiliary_of_a_view(folder: Path) -> None:
    for camera in CAMERAS:
        shutil.copy(
            pictures(folder, camera)[4], folder / "calibration" / "auxiliary" / f"{camera}.jpg"
        )


def half(folder: Path, camera: str) -> list[Path]:
    mine = [p for p in pictures(folder, camera, auxiliary=False) if p.stem.isdigit()]
    return mine[len(mine) // 2 :]


def auxiliary(folder: Path) -> list[Path]:
    return [folder / "calibration" / "auxiliary" / f"{camera}.jpg" for camera in CAMERAS]


def one_for_both(folder: Path) -> None:
    shutil.copy(*auxiliary(folder))


def blurred(image: Array) -> Array:
    return cv2.filter2D(image, -1, np.full((1, 17), 1 / 17))


MISTAKES = [
    Mistake("left and right exchanged", ("cameras_swapped",), cameras_exchanged),
    Mistake("everything mirrored", ("cameras_swapped", "mirror"),
            lambda f: repaint(both(f), lambda i: i[:, ::-1])),
    Mistake("the left camera mirrored", ("mirror",),
            lambda f: repaint(pictures(f, "left"), lambda i: i[:, ::-1])),
    Mistake("one picture mirrored", ("mirror",),
            lambda f: repaint(pictures(f, "left")[3:4], lambda i: i[:, ::-1])),
    Mistake("auxiliary pictures exchanged", ("swapped_pictures",),
            lambda f: exchange(*auxiliary(f))),
    Mistake("one auxiliary picture copied for both", ("same_picture_twice",),
            one_for_both),
    Mistake("a hand-held view as auxiliary pictures", ("auxiliary_is_a_view", "auxiliary"),
            auxiliary_of_a_view),
    Mistake("right camera's names one too late", ("pairs_shifted",), one_later),
    Mistake("auxiliary pictures zoomed by 10 %", ("auxiliary_zoom",),
            lambda f: repaint(auxiliary(f), zoomed(1.1))),
    Mistake("left zoomed by 4 % half way", ("zoom_changed",),
            lambda f: repaint(half(f, "left"), zoomed(1.04))),
    Mistake("right camera moved by 25 px half way", ("camera_moved",),
            lambda f: repaint(half(f, "right"), shifted(25))),
    Mistake("right camera moved by 25 px before the auxiliary picture",
            ("camera_bumped", "auxiliary_moved"), lambda f: repaint(auxiliary(f)[1:], shifted(25))),
    Mistake("half of the right pictures sent by a messenger, 720p", ("size", "720"),
            lambda f: repaint(half(f, "right"), smaller)),
    Mistake("auxiliary pictures sent by a messenger, 720p", ("size", "720"),
            lambda f: repaint(auxiliary(f), smaller)),
    Mistake("all pictures blurred by 17 px sideways", ("blurred", "no board", "not found"),
            lambda f: repaint(both(f), blurred)),
    Mistake("all pictures JPEG of quality 4", ("noise", "blurred", "not found", "no board"),
            lambda f: repaint(both(f), lambda i: i, quality=4)),
    Mistake("tape from the upper left corner", ("tape_from_upper_left",),
            said("left_m = 1.7400", "left_m = 2.26")),
    Mistake("down to the floor", ("tape_to_floor",), said("down_m = 1.3600", "down_m = 2.08")),
    Mistake("out with two digits exchanged", ("tape_digits", "tape_wrong"),
            said("out_m = 1.7500", "out_m = 1.57")),
    Mistake("out in centimetres", ("out_m",), said("out_m = 1.7500", "out_m = 175")),
    Mistake("board said to stand", ("wrong_placement",),
            said('placement = "flat"', 'placement = "standing"')),
    Mistake("squares of the hand-held board twice as large", ("scale", "auxiliary_square"),
            said("square_m = 0.05\n", "square_m = 0.10\n")),
    Mistake("squares in millimetres", ("square_m",), said("square_m = 0.05\n", "square_m = 50\n")),
    Mistake("squares counted instead of corners", ("inner_corners", "counted"),
            said("[9, 6]\nsquare_m = 0.05", "[10, 7]\nsquare_m = 0.05")),
    Mistake("blackboard's width of one panel", ("blackboard_width",),
            said("width_m = 4.0", "width_m = 3.0")),
    Mistake("corners_m exchanged", ("corners_exchanged",),
            in_turn(said("[0.26, 4.23, 1.19, 4.39]", "[X]"),
                    said("[4.29, 0.32, 4.44, 1.19]", "[0.26, 4.23, 1.19, 4.39]"),
                    said("[X]", "[4.29, 0.32, 4.44, 1.19]"))),
    Mistake("apart_m 60 cm short", ("scale",), said("apart_m = 4.51", "apart_m = 3.91")),
    Mistake("no mistake", (), lambda f: None),
    Mistake("a lamp in the middle of all pictures", (), lambda f: repaint(both(f), lamp)),
    Mistake("left camera upside down, and said", (),
            in_turn(lambda f: repaint(pictures(f, "left"), lambda i: i[::-1, ::-1]),
                    said('video = "left.mp4"', 'video = "left.mp4"\nrotate = 180'))),
    Mistake("right camera on its side, not said", ("camera_rolled", "rotate"),
            lambda f: repaint(pictures(f, "right"), lambda i: np.rot90(i).copy())),
]  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lesson", type=Path, default=ROOT / "tests" / "data" / "lesson")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    truth = Rig.load(options.lesson / "truth" / "rig.json")
    print("| mistake | off, cm | verdict | named | first cause |\n|---|---|---|---|---|")
    named = silent = total = 0
    for mistake in MISTAKES:
        if options.only not in mistake.name:
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(shutil.copytree(options.lesson, Path(place) / "lesson"))
            mistake.spoil(folder)
            off = np.nan
            try:
                rig, *_ = calibrate_lesson(folder, page=False)
                status = rig.verdict.status
                causes = [c for c in rig.verdict.causes if c.severity != "PASS"]
                says = f"{causes[0].code}: {causes[0].message}" if causes else ""
                if rig.T_WA is not None:
                    off = gaze_off_cm(rig, truth, (4.0, 1.2))
            except UserError as error:
                status, says = "refused", str(error)
        good = any(w in says for w in mistake.words) if mistake.words else status != "FAIL"
        named, total = named + good, total + 1
        silent += status == "PASS" and off > 5.0
        far = "–" if np.isnan(off) else f"{off:.1f}"
        print(f"| {mistake.name} | {far} | {status} | {'yes' if good else 'no'} | "
              f"{says.splitlines()[0][:110] if says else ''} |", flush=True)  # fmt: skip
    print(f"\n{total}: {named} named, {silent} in PASS with gaze points over 5 cm off.")


if __name__ == "__main__":
    main()
