"""A folder of calibration pictures (or videos) → the corners in them.

``left/`` and ``right/`` hold pictures, or one video each. Pictures with equal names were taken
together; where no names are equal, the last number in the name decides (``left07.jpg``,
``right07.jpg``). Nothing here raises because of a single picture: its reason goes into the view.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import PICTURES, UNREAD, VIDEOS, Board, View
from calibration.corners.detect import Found
from calibration.corners.process import TIME_LIMIT_S, find_all
from calibration.errors import CalibrationError
from calibration.mounting import AS_THE_FILE_SAYS, Mounting
from calibration.transform import Array
from calibration.verdict import Cause

if TYPE_CHECKING:
    from calibration.corners.moments import Offset

Mountings = Mapping[str, Mounting]
AS_THE_FILES_SAY: Mountings = dict.fromkeys(CAMERAS, AS_THE_FILE_SAYS)


def _files(folder: Path, kinds: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    return sorted(
        (p for p in found if p.suffix.lower() in kinds), key=lambda p: natural_order(p.name)
    )


def natural_order(name: str) -> list[Any]:
    """Sorts 2 before 10."""
    return [(0, int(x), "") if x.isdigit() else (1, 0, x.lower()) for x in re.split(r"(\d+)", name)
            if x]  # fmt: skip


def _all_pictures(folder: Path) -> list[Path]:
    """Pictures by suffix; other files too, so that they are named as no pictures."""
    if not folder.is_dir():
        return []
    skip = (*VIDEOS, ".txt", ".md", ".json", ".toml", ".csv", ".yml", ".yaml", ".ini", ".db")
    found = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    return sorted(
        (p for p in found if p.suffix.lower() not in skip), key=lambda p: natural_order(p.name)
    )


def pair_names(
    left: Sequence[Path], right: Sequence[Path]
) -> list[tuple[str, Path | None, Path | None]]:
    """Pictures taken together: (name, left, right), by equal stems or by the last number."""

    def stem(p: Path) -> str:
        return p.stem.lower()

    def number(p: Path) -> str:
        digits = re.findall(r"\d+", p.stem)
        return str(int(digits[-1])) if digits else p.stem.lower()

    by_stem = {stem(p) for p in left} & {stem(p) for p in right}
    by_number = {number(p) for p in left} & {number(p) for p in right}
    unique = all(len({number(p) for p in side}) == len(side) for side in (left, right))
    key = number if unique and len(by_number) > len(by_stem) else stem
    a, b = {key(p): p for p in left}, {key(p): p for p in right}
    names = sorted(set(a) | set(b), key=natural_order)
    return [(n, a.get(n), b.get(n)) for n in names]


@dataclass(frozen=True)
class FolderCorners:
    """What a folder gives: views, sizes, and what was found wrong on the way."""

    views: tuple[View, ...]
    sizes: dict[str, tuple[int, int]]
    causes: tuple[Cause, ...]


def read_folder(
    folder: Path,
    board: Board,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    offset_s: float | None = None,
    progress: Callable[[str, float], None] | None = None,
    mountings: Mountings = AS_THE_FILES_SAY,
) -> FolderCorners:
    """Corners of all views in ``folder/left`` and ``folder/right``.

    offset_s : right clock minus left clock, for videos; None: measured. mountings : how the
    cameras hang.

    Raises
    ------
    CalibrationError : no pictures, or a board that is found in hardly any of them.
    """
    folder = Path(folder)
    for camera in CAMERAS:
        if not (folder / camera).is_dir():
            raise CalibrationError(
                "there is no folder with calibration pictures", where=folder / camera,
                remedy=f"Put the {camera} camera's pictures of the board (or one video) into it.",
            )  # fmt: skip
    videos = {c: _files(folder / c, VIDEOS) for c in CAMERAS}
    pictures = {c: _all_pictures(folder / c) for c in CAMERAS}
    jobs: list[tuple[str, dict[str, Any]]] = []
    from_video = all(videos[c] and not _files(folder / c, (*PICTURES, *UNREAD)) for c in CAMERAS)
    if from_video:
        from calibration.corners.moments import board_moments  # PyAV only where there are videos

        jobs, offset = board_moments(
            videos["left"][0], videos["right"][0], offset_s, progress,
            (mountings["left"], mountings["right"]),
        )  # fmt: skip
        causes = _causes_of_videos(videos, offset)
    else:
        for name, left, right in pair_names(pictures["left"], pictures["right"]):
            jobs.append((name, {"left": left, "right": right}))
    for camera in CAMERAS:
        if not any(j[camera] is not None for _, j in jobs):
            if videos[camera]:
                raise CalibrationError(
                    f"the {camera} camera's chessboard views are a video, the other camera's are "
                    "pictures", where=folder / camera,
                    remedy="Give a video for each camera, or pictures for each.",
                )  # fmt: skip
            raise CalibrationError(
                "there are no calibration pictures", where=folder / camera,
                remedy="Put pictures of the board (or one video) into it.",
            )  # fmt: skip
    _refuse_at_first_sight(jobs, board, time_limit_s)
    found = _find(jobs, board, time_limit_s, progress, mountings)
    _refuse_wrong_board(jobs, found, board, time_limit_s, folder)
    corners = _views(jobs, found)
    if not from_video:
        return corners
    return replace(corners, views=_moved(corners.views), causes=(*corners.causes, *causes))


def _causes_of_videos(videos: Mapping[str, Sequence[Path]], offset: Offset) -> list[Cause]:
    """What is to be said of two calibration videos: their clocks, and files that were not used."""
    causes = []
    if not offset.measured:
        causes.append(
            Cause(
                "calibration_clock_unknown",
                "WARN",
                "whether the two calibration videos began together could not be measured; they are "
                "taken to have",
                "Clap or wave in front of both cameras, and move and hold the board for 20 s.",
            )
        )
    elif abs(offset.offset_s) > 0.04:
        later = "later" if offset.offset_s < 0 else "earlier"
        causes.append(
            Cause(
                "calibration_videos_apart",
                "PASS",
                f"the right calibration video began {abs(offset.offset_s):.2f} s {later} than the "
                "left one, by how both move; that is taken into account",
            )
        )
    for camera, files in videos.items():
        if len(files) > 1:
            unused = ", ".join(f.name for f in files[1:])
            causes.append(
                Cause(
                    "calibration_videos_unused",
                    "WARN",
                    f"calibration/{camera} holds {len(files)} videos; only {files[0].name} was "
                    f"used, not {unused}",
                    "Leave one video for each camera, or take pictures.",
                )
            )
    return causes


#: Views of a video between which the board moved by less than this (mean of all corners, pixels)
#: count once: copies would make the calibration look surer than it is.
LEAST_MOVE_PX = 12.0


def _moved(views: Sequence[View]) -> tuple[View, ...]:
    """Views of a video in which the board was somewhere else than in the one kept before."""
    kept: list[View] = []
    for v in views:
        if v.left is None and v.right is None:
            continue
        still = kept and all(
            a is not None and b is not None and float(np.nanmean(np.abs(a - b))) < LEAST_MOVE_PX
            for a, b in ((v.left, kept[-1].left), (v.right, kept[-1].right))
            if a is not None or b is not None
        )
        if not still:
            kept.append(v)
    return tuple(kept)


def _find(
    jobs: Sequence[tuple[str, dict[str, Any]]],
    board: Board,
    time_limit_s: float,
    progress: Callable[[str, float], None] | None,
    mountings: Mountings,
) -> list[dict[str, Found | None]]:
    cameras = [c for _, pair in jobs for c in CAMERAS if pair[c] is not None]
    flat = [(pair[c], board) for _, pair in jobs for c in CAMERAS if pair[c] is not None]
    say = progress or (lambda stage, share: None)
    found = iter(
        find_all(
            flat, time_limit_s=time_limit_s,
            progress=lambda share: say("finding the board", share),
            mountings=[mountings[c] for c in cameras],
        )
    )  # fmt: skip
    return [{c: None if pair[c] is None else next(found) for c in CAMERAS} for _, pair in jobs]


def board_in(folder: Path, square_m: float = 0.025, time_limit_s: float = TIME_LIMIT_S) -> Board:
    """The chessboard in a folder's pictures, its corners counted; ``square_m`` is only assumed.

    Raises
    ------
    CalibrationError : no chessboard in the pictures, or one that may not be used.
    """
    pictures = [p for c in CAMERAS for p in _all_pictures(Path(folder) / c)]
    every = pictures[:: max(1, len(pictures) // 8)][:8]
    some = Board("chessboard", (9, 6), square_m)
    found = find_all([(p, some) for p in every], time_limit_s=time_limit_s, effort="count")
    votes = Counter(f.notes["counts"] for f in found if f.notes.get("counts"))
    if not votes:
        raise CalibrationError(
            "no chessboard was found in the pictures", where=folder,
            remedy="State the board: inner_corners and square_m.",
        )  # fmt: skip
    return Board("chessboard", votes.most_common(1)[0][0], square_m)


def _refuse_at_first_sight(
    jobs: Sequence[tuple[str, dict[str, Any]]], board: Board, time_limit_s: float
) -> None:
    """Count corners in six pictures first: a wrong count should not cost minutes to be noticed."""
    flat = [pair[c] for _, pair in jobs for c in CAMERAS if pair[c] is not None]
    if len(flat) < 6:
        return
    sample = [flat[i] for i in np.linspace(0, len(flat) - 1, 6).round().astype(int)]
    _refuse_other_counts(sample, board, time_limit_s)


def _refuse_wrong_board(
    jobs: Sequence[tuple[str, dict[str, Any]]],
    found: Sequence[dict[str, Found | None]],
    board: Board,
    time_limit_s: float,
    folder: Path,
) -> None:
    """A board found in hardly any picture: count what is there and name the right counts."""
    tried = [(pair[c], f[c]) for (_, pair), f in zip(jobs, found, strict=True) for c in CAMERAS]
    readable = [(job, f) for job, f in tried if f is not None and f.size_px is not None]
    hits = [f for _, f in readable if f.corners_px is not None]
    if not readable:
        reasons = Counter(f.reason for _, f in tried if f is not None)
        raise CalibrationError(
            "none of the files is a picture that can be read", where=folder,
            found=", ".join(f"{n} × {r}" for r, n in reasons.most_common(3)),
        )  # fmt: skip
    larger = [f for f in hits if len(f.notes.get("larger_board", ())) > 0]
    if len(hits) > 0.25 * len(readable) and len(larger) <= 0.5 * len(hits):
        return
    missed = [job for job, f in readable if f.corners_px is None or larger]
    _refuse_other_counts(missed[:: max(1, len(missed) // 8)][:8], board, time_limit_s)
    if not hits:
        raise CalibrationError(
            f"the board ({board.inner_corners[0]} × {board.inner_corners[1]} inner corners, "
            f"{board.kind}) was found in none of the {len(readable)} pictures",
            where=folder,
            remedy="Check inner_corners; show the whole board with its white margin, flat, sharp, "
            "evenly lit, and at least 200 pixels wide.",
        )  # fmt: skip


def _refuse_other_counts(sample: Sequence[Any], board: Board, time_limit_s: float) -> None:
    """Refuse counts of inner corners, or markers, other than those that most of a sample shows."""
    if not sample:
        return
    found = find_all([(job, board) for job in sample], time_limit_s=time_limit_s, effort="count")
    stated, least = board.inner_corners, max(2, int(0.4 * len(sample)) + 1)
    counts = [f.notes["counts"] for f in found if f.notes.get("counts")]
    if board.kind == "charuco":
        dictionary, n = _most([f.notes.get("dictionary") for f in found])
        if dictionary is not None and n >= least:
            raise CalibrationError(
                "the board's markers are of another dictionary than stated",
                where="[board] dictionary", found=board.dictionary, expected=dictionary,
            )  # fmt: skip
        columns, n = _most([c for c, _ in counts])
        rows = max((r for c, r in counts if c == columns), default=0)
        # the last rows may be hidden: fewer are no others
        if columns is None or n < least or (columns == stated[0] and rows <= stated[1]):
            return
        better = (columns, rows)
    else:
        larger, n = _most(counts)
        right = (max(stated), min(stated))
        if larger is None or n < least or right in counts:
            return
        better = larger if stated[0] >= stated[1] else larger[::-1]
    raise CalibrationError(
        "the board has other counts of inner corners than stated",
        where="[board] inner_corners", found=list(stated), expected=list(better),
        remedy="Count where four squares meet, not the squares.",
    )  # fmt: skip


def _most(votes: Sequence[Any]) -> tuple[Any, int]:
    """What most say, and how many; those who say nothing (None) do not count."""
    return next(iter(Counter(v for v in votes if v is not None).most_common(1)), (None, 0))


def _views(
    jobs: Sequence[tuple[str, dict[str, Any]]], found: Sequence[dict[str, Found | None]]
) -> FolderCorners:
    """Views of one size for each camera; other sizes are left out and named."""
    causes: list[Cause] = []
    sizes: dict[str, tuple[int, int]] = {}
    for camera in CAMERAS:
        counted = Counter(
            f[camera].size_px  # type: ignore[union-attr]
            for f in found
            if f[camera] is not None and f[camera].size_px is not None  # type: ignore[union-attr]
        )
        if not counted:
            raise CalibrationError(
                f"no picture of the {camera} camera can be read", where=f"calibration/{camera}"
            )
        sizes[camera] = counted.most_common(1)[0][0]  # type: ignore[assignment]
    views, odd = [], []
    for (name, pair), f in zip(jobs, found, strict=True):
        corners: dict[str, Array | None] = {"left": None, "right": None}
        notes: dict[str, dict[str, Any]] = {}
        for camera in CAMERAS:
            one = f[camera]
            if one is None:
                continue
            note = {k: v for k, v in one.notes.items() if k != "larger_board"}
            if isinstance(pair[camera], Path):
                note["file"] = f"{camera}/{pair[camera].name}"
            reason = one.reason
            if one.size_px is not None and one.size_px != sizes[camera]:
                reason = (
                    f"the picture is {one.size_px[0]} × {one.size_px[1]}, the others are "
                    f"{sizes[camera][0]} × {sizes[camera][1]}: resized, or another camera or zoom"
                )
                odd.append(f"{camera}/{name}")
            elif one.corners_px is not None:
                corners[camera] = one.corners_px
            if reason:
                note["reason"] = reason
            notes[camera] = note
        views.append(View(name, corners["left"], corners["right"], notes))
    if odd:
        share = len(odd) / max(sum(f[c] is not None for f in found for c in CAMERAS), 1)
        causes.append(
            Cause(
                "sizes_differ",
                "FAIL" if share > 0.3 else "WARN",
                f"pictures of another size than the others: {', '.join(odd[:6])}"
                + (f" and {len(odd) - 6} more" if len(odd) > 6 else "")
                + " (resized, rotated, or another camera); left out",
                "Use pictures as the camera takes them, all of one size.",
            )
        )
    unreadable = [
        f"{c}/{name}: {f[c].reason}"  # type: ignore[union-attr]
        for (name, _), f in zip(jobs, found, strict=True)
        for c in CAMERAS
        if f[c] is not None and f[c].size_px is None  # type: ignore[union-attr]
    ]
    if unreadable:
        causes.append(
            Cause(
                "unreadable_pictures",
                "WARN",
                f"{len(unreadable)} file{'s' if len(unreadable) > 1 else ''} could not be used "
                f"({'; '.join(unreadable[:3])})",
                "Remove or replace them.",
            )
        )
    return FolderCorners(tuple(views), sizes, tuple(causes))
