"""Face rows: everything that is known of each face once the pixels are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.boxes import Faces
from gaze.faces.heads import Heads
from gaze.faces.landmarks import Landmarks
from headpose.visibility import PARTS


@dataclass(frozen=True)
class FaceRows:
    """What was seen of N faces; the row number is the one of faces.parquet.

    faces : where. landmarks : nose tips. heads : R_CS, covariance.
    centre_px : (N, 2) where the virtual camera looks. face_px : (N,) longer side of the tight box.
    """

    faces: Faces
    landmarks: Landmarks
    heads: Heads
    centre_px: Array
    face_px: Array

    def __len__(self) -> int:
        return len(self.faces)

    def heads_in_world(self, rig: Rig) -> Array:
        """R_WS (N, 3, 3) of each row by its own camera: R_WC R_CS."""
        out = np.empty_like(self.heads.R_CS)
        for c, name in enumerate(CAMERAS):
            mine = self.faces.camera == c
            out[mine] = rig.T_WC(name).R @ self.heads.R_CS[mine]
        return out

    @classmethod
    def concatenate(cls, parts: Sequence[FaceRows]) -> FaceRows:
        """One after the other."""
        if not parts:
            return no_rows()
        return cls.from_arrays(
            [p.arrays() for p in parts],
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Plain arrays by name, for a file."""
        out: dict[str, NDArray[np.generic]] = {}
        for group in ("faces", "landmarks", "heads"):
            value = getattr(self, group)
            for f in fields(value):
                out[f"{group}.{f.name}"] = getattr(value, f.name)
        out["centre_px"], out["face_px"] = self.centre_px, self.face_px
        return out

    @classmethod
    def from_arrays(cls, parts: Sequence[dict[str, NDArray[np.generic]]]) -> FaceRows:
        """The inverse of :meth:`arrays`, for one or more pieces."""
        return cls._of({k: np.concatenate([p[k] for p in parts]) for k in parts[0]})

    @classmethod
    def _of(cls, whole: dict[str, Any]) -> FaceRows:
        groups = {}
        for group, kind in (("faces", Faces), ("landmarks", Landmarks), ("heads", Heads)):
            groups[group] = kind(**{f.name: whole[f"{group}.{f.name}"] for f in fields(kind)})
        return cls(**groups, centre_px=whole["centre_px"], face_px=whole["face_px"])  # type: ignore[arg-type]

    def save(self, path: Path, **more: NDArray[np.generic]) -> None:
        """Write a part, with ``more`` arrays beside it."""
        with path.open("wb") as file:
            np.savez(file, **self.arrays(), **more)  # type: ignore[arg-type]

    @classmethod
    def load(cls, paths: Sequence[Path]) -> FaceRows:
        """Read parts, in order. Each is gone before the next one comes: an hour of a full class is
        a third of a gigabyte, once."""
        edges = [0]
        for path in paths:
            with np.load(path) as data:
                edges.append(edges[-1] + len(data["face_px"]))
        whole = {
            name: np.empty((edges[-1], *none.shape[1:]), none.dtype)
            for name, none in no_rows().arrays().items()
        }
        for path, first, last in zip(paths, edges, edges[1:], strict=False):
            with np.load(path) as data:
                for name, values in whole.items():
                    values[first:last] = data[name]
        return cls._of(whole)


def no_rows() -> FaceRows:
    none3 = np.zeros((0, 3, 3))
    return FaceRows(
        Faces.empty(),
        Landmarks(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 4))),
        Heads(none3, none3, np.zeros((0, len(PARTS)))),
        np.zeros((0, 2)),
        np.zeros(0),
    )
