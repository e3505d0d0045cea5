"""Which of several boards, screens, desks and people a head points at, and how surely.

A point's direction and its covariance are met with everything there is to look at from that seat:
each target gets a probability, what is none of them is ``elsewhere``, and they sum to 1. Shares are
freed from the blur by the same mixture as the blackboard's (:mod:`gaze.measures.mixture`), over
cells of all targets. docs/targets.md has definitions and how well it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.bands import band, mean_known, share_errors, shares
from gaze.measures.directions import Looks, angles_of, basis
from gaze.measures.mixture import TINY, Mixture, grouped
from gaze.measures.moments import Moments, clean_gaze, poses_of, step_of
from gaze.measures.sights import HEAD_SIGMA_M, Room, Sight, room_around
from gaze.measures.states import MIN_COVERAGE
from gaze.room.plane import Plane
from sessions.config import SessionConfig
from sessions.events.moves import Epochs, Move, standing_at
from sessions.surfaces import DESK, NEIGHBOUR, TEACHER, Targets

LOST_TO_ANOTHER = 0.25  # of looks at a target taken for another: the two cannot be told apart
KNOWN_AGAIN = 0.5  # of looks at a target that are known as such: else it is none by default
PLACE_M = 0.3  # noses (and the teacher) nearer to each other than this are fitted as one
POSE_RAD = np.radians(9.5)  # half a metre on a board 3 m away
LOOKS = 16  # places of a target that are tried, to see what they are taken for


@dataclass(frozen=True)
class TargetMeasures:
    """What :func:`target_measures` finds.

    names : (K,) targets, the blackboard first, ``elsewhere`` last. probability : (S, T, K) of each
    at each measured moment, NaN elsewhere. shares : a row for each student (class: ``student``
    empty), target and, where it has some, area: share, low, high (95 %). apart : a row for each row
    of seats and ordered pair of targets: the share of looks at ``target`` that are taken for
    ``other``, and whether the two are ``told`` apart. hidden : share of the blackboard that other
    surfaces hide, mean over the seats. left_out : targets that σ does not carry.
    """

    names: tuple[str, ...]
    time_s: Array
    students: tuple[str, ...]
    used: tuple[str, ...]
    probability: Array
    shares: pd.DataFrame
    apart: pd.DataFrame
    hidden: float
    left_out: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """The tidy table: time_s, student, target, probability; measured moments alone."""
        s, t = np.nonzero(np.isfinite(self.probability[..., 0]))
        k = len(self.names)
        return pd.DataFrame({
            "time_s": np.repeat(self.time_s[t], k),
            "student": np.repeat(np.array(self.students, dtype=object)[s], k),
            "target": np.tile(np.array(self.names, dtype=object), len(s)),
            "probability": self.probability[s, t].ravel(),
        })  # fmt: skip


def target_measures(
    gaze: pd.DataFrame,
    config: SessionConfig,
    *,
    slid: Sequence[Move] = (),
    reseated_s: Sequence[float] = (),
    teacher: pd.DataFrame | None = None,
    row_of: dict[str, int] | None = None,
    draws: int = 16,
    seed: int = 0,
) -> TargetMeasures | None:
    """Targets of a lesson; None where session.toml names none (or nothing was measured).

    row_of : student → row of seats. The others as :func:`fitted_targets` takes them.
    """
    if not config.surfaces and config.targets is None:
        return None
    fit = fitted_targets(gaze, config, slid=slid, reseated_s=reseated_s, teacher=teacher)
    if fit is None:
        return None
    m, cells = fit.moments, fit.cells
    errors = share_errors(m, np.zeros(len(m.time_s), np.int64), 1, draws=draws, seed=seed)
    enough = m.coverage >= MIN_COVERAGE
    return TargetMeasures(
        cells.names, m.time_s, m.students,
        tuple(s for s, e in zip(m.students, enough, strict=True) if e),
        np.where(m.measured[..., None], m.probability[..., : len(cells.names)], np.nan),
        _shares(m, errors.student_sd(), errors.class_sd(enough), enough, cells),
        _apart(fit.room, fit.looks, row_of or {}), _hidden(fit.room, cells), fit.left_out,
    )  # fmt: skip


@dataclass(frozen=True)
class FittedTargets:
    """The looks with a probability for each target: ``moments``' first states are the names of
    ``cells``. room : as it stood at first. left_out : targets that σ does not carry."""

    moments: Moments
    cells: Cells
    room: Room
    looks: Looks
    left_out: tuple[str, ...]


def fitted_targets(
    gaze: pd.DataFrame,
    config: SessionConfig,
    *,
    slid: Sequence[Move] = (),
    reseated_s: Sequence[float] = (),
    teacher: pd.DataFrame | None = None,
) -> FittedTargets | None:
    """Every look met with all there is; None where nothing was measured.

    gaze : the gaze table. slid : how surfaces were slid (events.csv). reseated_s : when students
    changed seats. teacher : time_s, nose_x_m, nose_y_m, nose_z_m where the teacher was seen; None:
    no target.
    """
    frame, _ = clean_gaze(gaze)
    frame = frame[(frame["status"] != "masked").to_numpy() & (frame["student"] != "").to_numpy()]
    looks = Looks.of(frame)
    if not len(looks.moment):
        return None
    epochs = standing_at(slid, looks.time_s, reseated_s)
    rooms = _rooms(looks, config, epochs, teacher=teacher is not None and len(teacher) > 0)
    rooms, left_out = _with_what_can_be_told(rooms, looks, config)
    cells = Cells.of_room(rooms[0])
    found = _Fit(looks, rooms, epochs.number[looks.moment], cells, teacher).mixture()
    return FittedTargets(_moments(looks, found, cells), cells, rooms[0], looks, left_out)


@dataclass(frozen=True)
class Cells:
    """All cells by number. names : (K,) targets. areas : (A,) of them, (target, area). of : (C, K +
    A + 1) which target and area each belongs to; the last column: any surface. area_m2 : (C,).
    size : (C,) weights of a gaze that may be anywhere: every target alike, by area within it.
    teacher : number of the teacher's cell, −1 without."""

    names: tuple[str, ...]
    areas: tuple[tuple[str, str], ...]
    of: NDArray[np.bool_]
    area_m2: Array
    size: NDArray[np.float32]
    teacher: int

    @classmethod
    def of_room(cls, room: Room) -> Cells:
        patches = room.patches(0)
        names = tuple(dict.fromkeys(p.target for p in patches))
        target = np.repeat(
            [names.index(p.target) for p in patches], [len(p.size_m2) for p in patches]
        )
        area_m2 = np.concatenate([p.size_m2 for p in patches])
        size = area_m2 / np.bincount(target, area_m2)[target] / len(names)
        of = [target == k for k in range(len(names))]
        areas = []
        start = 0
        for p in patches:
            end = start + len(p.size_m2)
            for k in range(p.areas.shape[1]):
                inside = np.zeros(len(size), np.bool_)
                inside[start:end] = p.areas[:, k]
                of.append(inside)
                areas.append((p.target, room.areas[p.number][k].name))
            start = end
        of.append(target < len(room.surfaces))
        teacher = int(np.argmax(target == names.index(TEACHER))) if TEACHER in names else -1
        return cls(names, tuple(areas), np.stack(of, 1), area_m2, size.astype(np.float32), teacher)


