"""Face rows in the parts of a run."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

from gaze.faces.rows import FaceRows, no_rows


def _rows(first: int, count: int) -> FaceRows:
    arrays = {}
    for name, none in no_rows().arrays().items():
        shape = (count, *none.shape[1:])
        values = first + np.arange(np.prod(shape)).reshape(shape)
        arrays[name] = (values % 100).astype(none.dtype)
    return FaceRows.from_arrays([arrays])


def test_parts_come_back_in_order_and_lie_in_memory_once(tmp_path: Path) -> None:
    counts = [300, 0, 500, *[400] * 20]
    parts = [_rows(7 * k, count) for k, count in enumerate(counts)]
    paths = [tmp_path / f"{k}.npz" for k in range(len(parts))]
    for part, path in zip(parts, paths, strict=True):
        part.save(path, lost=np.zeros(3))
    tracemalloc.start()
    found = FaceRows.load(paths)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole = FaceRows.concatenate(parts)
    for name, values in found.arrays().items():
        np.testing.assert_array_equal(values, whole.arrays()[name])
    size = sum(v.nbytes for v in found.arrays().values())
    assert peak < 1.3 * size


def test_no_part_is_no_row() -> None:
    assert len(FaceRows.load([])) == 0
