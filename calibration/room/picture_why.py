"""Why pictures of the room do not fit: everything that may have been done is tried, as in why.py.

Each hypothesis solves the pictures as they would then be (or without what it does not believe); the
one that explains clicks, boards and sizes best for what it asks one to believe is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from calibration.corners.boards import Board
from calibration.room.picture import ORDER, RoomPicture, turned_over
from calibration.room.picture_fit import (
    SIZE_SIGMAS,
    Freed,
    KnownLens,
    RoomPose,
    misfits,
    room_poses,
    size_error,
)
from calibration.transform import Transform, geodesic_deg
from calibration.verdict import Cause, Hypothesis, Status, best_of

#: A board lies as it is said to lie within this (1 σ); in a picture upside down it does not.
LIES_SIGMA_DEG = 15.0
#: From so far off, something else than the board is thought of.
LIES_DEG = 20.0
#: Clicks made in pictures that were shown smaller are tried at these steps, then between them.
SHOWN_STEP = 1.3

#: A place of the board, and a focal length over the longer side, to begin with.
Near = tuple[Transform, float | None] | None

CORNER = tuple(ORDER.partition(", as")[0].split(", "))
AGAIN = f"Click the blackboard's corners again: {ORDER}."
TURNED = ("", "lies on its side", "is upside down", "lies on its side")


@dataclass(frozen=True)
class RoomPictures:
    """All that the pictures of one placement are read with.

    pictures : those in which the board was found. off_deg : how far a way to understand them has
    the board from how it is said to lie.
    """

    pictures: Sequence[RoomPicture]
    board: Board
    blackboard_m: tuple[float, float]
    lenses: dict[str, KnownLens]
    off_deg: Callable[[RoomPose], float]

    def poses(
        self,
        pictures: Sequence[RoomPicture],
        freed: Freed | None = None,
        near: Near = None,
    ) -> list[RoomPose]:
        """:func:`calibration.room.picture_fit.room_poses` of these instead."""
        return room_poses(
            pictures, self.board, self.blackboard_m, self.lenses, freed=freed, near=near
        )

    def fits(self, pose: RoomPose, pictures: Sequence[RoomPicture]) -> bool:
        """Whether nothing speaks against a way to understand these."""
        return (
            not misfits(pose, pictures)
            and size_error(pose, self.blackboard_m)[1] <= SIZE_SIGMAS[0]
            and self.off_deg(pose) < LIES_DEG
        )

    def near(self, pose: RoomPose, first: int) -> Near:
        """A way to understand pictures, of which this is the first, to begin with."""
        return pose.T_WB, pose.f_px[0] / max(self.pictures[first].size_px)

    def name(self, i: int) -> str:
        """A picture in words, for :attr:`_Trial.says`: a brace in its name is one."""
        name = self.pictures[i].file or f"picture {i + 1} of the room"
        return name.replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True)
class _Trial:
    """Something that may have been done.

    says : with what :func:`_numbers` finds put in. pictures : as they would then be; freed : what
    would say nothing. groups : pictures that would share a place of the board, by number; none:
    all. parameters : what is then solved for in addition; choices : of how many alike this is one.
    near : where to begin.
    """

    code: str
    says: str
    action: str
    pictures: Sequence[RoomPicture]
    parameters: int
    choices: int = 1
    freed: Freed = field(default_factory=Freed)
    groups: tuple[tuple[int, ...], ...] = ()
    near: Near = None


def _numbers(given: RoomPictures, trial: _Trial, ends: list[RoomPose]) -> dict[str, Any]:
    """What a trial's words need of where it ended: sizes, a corner, focal lengths, a move."""
    pose, (width, height) = ends[0], given.blackboard_m
    new = dict(zip(("width", "height"), pose.size_m, strict=True))
    by = {"width": new["width"] - width, "height": new["height"] - height}
    known: dict[str, Any] = {
        **new, "squares": width / new["width"], "frame_cm": 100 * abs(by["width"]),
        **{f"{k}_larger": "larger" if v > 0 else "smaller" for k, v in by.items()},
    }  # fmt: skip
    if len(trial.freed.clicks) == 1:
        ((i, corner),) = trial.freed.clicks
        off = pose.clicks_off_px[i][corner]
        known |= {"off_px": np.hypot(*off), "fits": trial.pictures[i].blackboard_px[corner] + off}
    other = [k for k, p in enumerate(trial.pictures) if p.taken_with == "another"]
    if other and len(pose.f_px) > 1:
        known["zoom"] = pose.f_px[other[0]] / pose.f_px[int(other[0] == 0)]
    if len(ends) > 1:
        there = ends[1].T_WB
        known["moved_cm"] = 100 * np.linalg.norm(there.t - pose.T_WB.t)
        known["turned_deg"] = float(geodesic_deg(there.R, pose.T_WB.R))
    return known


