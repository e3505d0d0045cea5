"""What a calibration starts from: corners, tape, boards (``rig.inputs.seen``)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from calibration.corners.boards import Board, View
from calibration.room import world
from calibration.room.evidence import Looked, Seated
from calibration.room.picture import RoomPicture
from calibration.room.world import Tape
from calibration.transform import Transform
from calibration.verdict import Cause


@dataclass(frozen=True)
class Auxiliary:
    """One placement of the auxiliary board: its tape, its board, its corners in both cameras.

    ``room``: pictures of the room that show it together with the blackboard's corners.
    """

    tape: Tape
    board: Board
    view: View
    clicked: bool = False
    room: tuple[RoomPicture, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "tape": vars(self.tape),
            "board": self.board.to_dict(),
            "view": self.view.to_dict(),
            "clicked": self.clicked,
            "room": [p.to_dict() for p in self.room],
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Auxiliary:
        """The inverse of :meth:`to_dict`."""
        return cls(
            Tape(**d["tape"]),
            Board.from_dict(d["board"]),
            View.from_dict(d["view"]),
            d["clicked"],
            tuple(RoomPicture.from_dict(p) for p in d.get("room", ())),
        )

    def T_AB(self, quarter_turns: int) -> Transform:
        """The detector's board frame (B) in A, for a board turned by quarter turns in its plane."""
        return world.T_AB(self.tape.tilt_deg, self.board.points_B(), quarter_turns)


@dataclass(frozen=True)
class Seen:
    """Everything a calibration starts from; a rig carries it as ``rig.inputs.seen``.

    Parameters
    ----------
    board : the board of ``views``.
    sizes : per camera (width, height) in pixels.
    views : the board in both cameras (or one of them).
    auxiliary : placements of the auxiliary board.
    blackboard_m : (width, height), for checks and for what the errors mean on it.
    cameras_apart_m : distance of the two lenses by tape, an independent check of the scale.
    apart_sigma_m : how well that is known (1 σ).
    corners_m : per camera the tape from its lens to the blackboard's upper left and upper right
        corner (and to the lower left and lower right one).
    looked : where a class that looked at marked points sees the blackboard, or None.
    seated : where a class sits at declared seats, or None.
    causes : what was already found wrong while the pictures were read.
    """

    board: Board
    sizes: dict[str, tuple[int, int]]
    views: tuple[View, ...]
    auxiliary: tuple[Auxiliary, ...] = ()
    blackboard_m: tuple[float, float] | None = None
    cameras_apart_m: float | None = None
    apart_sigma_m: float = 0.03
    corners_m: dict[str, tuple[float, ...]] = field(default_factory=dict)
    looked: Looked | None = None
    seated: Seated | None = None
    causes: tuple[Cause, ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for rig.json."""
        return {
            "board": self.board.to_dict(),
            "sizes": {k: list(v) for k, v in self.sizes.items()},
            "views": [v.to_dict() for v in self.views],
            "auxiliary": [a.to_dict() for a in self.auxiliary],
            "blackboard_m": None if self.blackboard_m is None else list(self.blackboard_m),
            "cameras_apart_m": self.cameras_apart_m,
            "apart_sigma_m": self.apart_sigma_m,
            "corners_m": {k: list(v) for k, v in self.corners_m.items()},
            "looked": None if self.looked is None else asdict(self.looked),
            "seated": None if self.seated is None else asdict(self.seated),
            "causes": [vars(c) for c in self.causes],
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Seen:
        """The inverse of :meth:`to_dict`."""
        board_m = d.get("blackboard_m")
        return cls(
            Board.from_dict(d["board"]),
            {k: (int(v[0]), int(v[1])) for k, v in d["sizes"].items()},
            tuple(View.from_dict(v) for v in d["views"]),
            tuple(Auxiliary.from_dict(a) for a in d["auxiliary"]),
            None if board_m is None else (float(board_m[0]), float(board_m[1])),
            d.get("cameras_apart_m"),
            d.get("apart_sigma_m", 0.03),
            {k: tuple(v) for k, v in d.get("corners_m", {}).items()},
            None if d.get("looked") is None else Looked(**d["looked"]),
            None if d.get("seated") is None else Seated(**d["seated"]),
            tuple(Cause(**c) for c in d.get("causes", ())),
        )
