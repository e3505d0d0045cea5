"""Decoded pictures on disk, so that training reads bytes instead of decoding JPEGs every epoch.

Each head is resampled once to a ``STORE_PX`` square canvas whose side is ``STORE_SCALE`` times its
box; augmentation (:mod:`headpose.data.augment`) takes its crops out of the canvas.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from headpose.data.crop import crop_matrix, square_of_box, warp
from headpose.data.samples import Samples, persons_of
from headpose.files import synced_replace

STORE_PX = 128
STORE_SCALE = 1.7


@dataclass(frozen=True)
class Store:
    """Canvases and labels of many sets, row by row; canvas pixels throughout.

    ``canvas`` (N, STORE_PX, STORE_PX, 3) uint8 BGR, a read-only memory map; ``points`` (N, 68, 2)
    in canvas px, NaN where not annotated; ``inside`` (N, 4) part with a photograph, canvas px;
    ``source`` (N,) index into ``sources``; ``name`` (N,) row names within the set.
    """

    canvas: NDArray[np.uint8]
    R: NDArray[np.float32]
    sigma_deg: NDArray[np.float32]
    points: NDArray[np.float32]
    inside: NDArray[np.float32]
    group: NDArray[np.str_]
    name: NDArray[np.str_]
    source: NDArray[np.int16]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.R)

    @property
    def box_side(self) -> float:
        """Longer side of the face box in canvas px: the same for every row."""
        return STORE_PX / STORE_SCALE


def build_store(sets: list[Samples], folder: str | Path) -> Store:
    """Decode ``sets`` into ``folder`` (about 49 kB a head), or open what already lies there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256()
    for s in sets:
        key.update(json.dumps([s.source, len(s), STORE_PX, STORE_SCALE]).encode())
        key.update(s.R.tobytes() + s.box_px.tobytes())
    canvas_path = folder / f"canvas-{key.hexdigest()[:12]}.npy"
    n = sum(map(len, sets))
    if not canvas_path.is_file():
        part = canvas_path.with_suffix(".part")
        out = np.lib.format.open_memmap(part, "w+", np.uint8, (n, STORE_PX, STORE_PX, 3))
        heads = [
            (s, i, square)
            for s in sets
            for i, square in enumerate(square_of_box(s.box_px, STORE_SCALE))
        ]

        def decode(row: int) -> None:
            s, i, square = heads[row]
            A = crop_matrix(square, STORE_PX)
            out[row] = warp(
                s.load(i), A, STORE_PX, cv2.BORDER_CONSTANT, interpolation=cv2.INTER_CUBIC
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV decodes and warps outside the GIL
            list(pool.map(decode, range(n)))  # raises what a picture raised
        out.flush()
        del out
        synced_replace(part, canvas_path)
    points, inside = [], []
    for s in sets:
        square = square_of_box(s.box_px, STORE_SCALE)
        f = STORE_PX / square[:, 2]
        points.append((s.points_px - square[:, None, :2]) * f[:, None, None] - 0.5)
        low = (s.inside_px[:, :2] - square[:, :2]) * f[:, None]
        high = (s.inside_px[:, 2:] - square[:, :2]) * f[:, None]
        box = np.concatenate([np.ceil(low + 0.5), np.floor(high - 0.5)], 1)
        inside.append(
            np.where(np.isfinite(box), np.clip(box, 0, STORE_PX), [0, 0, STORE_PX, STORE_PX])
        )
    return Store(
        canvas=np.load(canvas_path, mmap_mode="r"),
        R=np.concatenate([s.R for s in sets]).astype(np.float32),
        sigma_deg=np.concatenate([s.sigma_deg for s in sets]).astype(np.float32),
        points=np.concatenate(points).astype(np.float32),
        inside=np.concatenate(inside).astype(np.float32),
        group=np.concatenate([persons_of(s.group) for s in sets]),
        name=np.concatenate([s.name for s in sets]).astype(str),
        source=np.concatenate([np.full(len(s), i, np.int16) for i, s in enumerate(sets)]),
        sources=tuple(s.source for s in sets),
    )


def split_by_group(group: NDArray[np.str_], share: float, seed: int = 0) -> NDArray[np.bool_]:
    """Mask (N,) of the validation rows: about ``share`` of the groups, always the same."""
    unique, inverse = np.unique(group, return_inverse=True)
    digest = [hashlib.sha256(f"{seed}:{g}".encode()).digest() for g in unique]
    u = np.array([int.from_bytes(d[:8], "big") / 2**64 for d in digest])
    return (u < share)[inverse]
