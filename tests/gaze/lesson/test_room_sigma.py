"""How sure heads are, taken from marked points in the same room: applied, stated, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import gaze.analyze as pipeline
from calibration.errors import UserError
from gaze.analyze import analyze
from gaze.lesson.room_sigma import independent_of, sigma_of
from gaze.lesson.settings import AnalyzeSettings
from gaze.privacy.forget import forget
from gaze.report import write_report
from gaze.room.scale import Scale
from gaze.studies.methods import methods
from sessions.errors import SessionError
from sessions.quality import HeadFusion, Quality
from sessions.run import Run
from sessions.tables import read_table
from sessions.validation import Errors, SigmaFactor, Spread, Validation
from tests.gaze.squares import Frontal, write_lesson

HALF = SigmaFactor(factor=0.5, interval_95=(0.4, 0.7), students=8, looks=40, source="marks, r")


def validated(run: Run, sigma: SigmaFactor | None = HALF) -> Path:
    """The run with what `gaze validate` would leave in it."""
    cm = Spread(mean=10, median=9, p90=20)
    errors = Errors(n=40, gaze_cm=cm, gaze_bias_cm=(0, 0))
    Validation(overall=errors, sigma=sigma, run=run.folder).write(run.folder / "validation.json")
    return run.folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A lesson analysed as it is, and by what marked points say of σ."""
    lesson = tmp_path_factory.mktemp("room") / "lesson"
    write_lesson(lesson, seconds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
        settings = AnalyzeSettings.of(detector="squares", landmarks="detector")
        plain = analyze(lesson, settings, run_name="plain", model=Frontal())
        found = sigma_of(validated(plain), lesson)
        ours = settings.model_copy(update={"sigma": found})
        return plain, analyze(lesson, ours, run_name="ours", model=Frontal())


def test_heads_are_so_many_times_surer_and_point_where_they_did(two: tuple[Run, Run]) -> None:
    plain, ours = (read_table(run.gaze_path, "gaze") for run in two)
    np.testing.assert_array_equal(plain[["gaze_x_m", "nose_z_m"]], ours[["gaze_x_m", "nose_z_m"]])
    ratio = np.sqrt(ours["gaze_yy_m2"] / plain["gaze_yy_m2"]).dropna()
    assert len(ratio) > 50 and np.allclose(ratio, 0.5, atol=0.02)  # noses and rig have a share, too


def test_it_is_stated(two: tuple[Run, Run]) -> None:
    plain, ours = two
    assert ours.info().settings["sigma"]["factor"] == 0.5
    for language, word in (("en", "0.50 times"), ("de", "0,50-mal"), ("zh", "0.50 倍")):
        html = write_report(ours.folder, out=ours.folder.parents[1] / "r.html", language=language)
        assert word in html.read_text(encoding="utf-8")
    assert "scaled by 0.50, as errors of 8 students at marked points" in methods(ours.folder)
    assert "at marked points showed it" not in methods(plain.folder)


def test_how_far_the_cameras_lie_apart_is_stated_and_taken(two: tuple[Run, Run]) -> None:
    plain, _ = two
    found = Quality.read(plain.quality_path).head_fusion
    assert found.apart is not None and found.apart > 4  # a model that faces both cameras at once
    assert found.independent == found.apart
    assert methods(plain.folder).count(f"do not share was scaled by {found.apart:.2f}") == 1
    for language, word in (
        ("en", "times as far apart"),
        ("de", "mal so weit"),
        ("zh", "倍（按学生"),
    ):
        html = write_report(plain.folder, out=plain.folder.parents[1] / "r.html", language=language)
        assert word in html.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("scale", "taken"),
    [
        (None, 1.0),
        (Scale(0.8, (0.6, 1.1), 8), 1.0),  # may be chance
        (Scale(0.8, (0.6, 0.9), 8), 0.8),
        (Scale(1.7, (1.2, 2.0), 8), 1.7),
        (Scale(0.1, (0.1, 0.2), 8), 0.5),  # they err alike
    ],
)
def test_their_distance_is_taken_where_it_is_no_chance(scale: Scale | None, taken: float) -> None:
    assert independent_of(scale) == taken


def test_a_run_of_before_the_comparison_is_refused(two: tuple[Run, Run]) -> None:
    plain, _ = two
    validated(plain)
    before = plain.quality_path.read_text(encoding="utf-8")
    old = Quality.read(plain.quality_path)
    old.model_copy(update={"head_fusion": HeadFusion()}).write(plain.quality_path)
    with pytest.raises(SessionError, match="did not compare the two cameras' heads"):
        sigma_of("plain", plain.folder.parents[1])
    plain.quality_path.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    ("sigma", "says"),
    [
        (None, "says nothing of the heads' σ"),
        (HALF.model_copy(update={"interval_95": (0.4, 1.1)}), "do not show that σ is wrong"),
    ],
)
def test_what_shows_nothing_is_refused(
    two: tuple[Run, Run], sigma: SigmaFactor | None, says: str
) -> None:
    folder = validated(two[0], sigma)
    with pytest.raises(SessionError, match=says):
        sigma_of(folder, folder.parents[1])
    validated(two[0])


def test_a_run_that_is_not_validated_or_has_its_own(two: tuple[Run, Run]) -> None:
    _, ours = two
    with pytest.raises(UserError, match="not validated"):
        sigma_of("ours", ours.folder.parents[1])
    with pytest.raises(SessionError, match="not the heads' alone"):
        sigma_of(validated(ours), ours.folder.parents[1])


def test_of_a_recording_of_its_own(two: tuple[Run, Run], tmp_path: Path) -> None:
    validated(two[0])
    shutil.copytree(two[0].folder.parents[1], tmp_path / "marks")
    of_marks = tmp_path / "marks" / "runs" / "plain"
    assert sigma_of(of_marks, two[0].folder.parents[1]) == HALF
    assert sigma_of("plain", two[0].folder.parents[1]) == HALF
    with pytest.raises(UserError, match="no run of the lesson"):
        sigma_of(tmp_path / "marks" / "runs", two[0].folder.parents[1])


def test_of_another_network_is_refused(two: tuple[Run, Run]) -> None:
    lesson = two[0].folder.parents[1]
    other = HALF.model_copy(update={"weights_sha256": "other"})
    settings = AnalyzeSettings.of(detector="squares", landmarks="detector", sigma=other)
    with pytest.raises(SessionError, match="another head-pose network"):
        analyze(lesson, settings, run_name="third", model=Frontal())
    assert not (lesson / "runs" / "third").exists()


def test_forgetting_names_it(two: tuple[Run, Run]) -> None:
    said = forget(two[0].folder.parents[1], "S-01")
    assert any("how sure its heads are" in line for line in said.lost)