def why_misfit(given: RoomPictures, pose: RoomPose) -> Cause | None:
    """What is wrong with pictures of the room that do not fit; None where nothing is.

    pose : the best way to understand them.
    """
    wrong = misfits(pose, given.pictures)
    key, off_sigmas = size_error(pose, given.blackboard_m)
    if given.fits(pose, given.pictures):
        return None
    gross = wrong or off_sigmas > SIZE_SIGMAS[1] or given.off_deg(pose) > LIES_DEG
    severity: Status = "FAIL" if gross else "WARN"
    tried: list[Hypothesis[Cause | None]] = []
    if not wrong and off_sigmas <= SIZE_SIGMAS[0]:
        tried.append(Hypothesis(_misfit(given, [pose], 0, 1), None, "as stated"))
    for trial in _trials(given, pose):
        groups = [
            [trial.pictures[k] for k in group]
            for group in trial.groups or (range(len(given.pictures)),)
        ]
        ends = [given.poses(g, trial.freed, trial.near) for g in groups]
        best = [min(e, key=lambda p: _misfit(given, [p], 0, 1)) for e in ends if e]
        if len(best) < len(ends) or any(map(misfits, best, groups)):
            continue
        says = trial.says.format(**_numbers(given, trial, best))
        cause = Cause(trial.code, severity, says, trial.action)
        misfit = _misfit(given, best, trial.parameters, trial.choices)
        tried.append(Hypothesis(misfit, cause, cause.message))
    found = best_of(tried)
    if not found:
        what = ": ".join(wrong[0]) if wrong else f"{key} is contradicted"
        return Cause(
            "room_picture_misfit", severity,
            f"{what}, and no single mistake explains it",
            f"{AGAIN} Measure the blackboard, and take the pictures of the room again.",
        )  # fmt: skip
    if found[0] is None:
        return None
    return found[0].or_else(*(c for c in found[1:] if c is not None))


def _misfit(given: RoomPictures, poses: list[RoomPose], parameters: int, choices: int) -> float:
    """Schwarz's count of a way to understand the pictures, in χ²."""
    fits = sum(p.chi2 / p.noise + p.dof * np.log(p.noise) for p in poses)
    numbers = sum(p.dof for p in poses)
    off = max(given.off_deg(p) for p in poses)
    return float(
        fits + np.log(numbers) * parameters + 2 * np.log(choices) + (off / LIES_SIGMA_DEG) ** 2
    )


# -- what may have been done -----------------------------------------------------------------------
def _trials(given: RoomPictures, pose: RoomPose) -> Iterator[_Trial]:
    n = len(given.pictures)
    near = given.near(pose, 0)
    yield from _sizes(given, near)
    alone = _alone(given, near) or _alone(given, None)
    for i, rest, first in alone:  # all pictures but this one fit
        near = given.near(rest, first)
        yield from _one_alone(given, i, near)
        yield from _clicks(given, i, near)
        yield from _another_lens(given, i, rest.T_WB)
        if n > 2 or i == alone[0][0]:
            yield _moved(given, i, (rest.T_WB, None))
    if not alone:
        yield from _all_alike(given)
    if n == 1:
        yield from _clicks(given, 0, None)


def _alone(given: RoomPictures, near: Near) -> list[tuple[int, RoomPose, int]]:
    """Pictures without which the others fit: number, the others' pose, the first of the others."""
    out = []
    n = len(given.pictures)
    for i in range(n if n > 1 else 0):
        others = [k for k in range(n) if k != i]
        pictures = [given.pictures[k] for k in others]
        out += [
            (i, rest, others[0])
            for rest in given.poses(pictures, near=near)[:1]
            if given.fits(rest, pictures)
        ]
    return out


