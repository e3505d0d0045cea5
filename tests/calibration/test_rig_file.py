"""rig.json damaged, empty, of another version, with impossible numbers: one sentence each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.corners.boards import Board, View
from calibration.errors import RigError
from calibration.inputs import Seen
from calibration.mounting import Mounting
from calibration.rig import Rig
from calibration.rig_file import Imported, RigInputs
from calibration.verdict import Cause, Verdict
from tests.gaze.classroom import room_rig

Rigs = dict[str, Any]
NAN = float("nan")


def put(*path: str | int, value: object) -> Callable[[Rigs], Rigs]:
    """A change of one value; the last of path is its key."""

    def change(d: Rigs) -> Rigs:
        at: Any = d
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        return d

    return change


BAD: dict[str, bytes | Callable[[Rigs], Rigs]] = {
    "empty": b"",
    "half": b'{"format": "classroom-gaze rig", "version"',
    "no text": bytes(range(256)),
    "a list": b"[]",
    "null": b"null",
    "nested deeply": b"[" * 100_000,
    "of another version": put("version", value=99),
    "of another program": put("format", value="x"),
    "without cameras": put("cameras", value={}),
    "without a verdict": put("verdict", value=None),
    "a focal length of NaN": put("cameras", "left", "K", 0, 0, value=NAN),
    "a focal length below 0": put("cameras", "right", "K", 1, 1, value=-1.0),
    "a focal length of words": put("cameras", "right", "K", 1, 1, value="x"),
    "no pixels": put("cameras", "left", "size_px", value=[0, 0]),
    "no pose": put("T_RL", value=None),
    "no rotation": put("T_RL", "R", value=[[2, 0, 0], [0, 2, 0], [0, 0, 2]]),
    **{
        f"{T}.{k} of {x}": put(T, k, 0, value=[x, x, x] if k == "R" else x)
        for T in ("T_RL", "T_AL", "T_WA")
        for k in ("R", "t_m")
        for x in (NAN, 1e999)
    },
    "a covariance of NaN": put("covariance", 3, 3, value=NAN),
    "a variance below 0": put("covariance", 3, 3, value=-1.0),
    "a covariance cut short": put("covariance", value=[[1.0]]),
    "a covariance of others": put("parameter_names", value=["left.fx"]),
}


@pytest.mark.parametrize("way", BAD)
def test_each_way_is_one_sentence(tmp_path: Path, way: str) -> None:
    path = tmp_path / "rig.json"
    room_rig().save(path)
    spoil = BAD[way]
    if callable(spoil):
        path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    else:
        path.write_bytes(spoil)
    with pytest.raises(RigError, match=r"rig\.json") as caught:
        Rig.load(path)
    assert "\n" not in str(caught.value)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "rig.json").mkdir()
    with pytest.raises(RigError, match="cannot be read"):
        Rig.load(tmp_path / "rig.json")


@pytest.mark.parametrize("covariance", [True, False])
def test_a_good_one_comes_back(tmp_path: Path, covariance: bool) -> None:
    """Negative control, with a mark that an editor put before it."""
    rig = room_rig(covariance=covariance)
    rig.save(tmp_path / "rig.json")
    (tmp_path / "rig.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "rig.json").read_bytes())
    again = Rig.load(tmp_path / "rig.json")
    np.testing.assert_allclose(again.T_RL.t, rig.T_RL.t)


def test_every_field_of_a_finding_comes_back(tmp_path: Path) -> None:
    """A field that is written and not read would make every warned-of rig unreadable."""
    first = Cause("room_unchecked", "WARN", "what", "do", 12.5)
    rig = replace(room_rig(), verdict=Verdict((first, Cause("views_few", "WARN", "few"))))
    rig.save(tmp_path / "rig.json")
    assert Rig.load(tmp_path / "rig.json").verdict == rig.verdict
    assert None not in vars(first).values(), "every field is tried"


def test_version_1_is_read(tmp_path: Path) -> None:
    """It kept corners and imports among the inputs, and settings twice."""
    points = np.full((54, 2), 7.0)
    points[3] = np.nan
    seen = Seen(Board("chessboard", (9, 6), 0.05), {"left": (64, 48)}, (View("a", points),))
    now = replace(room_rig(), inputs=RigInputs(seen=seen)).to_dict()
    old = seen.to_dict() | {"versions": {"numpy": "2"}, "mountings": {"left": {"rotate": 180}}}
    then = now | {"version": 1, "inputs": old, "quality": {"settings": {}, "warp_mm": None}}
    (tmp_path / "rig.json").write_text(json.dumps(then))
    inputs = Rig.load(tmp_path / "rig.json").inputs
    assert inputs.mountings == {"left": Mounting(180)} and inputs.versions == {"numpy": "2"}
    assert inputs.seen is not None and inputs.seen.board == seen.board
    np.testing.assert_array_equal(inputs.seen.views[0].left, points)
    old = {"imported_from": "x.yaml", "format": "opencv", "notes": ["n"]}
    imported = Rig.from_dict(then | {"inputs": old}).inputs.imported
    assert imported == Imported(file="x.yaml", format="opencv", notes=("n",))


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("quality", "warp_mm"), [1, "x"], "quality.warp_mm.1"),
        (("quality", "seats"), [{"distance_m": 3}], "quality.seats.0.seat_m"),
        (("inputs", "seen"), {"views": []}, "board"),
        (("inputs", "mountings"), {"left": {"rotate": "x"}}, "inputs.mountings.left"),
    ],
)
def test_a_number_of_the_wrong_kind_is_named(
    tmp_path: Path, where: tuple[str, ...], value: object, said: str
) -> None:
    d = put(*where, value=value)(room_rig().to_dict())
    (tmp_path / "rig.json").write_text(json.dumps(d))
    with pytest.raises(RigError, match=said):
        Rig.load(tmp_path / "rig.json")
