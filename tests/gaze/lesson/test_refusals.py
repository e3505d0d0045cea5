"""gaze/lesson/refusals.py: what a rig with the verdict FAIL says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from calibration.errors import RigError
from calibration.verdict import Cause, Verdict
from gaze.lesson.refusals import usable_rig
from tests.calibration import rigs


def test_a_bad_rig_says_its_first_cause_to_the_end(tmp_path: Path) -> None:
    """Runners-up stand at the end of a cause: none is cut off."""
    long = f"the tape {'was led astray ' * 40}(or: the board was moved)"
    rig = replace(
        rigs.random_room(np.random.default_rng(0)).rig,
        verdict=Verdict((Cause("a", "FAIL", long), Cause("b", "FAIL", "another"))),
    )
    rig.save(tmp_path / "rig.json")
    session = SimpleNamespace(rig_path=tmp_path / "rig.json")
    with pytest.raises(RigError) as refused:
        usable_rig(session)  # type: ignore[arg-type]
    assert f"found {long}; and 1 more, in calibration.html" in str(refused.value)
    assert usable_rig(session, force=True).T_WA is not None  # type: ignore[arg-type]