def _sizes(given: RoomPictures, near: Near) -> Iterator[_Trial]:
    """The sizes that were typed: of the blackboard, of the squares."""
    again = (
        "Measure {} again, and click the corners of the same surface: with or without the frame, "
        "but the same for both."
    )
    says = {
        which: f"the pictures of the room contradict {which}_m = {stated:.3f} m: they show a "
        f"{{{which}_larger}} blackboard ({{{which}:.2f}} m)"
        for which, stated in zip(("width", "height"), given.blackboard_m, strict=True)
    }
    says["frame"] = (
        "the pictures of the room show width_m and height_m both {frame_cm:.0f} cm {width_larger}: "
        "the corners of another surface were clicked, with or without the frame"
    )
    says["squares"] = (
        "the auxiliary board's squares are {squares:.3f} times the stated size, by the blackboard "
        "in the pictures of the room"
    )
    for which, words in says.items():
        code, action = "blackboard_size", again.format("both" if which == "frame" else f"{which}_m")
        if which == "squares":
            code, action = "auxiliary_square", "Measure ten squares with a ruler and give square_m."
        freed = Freed(((which, 0),))
        yield _Trial(code, words, action, given.pictures, 1, freed=freed, near=near)


def _all_alike(given: RoomPictures) -> Iterator[_Trial]:
    """All pictures turned, mirrored, or clicked where they were shown smaller."""
    name = given.name(0) if len(given.pictures) == 1 else "each picture of the room"

    def begin(pictures: list[RoomPicture]) -> Near:
        alone = given.poses(pictures[:1]) if len(pictures) > 1 else []
        return given.near(alone[0], 0) if alone else None

    for mirror, quarters in _ways(given):
        turned = [_as_seen(p, given.board.inner_corners, quarters, mirror) for p in given.pictures]
        yield _turned(name, given.pictures[0], quarters, mirror, turned, 7, begin(turned))

    def larger(factor: float) -> list[RoomPicture]:
        return [replace(p, blackboard_px=p.blackboard_px * factor) for p in given.pictures]

    def chi2(factor: float) -> float:
        return min((p.chi2 for p in given.poses(larger(factor)[:1])), default=np.inf)

    room = min(float((np.array(p.size_px) / p.blackboard_px.max(0)).min()) for p in given.pictures)
    steps = int(np.log(max(room, 1.0)) / np.log(SHOWN_STEP))
    if not steps:
        return
    k = 1 + int(np.argmin([chi2(SHOWN_STEP**k) for k in range(1, steps + 1)]))
    factor = float(
        minimize_scalar(
            chi2, bounds=(SHOWN_STEP ** (k - 1), SHOWN_STEP ** (k + 1)), method="bounded",
            options={"maxiter": 7},
        ).x
    )  # fmt: skip
    yield _shown_smaller(name, factor, larger(factor), 1, begin(larger(factor)))


def _one_alone(given: RoomPictures, i: int, near: Near) -> Iterator[_Trial]:
    """One picture turned, mirrored, or clicked where it was shown smaller.

    Where its corners should have been clicked the others and its own board say.
    """
    n, p = len(given.pictures), given.pictures[i]
    every = Freed(clicks=tuple((i, j) for j in range(4)))
    for mirror in (False, True)[: 1 + (given.board.kind == "chessboard")]:
        pictures = list(given.pictures)
        pictures[i] = _as_seen(p, given.board.inner_corners, 0, mirror)
        found = given.poses(pictures, every, near)
        if not found:
            continue
        should = pictures[i].blackboard_px + found[0].clicks_off_px[i]
        if not mirror:
            factor = float((should * p.blackboard_px).sum() / (p.blackboard_px**2).sum())
            pictures[i] = replace(p, blackboard_px=p.blackboard_px * factor)
            yield _shown_smaller(given.name(i), factor, pictures, n, near)
        ways = [_as_seen(p, given.board.inner_corners, q, mirror) for q in range(4)]
        q = int(np.argmin([np.abs(w.blackboard_px - should).max() for w in ways]))
        if q or mirror:
            turned = [ways[q] if k == i else other for k, other in enumerate(given.pictures)]
            yield _turned(given.name(i), p, q, mirror, turned, 7 * n, near)


