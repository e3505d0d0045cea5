"""From the solver's parameters to what the room starts from; what placements are off by."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration.calibrate import solve
from calibration.lens import Lens
from calibration.room.evidence import LENGTHS, TURNS
from calibration.solve import final
from calibration.solve.final import _note_disagreements, _weight
from calibration.transform import rotation_log
from tests.calibration import rigs

LENS = Lens(np.array([1300.0, 1300, 960, 540, 0, 0, 0, 0]))
N_LENS = 2 * LENS.size


def test_each_placement_s_own_errors_are_noted() -> None:
    rng = np.random.default_rng(0)
    pictures = [f"picture{j}" for j in range(6)]
    names = [f"{k}.{n}" for k in range(12) for n in (*TURNS, *LENGTHS, *pictures)]
    off = dict(zip(names, rng.normal(size=len(names)), strict=True))
    placed = [
        SimpleNamespace(index=10 * k, picture=1 if k != 1 else None,
                        auxiliary=SimpleNamespace(tape=SimpleNamespace(measured=k != 2)))
        for k in range(12)
    ]  # fmt: skip
    notes: dict[int, dict[str, Any]] = {10 * k: {} for k in range(12)}
    room: Any = SimpleNamespace(placed=placed, note=lambda k, **said: notes[k].update(said))
    solved: Any = SimpleNamespace(names=names, residual=list(off.values()))
    _note_disagreements(room, solved)
    for k in range(12):
        own = notes[10 * k]
        assert own["turn_error_deg"] == pytest.approx([np.degrees(off[f"{k}.{n}"]) for n in TURNS])
        assert ("tape_error_cm" in own) == (k != 2)
        if k != 2:
            assert own["tape_error_cm"] == pytest.approx([100 * off[f"{k}.{n}"] for n in LENGTHS])


@pytest.mark.parametrize(
    ("usable", "clicked", "sigma_px", "weight"),
    [(True, False, 0.1, 1.0), (True, True, 0.1, 0.01), (True, True, 0.5, 0.25),
     (True, True, 3.0, 1.0), (False, False, 0.1, 1e-4), (False, True, 0.1, 1e-4),
     (False, True, 0.005, 2.5e-5)],
)  # fmt: skip
def test_a_corner_weighs_as_it_is_sure(
    usable: bool, clicked: bool, sigma_px: float, weight: float
) -> None:
    """A clicked one has a σ of 1 px where the others have theirs; none weighs more than they."""
    placed: Any = SimpleNamespace(usable=usable, auxiliary=SimpleNamespace(clicked=clicked))
    assert _weight(placed, sigma_px) == pytest.approx(weight)


@pytest.mark.parametrize("fault", ["negative", "no number"])
def test_what_is_no_covariance_is_called_none(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """By rounding a single variance may be below 0, or none a number."""
    rng = np.random.default_rng(4)
    room = rigs.random_room(rng, angle_deg=60)
    whole = final._final_solve

    def spoiled(*given: Any) -> Any:
        problem, solution, C, noise = whole(*given)
        C[3, 3] = -1e-9 if fault == "negative" else np.nan
        return problem, solution, C, noise

    monkeypatch.setattr(final, "_final_solve", spoiled)
    rig = solve(rigs.make_seen(room, rng, shared=8, alone=2, placements=()), models=(4,))
    assert rig.covariance is None and rig.verdict.status == "FAIL"
    assert "undetermined" in {cause.code for cause in rig.verdict.causes}


def test_a_pair_without_a_room_keeps_its_covariance() -> None:
    rng = np.random.default_rng(4)
    room = rigs.random_room(rng, angle_deg=60)
    rig = solve(rigs.make_seen(room, rng, shared=8, alone=2, placements=()), models=(4,))
    assert rig.T_AL is None and rig.T_WA is None
    assert rig.covariance is not None and rig.covariance.shape == (N_LENS + 6, N_LENS + 6)
    off = rotation_log(room.rig.T_RL.R.T @ rig.T_RL.R)
    sigma = np.sqrt(np.diag(rig.covariance))[N_LENS : N_LENS + 3]
    assert (sigma > 0).all() and (np.abs(off) < 5 * sigma).all()
