"""A camera that changed and a class that does not fit its rig are said first hand."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gaze.lesson.caveats import caveats, unseen_seats_caveat, with_folder_caveats
from gaze.lesson.quality import points_move
from gaze.lesson.refusals import one_recording
from sessions.errors import SessionError
from sessions.quality import Quality
from sessions.video import probe
from tests.sessions.video.films import write


def codes(**found: Any) -> dict[str, str]:
    quality = Quality.model_validate({"seats": [{"student": "a"}], "coverage": 0.9, **found})
    return {c.code: c.message for c in caveats(quality)}


def test_a_changed_camera_is_said_in_its_own_sentence() -> None:
    camera = {
        "camera": "left", "change": "as it is", "turned_deg": 0.3, "zoom": 1.0, "matches": 200,
        "said": True, "sentence": "the left camera has turned by 0.30 ± 0.01°",
    }  # fmt: skip
    said = codes(rig={"cameras": [camera]})
    assert said["camera_changed"] == "The left camera has turned by 0.30 ± 0.01°."
    assert "camera_changed" not in codes(rig={"cameras": [{**camera, "said": False}]})
    said = codes(rig={"cameras": [{**camera, "corrected": True}]})
    assert said["camera_changed"].endswith("± 0.01°: taken into account, with its σ.")


def test_dark_pictures_are_said() -> None:
    camera = {"camera": "left", "said": False, "grey": 26.4}
    assert "grey level 26 of 255" in codes(rig={"cameras": [camera]})["dark_pictures"]
    assert "dark_pictures" not in codes(rig={"cameras": [{**camera, "grey": 60.0}]})


def test_cameras_that_could_not_be_checked_are_said() -> None:
    rig = {"verdict": {"status": "PASS"}}
    assert "not checked" in codes(rig=rig)["camera_unchecked"]
    as_calibrated = {"camera": "left", "said": False}
    assert "camera_unchecked" not in codes(rig={**rig, "cameras": [as_calibrated]})


def test_what_an_unsure_clock_costs_is_what_points_move_meanwhile() -> None:
    time_s = np.tile(np.arange(100) / 5, 2)
    x = np.where(np.arange(200) < 100, 0.5 * time_s, 0.0)  # one turns at 0.5 m/s, one rests
    gaze = pd.DataFrame({"student": np.repeat(["a", "b"], 100), "time_s": time_s,
                         "gaze_x_m": x, "gaze_y_m": 0.1})  # fmt: skip
    gaze.loc[[3, 50, 150], "gaze_x_m"] = np.nan
    assert points_move(gaze) == pytest.approx(0.5)
    assert points_move(gaze.assign(time_s=3 * time_s * 5)) is None, "gaps say nothing"
    assert points_move(gaze.iloc[:0]) is None

    def cost(code: str, **clock: Any) -> float | None:
        cause = {"code": code, "severity": "WARN", "message": "."}
        clock = {"source": "sound", "sigma_offset_s": 0.05, "causes": [cause], **clock}
        q = Quality.model_validate({"moves_m_s": 0.5, "clock": clock})
        return next(c.cost_cm for c in caveats(q) if c.code == code)

    assert cost("clock_roughly_measured") == pytest.approx(2.5)
    assert cost("clock_roughly_measured", sigma_offset_s=0.001) == 1.0
    assert cost("clock_unmeasured", source="assumed") is None, "any amount: said beside it"
    assert cost("clock_jumps") is None


def test_a_class_that_hardly_meets_does_not_fit() -> None:
    fits = {"students": 10, "one_camera_only": 2, "pair_cost": {"a": 0.5, "b": 0.4, "c": 1.0}}
    assert "class_does_not_fit" not in codes(identity=fits)
    lonely = codes(identity={**fits, "one_camera_only": 8})["class_does_not_fit"]
    assert "of 10 students 8 are seen by one camera alone, and 0 where" in lonely
    badly = {"a": 9.0, "b": 8.0, "c": 1.0}
    assert (
        "and 2 where the two" in codes(identity={**fits, "pair_cost": badly})["class_does_not_fit"]
    )


def test_a_class_that_does_not_fit_is_the_cause_that_stands_first(tmp_path: Path) -> None:
    """Another room's rig puts the whole class beside its seats: the tape is not to be blamed."""
    seats = np.array([(x, z) for z in (3.0, 5.0, 7.0) for x in (0.56, 1.71, 2.86)])
    declared = [
        SimpleNamespace(id=f"s{k}", seat_m=tuple(seat), opt_out=False)
        for k, seat in enumerate(seats)
    ]
    session: Any = SimpleNamespace(
        config=SimpleNamespace(students=declared), targets_path=tmp_path / "targets.csv"
    )
    (tmp_path / "targets.csv").write_text(
        "start_s,end_s,student,target,x_m,y_m\n0,1,nobody,1,2,1\n"
    )
    beside = seats + [0.52, 0.0] + np.random.default_rng(0).normal(0, 0.05, seats.shape)
    students = pd.DataFrame(beside, columns=["seat_x_m", "seat_z_m"])
    students["student"] = [s.id for s in declared]

    def said(one_camera_only: int) -> list[str]:
        found = {"students": 9, "one_camera_only": one_camera_only}
        quality = Quality.model_validate(
            {"seats": [{"student": "a"}], "coverage": 0.5, "identity": found,
             "rows": [{"row": 1, "distance_m": 3, "students": 9, "coverage": 0.5}]}
        )  # fmt: skip
        quality = quality.model_copy(update={"warnings": tuple(caveats(quality))})
        quality = with_folder_caveats(quality, session, students)
        return [w.code for w in quality.with_first(unseen_seats_caveat(1)).warnings]

    of_files = ["seats_unseen", "seats_shifted", "targets_unknown_students"]
    assert said(0)[:3] == of_files
    assert said(9)[:4] == ["class_does_not_fit", of_files[0], of_files[2], "row_coverage"]


def test_seen_but_not_usable_is_not_covered() -> None:
    assert "few_usable" in codes(status_counts={"low_confidence": 70, "ok": 30})
    assert "few_usable" not in codes(status_counts={"low_confidence": 30, "ok": 30, "away": 40})


def test_one_film_for_both_cameras_is_refused_by_whatever_name(tmp_path: Path) -> None:
    film = probe(write(tmp_path / "a.mp4", frames=10))
    copy = probe(Path(shutil.copy(tmp_path / "a.mp4", tmp_path / "b.mp4")))
    other = probe(write(tmp_path / "c.mp4", frames=10, numbers=range(10, 20)))
    one_recording(film, other)
    for same in (film, copy):
        with pytest.raises(SessionError, match="one and the same recording"):
            one_recording(film, same)