@dataclass(frozen=True)
class _Fit:
    """Like looks together, and the mixture of their targets.

    epoch : (N,) in which of the rooms each look was. teacher : where the teacher was seen.
    """

    looks: Looks
    rooms: Sequence[Room]
    epoch: NDArray[np.int64]
    cells: Cells
    teacher: pd.DataFrame | None

    def mixture(self) -> Mixture:
        looks = self.looks
        teacher_W = self._teachers()
        places = np.nan_to_num(np.column_stack([looks.nose_W, teacher_W[:, ::2]]), nan=-99.0)
        alike = np.column_stack([looks.student, self.epoch, np.floor(places / PLACE_M)])
        keys, key = np.unique(alike.astype(np.int64), axis=0, return_inverse=True)
        of, angles, cov, owner, count = grouped(looks.angles_rad, looks.covariance, key.ravel())
        nose, teacher = (
            np.stack([np.bincount(of, v) / count for v in values.T], 1)
            for values in (looks.nose_W, teacher_W)
        )
        student: NDArray[np.int64] = keys[owner, 0]
        epoch: NDArray[np.int64] = keys[owner, 1]
        sights = {
            (k, e): self.rooms[e].sight(k)
            for k, e in {(int(k), int(e)) for k, e in zip(student, epoch, strict=True)}
        }

        def likelihood(keep: NDArray[np.bool_], p: slice) -> NDArray[np.float32]:
            k = int(student[p.start])
            out = np.full((p.stop - p.start, len(keep)), TINY, np.float32)
            for e in np.unique(epoch[p]):
                mine = np.flatnonzero(epoch[p] == e)
                sight = sights[k, int(e)]
                seen = np.flatnonzero(sight.seen & keep)
                for some in np.array_split(mine, -(-len(mine) // 256)):
                    at = some + p.start
                    where = nose[at], angles[at], cov[at]
                    out[np.ix_(some, seen)] = density(sight.only(seen), *where) + TINY
                    if self.cells.teacher >= 0:
                        out[some, self.cells.teacher] = teachers_density(teacher[at], *where)
            return out[:, keep]

        return Mixture.fitted(
            of, student, count, self.cells.size, lambda keep: partial(likelihood, keep)
        )

    def _teachers(self) -> Array:
        """(N, 3) where the teacher was at each look; NaN where not seen, or no target."""
        out = np.full((len(self.looks.moment), 3), np.nan)
        if self.cells.teacher < 0 or self.teacher is None:
            return out
        seen = self.teacher.set_index("time_s")[[f"nose_{a}_m" for a in "xyz"]]
        at: Array = seen.reindex(self.looks.time_s).to_numpy(np.float64)
        return at[self.looks.moment]


def density(sight: Sight, nose_W: Array, angles_rad: Array, cov_rad2: Array) -> Array:
    """(U, C) density in 1/rad² of directions where the true place is spread over a cell.

    nose_W : (U, 3). angles_rad : (U, 2). cov_rad2 : (U, 3) as xx, xy, yy.
    """
    E = basis(angles_rad)
    v = sight.centre_W - nose_W[:, None]
    r = np.maximum(np.linalg.norm(v, axis=-1), 0.05)
    a, b, ahead = np.moveaxis(v @ np.swapaxes(E, 1, 2), -1, 0)
    sideways = np.hypot(a, b)
    bent = np.arctan2(sideways, ahead) / np.maximum(sideways, 1e-9)  # along the great circle
    a, b = a * bent, b * bent
    pairs = ((0, 0), (0, 1), (1, 1))
    EE = np.stack([np.einsum("uk,ul->ukl", E[:, i], E[:, j]).reshape(-1, 9) for i, j in pairs], 1)
    S = EE @ sight.covariance_m2.reshape(-1, 9).T  # (U, 3, C)
    xx, xy, yy = np.moveaxis(S, 1, 0) / r**2 + np.moveaxis(cov_rad2[:, :, None], 1, 0)
    det = np.maximum(xx * yy - xy**2, 1e-12)
    q = (yy * a * a - 2 * xy * a * b + xx * b * b) / det
    return np.asarray(np.exp(-q / 2) / (2 * np.pi * np.sqrt(det)))


def teachers_density(teacher_W: Array, nose_W: Array, angles_rad: Array, cov_rad2: Array) -> Array:
    """(U,) :func:`density` of the teacher's face, who is elsewhere at each moment (NaN: unseen)."""
    seen = np.isfinite(teacher_W).all(1)
    face = Sight(teacher_W[seen, None], HEAD_SIGMA_M**2 * np.eye(3)[None], np.ones(1))
    out = np.full(len(teacher_W), TINY)
    out[seen] += density(face, nose_W[seen], angles_rad[seen], cov_rad2[seen])[:, 0]
    return out


def _rooms(
    looks: Looks,
    config: SessionConfig,
    epochs: Epochs,
    *,
    teacher: bool,
) -> list[Room]:
    """The room of each stretch in which no surface moves and nobody changes seats."""
    planes = [Plane.of_blackboard(config.blackboard), *map(Plane.of, config.surfaces)]
    areas = (config.blackboard.areas, *(s.areas for s in config.surfaces))
    stand = [tuple(p.slid(*by.get(p.name, (0.0, 0.0))) for p in planes) for by in epochs.moved]
    usual_W = looks.seats_W()
    low_W, high_W = room_around([p for now in stand for p in now], usual_W)
    rooms = []
    for e, now in enumerate(stand):
        noses_W = looks.seats_W(epochs.number[looks.moment] == e)
        noses_W = np.where(np.isfinite(noses_W), noses_W, usual_W)
        rooms.append(Room(now, areas, noses_W, low_W, high_W, teacher=teacher))
    return rooms


# -- what can be told apart ------------------------------------------------------------------------


def confusion(room: Room, cells: Cells, looks: Looks, student: int) -> Array:
    """(K, K) for looks at each target from a seat: what they are taken for, on average; the worse
    of two classes, one that looks at every target alike and one that looks at each by its size (at
    ``elsewhere`` alike in both). NaN rows: it cannot be seen from there."""
    K = len(cells.names)
    out = np.full((K, K), np.nan)
    mine = looks.student == student
    if not mine.any():
        return out
    sight, nose = room.sight(student), room.noses_W[student]
    of = cells.of[:, :K] & sight.seen[:, None]
    cov = np.median(looks.covariance[mine], axis=0)
    each = of / np.maximum(of.sum(0), 1)
    size_m2 = np.array([cells.area_m2[of[:, k]].sum() for k in range(K - 1)])
    by_size = np.append(size_m2 / max(size_m2.sum(), 1e-9) * (K - 1), 1.0)
    for k in np.flatnonzero(of.any(0)):
        at = np.flatnonzero(of[:, k])
        at = at[np.linspace(0, len(at) - 1, min(LOOKS, len(at))).round().astype(int)]
        true = angles_of(sight.centre_W[at] - nose)
        n = len(at)
        taken = density(sight, np.tile(nose, (n, 1)), true, np.tile(cov, (n, 1))) @ each + TINY
        for weight in (np.ones(K), by_size):
            p = taken * weight
            out[k] = np.fmax(out[k], (p / p.sum(1, keepdims=True)).mean(0))
        out[k, k] = 1 - min(1.0, float(np.delete(out[k], k).sum()))
    return out


def _with_what_can_be_told(
    rooms: list[Room], looks: Looks, config: SessionConfig
) -> tuple[list[Room], tuple[str, ...]]:
    """The rooms with desks and neighbours where session.toml asks for them, or leaves it to σ and
    half of the students could tell them from each surface; and which are left out for that."""
    asked = config.targets or Targets(desks=False, neighbours=False)
    full = replace(rooms[0], desks=True, neighbours=True)
    cells = Cells.of_room(full)
    chosen, left_out = [], []
    open_ = None in (asked.desks, asked.neighbours)
    found = np.array([confusion(full, cells, looks, k) for k in range(len(looks.students))
                      if open_])  # fmt: skip
    for name, wanted in ((DESK, asked.desks), (NEIGHBOUR, asked.neighbours)):
        told = wanted is None and _told_by_half(found, cells.names.index(name), len(full.surfaces))
        chosen.append(bool(wanted) or told)
        if wanted is None and not told:
            left_out.append(name)
    desks, neighbours = chosen
    return [replace(r, desks=desks, neighbours=neighbours) for r in rooms], tuple(left_out)


def _told_by_half(found: Array, k: int, surfaces: int) -> bool:
    """Whether half of the students' confusions (S, K, K) tell target k from each surface."""
    known = np.isfinite(found[:, k, k])
    with np.errstate(invalid="ignore"):
        lost = np.fmax(found[:, k, :surfaces], found[:, :surfaces, k]).max(1)
        told = (found[:, k, k] >= KNOWN_AGAIN) & (lost < LOST_TO_ANOTHER)
    return bool(known.any() and told[known].mean() > 0.5)


def _apart(room: Room, looks: Looks, row_of: dict[str, int]) -> pd.DataFrame:
    """:attr:`TargetMeasures.apart`; medians of a row's students."""
    cells = Cells.of_room(room)
    found = np.array([confusion(room, cells, looks, k) for k in range(len(looks.students))])
    row = np.array([row_of.get(s, 0) for s in looks.students])
    rows = []
    for r in np.unique(row):
        mean = mean_known(found[row == r], 0)
        for i, a in enumerate(cells.names):
            for j, b in enumerate(cells.names):
                if i != j and np.isfinite(mean[i]).all():
                    lost = max(mean[i, j], mean[j, i]) if np.isfinite(mean[j, i]) else mean[i, j]
                    rows.append((int(r), a, b, float(mean[i, j]), bool(lost < LOST_TO_ANOTHER)))
    return pd.DataFrame(rows, columns=["row", "target", "other", "taken", "told"])


def _hidden(room: Room, cells: Cells) -> float:
    """:attr:`TargetMeasures.hidden`."""
    seats = np.flatnonzero(np.isfinite(room.noses_W).all(1)).tolist()
    size, board = cells.size, cells.of[:, 0]
    shares = [room.sight(k).share[board] @ size[board] / size[board].sum() for k in seats]
    return max(0.0, 1 - float(np.mean(shares)))


# -- shares ----------------------------------------------------------------------------------------


def _moments(looks: Looks, found: Mixture, cells: Cells) -> Moments:
    """The looks as the measures' dense arrays; states are targets, then their areas."""
    shape = (len(looks.students), len(looks.time_s))
    at = looks.student, looks.moment
    states = (*cells.names, *(f"{target}: {area}" for target, area in cells.areas))
    members = cells.of[found.kept]
    p = found.probability(members)[found.of]
    measured = np.zeros(shape, bool)
    probability = np.zeros((*shape, len(states)), np.float32)
    on_surface, state = np.zeros(shape, np.float32), np.full(shape, -1, np.int8)
    where, number = np.zeros((*shape, 2)), np.full(shape, -1, np.int64)
    measured[at] = True
    probability[at], on_surface[at] = p[:, :-1], p[:, -1]
    state[at] = p[:, : len(cells.names)].argmax(1)
    where[at] = looks.angles_rad / POSE_RAD
    number[at] = np.arange(len(looks.moment))
    return Moments(
        looks.time_s, step_of(looks.time_s), looks.students, (), states, measured, probability,
        on_surface, state, np.full((*shape, 2), np.nan), np.full((*shape, 2, 2), np.nan), number,
        poses_of(where), found, members,
    )  # fmt: skip


def _shares(
    m: Moments, own_sd: Array, class_sd: Array, enough: NDArray[np.bool_], cells: Cells
) -> pd.DataFrame:
    """:attr:`TargetMeasures.shares`."""
    share = shares(m)
    low, high = band(share, own_sd[:, :-1])
    names = [(name, "") for name in cells.names] + list(cells.areas)
    parts = [
        pd.DataFrame(names, columns=["target", "area"]).assign(
            student=student, share=share[k], low=low[k], high=high[k]
        )
        for k, student in enumerate(m.students)
    ]
    centre = mean_known(share[enough], 0) if enough.any() else np.full(len(names), np.nan)
    low, high = band(centre, class_sd[:-1])
    whole = pd.DataFrame(names, columns=["target", "area"]).assign(
        student="", share=centre, low=low, high=high
    )
    columns = ["student", "target", "area", "share", "low", "high"]
    return pd.concat([whole, *parts], ignore_index=True)[columns]