def _ways(given: RoomPictures) -> list[tuple[bool, int]]:
    """Mirrored or not × quarter turns; markers are not found in a mirror."""
    ways = [(mirror, quarters) for mirror in (False, True) for quarters in range(4)]
    return ways[1:] if given.board.kind == "chessboard" else ways[1:4]


def _turned(
    name: str, before: RoomPicture, quarters: int, mirror: bool,
    turned: list[RoomPicture], choices: int, near: Near,
) -> _Trial:  # fmt: skip
    says = ["is not mirrored" if before.mirrored else "is mirrored"] if mirror else []
    says += [TURNED[quarters]] if quarters else []
    return _Trial(
        "room_picture_turned", f"{name} {' and '.join(says)}",
        "Turn the picture upright and click again; say mirrored = true where it shows a mirror or "
        "a selfie camera took it.", turned, 0, choices, near=near,
    )  # fmt: skip


def _shown_smaller(
    name: str, factor: float, larger: list[RoomPicture], choices: int, near: Near
) -> _Trial:
    return _Trial(
        "room_picture_clicks",
        f"{name} was {factor:.2f} times smaller where its corners were clicked",
        "Click in the picture at its full size.", larger, 1, choices, near=near,
    )  # fmt: skip


def _as_seen(
    p: RoomPicture, inner_corners: tuple[int, int], quarters: int, mirror: bool
) -> RoomPicture:
    """A picture as it would have had to be read, were it turned by quarter turns, or mirrored."""
    if not mirror:
        return replace(p, blackboard_px=np.roll(p.blackboard_px, quarters, axis=0))
    w, (nx, ny) = p.size_px[0], inner_corners
    assert p.board_px is not None
    board = p.board_px * [-1, 1] + [w - 1, 0]
    return replace(
        p,
        blackboard_px=np.roll(turned_over(p.blackboard_px, w), quarters, axis=0),
        board_px=board.reshape(ny, nx, 2)[:, ::-1].reshape(-1, 2),  # ordered as if printed so
        mirrored=not p.mirrored,
    )


def _clicks(given: RoomPictures, i: int, near: Near) -> Iterator[_Trial]:
    """One corner clicked at a wrong place."""
    choices = 4 * len(given.pictures)
    for j, corner in enumerate(CORNER):
        yield _Trial(
            "room_picture_clicks",
            f"{given.name(i)}: the {corner} corner was clicked {{off_px:.0f}} px beside where "
            "everything else has it ([{fits[0]:.0f}, {fits[1]:.0f}])",
            AGAIN, given.pictures, 2, choices, freed=Freed(clicks=((i, j),)), near=near,
        )  # fmt: skip


def _another_lens(given: RoomPictures, i: int, T_WB: Transform) -> Iterator[_Trial]:
    """One picture at another zoom, cropped, or through another lens."""
    own = [replace(p, taken_with="another") if k == i else p for k, p in enumerate(given.pictures)]
    near = (T_WB, None)
    action = "Take all with the telephone's plain 1× camera, and give them as they are."
    yield _Trial(
        "room_picture_zoom",
        f"{given.name(i)} was taken at another zoom or with another camera: its focal length is "
        f"{{zoom:.2f}} times that of {given.name(int(i == 0))}",
        action, own, 2, len(own), near=near,
    )  # fmt: skip
    yield _Trial(
        "room_picture_zoom", f"{given.name(i)} was cut out of a larger picture", action, own, 4,
        len(own), freed=Freed((("cx", i), ("cy", i))), near=near,
    )  # fmt: skip


def _moved(given: RoomPictures, i: int, near: Near) -> _Trial:
    """The board (or the blackboard) moved between one picture and the others."""
    rest = tuple(k for k in range(len(given.pictures)) if k != i)
    return _Trial(
        "room_picture_moved",
        f"in {given.name(i)} the board lies {{moved_cm:.0f}} cm ({{turned_deg:.0f}}°) from where "
        f"it lies in {given.name(rest[0])}: it was moved in between, or the blackboard was, or it "
        "is another board's picture",
        "Take all pictures of the room without touching board or blackboard.",
        given.pictures, 10, len(given.pictures), groups=(rest, (i,)), near=near,
    )  # fmt: skip
