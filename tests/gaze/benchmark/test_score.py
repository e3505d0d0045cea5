"""The benchmark's scores, by entries made from the truth itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gaze.benchmark.run import entry_name, score_folder, table
from gaze.benchmark.score import read_entry, score_entry, summary
from gaze.benchmark.tracks import TRACKS, VERSION, BenchmarkError, track
from gaze.commands.app import app
from gaze.lesson.settings import AnalyzeSettings
from gaze.room.geometry import gaze_points
from sessions.simulation.simulate import World, build_world


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(track("demo").lesson(1))


def perfect(world: World, sigma_m: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """The truth at 5 moments a second as an entry, with round errors of σ."""
    time_s = np.arange(round(world.options.seconds * 5)) / 5
    heads = world.heads(time_s)
    xy, meets = gaze_points(heads.P_W.reshape(-1, 3), heads.R_WS.reshape(-1, 3, 3))
    xy = xy + np.random.default_rng(seed).normal(0, sigma_m, xy.shape)
    n = len(world.seats.ids)
    entry = pd.DataFrame({"time_s": np.repeat(time_s, n),
                          "student": np.tile(world.seats.ids, len(time_s))})  # fmt: skip
    entry[["gaze_x_m", "gaze_y_m"]] = np.where(meets[:, None], xy, np.nan)
    entry["gaze_xx_m2"] = entry["gaze_yy_m2"] = max(sigma_m, 0.01) ** 2
    entry["gaze_xy_m2"] = 0.0
    entry[["nose_x_m", "nose_y_m", "nose_z_m"]] = heads.P_W.reshape(-1, 3)
    entry["status"] = np.where(meets, "", "away")
    return entry


def test_the_truth_is_right(world: World, tmp_path: Path) -> None:
    perfect(world).to_csv(tmp_path / "demo-1.csv", index=False)
    found = score_folder(tmp_path, ["demo"], entry="truth")["tracks"]["demo"]
    assert found["cm_mean"] < 1e-3 and found["coverage_percent"] == 100
    assert found["inside_68_percent"] == 100 and found["switches"] == 0
    assert abs(found["share_bias_points"]) < 0.5 and found["false_points_percent"] == 0
    assert sorted(found["rows"]) == [1, 2, 3]
    assert sum(r["n"] for r in found["rows"].values()) == found["n"] > 400


def test_errors_are_measured_in_centimetres_and_in_ellipses(world: World) -> None:
    found = summary([score_entry(perfect(world, 0.10), world)])
    assert found["cm_mean"] == pytest.approx(10 * (np.pi / 2) ** 0.5, rel=0.06)
    assert 63 < found["inside_68_percent"] < 73
    shifted = perfect(world)
    shifted["gaze_x_m"] += 0.25
    one = summary([score_entry(shifted, world)])
    assert one["cm_median"] == pytest.approx(25.0) and one["inside_68_percent"] == 0


def test_gaps_others_noses_and_bare_tables(world: World) -> None:
    entry = perfect(world)
    gaps = entry.copy()
    gaps.loc[::2, ["gaze_x_m", "gaze_y_m"]] = np.nan
    assert summary([score_entry(gaps, world)])["coverage_percent"] == pytest.approx(50, abs=2)
    swapped = entry.copy()
    late = swapped["time_s"] > 5
    swapped.loc[late, "student"] = swapped.loc[late, "student"].replace({"A1": "C2", "C2": "A1"})
    found = summary([score_entry(swapped, world)])
    assert found["switches"] == 2 and found["cm_mean"] > 1
    bare = entry[["time_s", "student", "gaze_x_m", "gaze_y_m"]]
    path_free = summary([score_entry(read_bare(bare), world)])
    assert path_free["switches"] is None and path_free["inside_68_percent"] is None
    assert path_free["cm_mean"] < 1e-3


def read_bare(frame: pd.DataFrame) -> pd.DataFrame:
    out = frame.assign(status="")
    for name in ("gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2", "nose_x_m", "nose_y_m", "nose_z_m"):
        out[name] = np.nan
    return out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.drop(columns="gaze_y_m"), "lacks columns"),
        (lambda e: e.assign(gaze_x_m="left"), "gaze_x_m holds what is no number"),
        (lambda e: e.assign(time_s=np.nan), "no time"),
        (lambda e: pd.concat([e, e[:1]]), "two rows"),
        (lambda e: e.assign(student="Z9", time_s=np.arange(len(e)) / 1e4), "does not have"),
        (lambda e: e.assign(time_s=e["time_s"] + 100), "outside the lesson"),
    ],
)
def test_bad_entries_are_named(world: World, tmp_path: Path, change, said: str) -> None:
    change(perfect(world)).to_csv(tmp_path / "e.csv", index=False)
    with pytest.raises(BenchmarkError, match=said):
        score_entry(read_entry(tmp_path / "e.csv"), world)


def test_the_command(world: World, tmp_path: Path) -> None:
    """A track without an entry is named, not counted."""
    perfect(world, 0.05).to_csv(tmp_path / "demo-1.csv", index=False)
    say = CliRunner().invoke(app, ["benchmark", "score", str(tmp_path), "--track", "demo",
                                   "--track", "marked", "--json"])  # fmt: skip
    assert say.exit_code == 0, say.output
    result = json.loads(say.stdout)
    assert list(result["tracks"]) == ["demo"] and "marked-9001.csv" in result["missing"]
    lines = table(result)
    assert any(line.startswith("| demo | 1 |") for line in lines) and "Without" in lines[-1]
    none = CliRunner().invoke(app, ["benchmark", "score", str(tmp_path), "--track", "nowhere"])
    assert none.exit_code == 2 and "no such track" in none.stderr
    told = CliRunner().invoke(app, ["benchmark", "tracks", "--json"])
    assert set(json.loads(told.stdout)) == set(TRACKS)


def test_the_tracks_are_frozen() -> None:
    """Another option or seed is another benchmark: raise VERSION with it."""
    assert all(t.lesson(seed).seed == seed for t in TRACKS.values() for seed in t.seeds)

    def stamp(names: list[str]) -> str:
        told = {name: [dict(TRACKS[name].options), TRACKS[name].seeds] for name in names}
        said = json.dumps(told, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    names = list(TRACKS)
    later = ["teacher", "lost-frames", "fisheye", "corners", "4k", "two-minutes"]
    assert (VERSION, stamp([n for n in names if n not in later])) == (2, "9208c5095f8740dc")
    assert stamp(later) == "d4eb59f61b88f0bf", "added since; the others are as they were"
    assert stamp(names[:9]) == "e9ac4f119d931d88", "what version 1 had is as it was"


def test_a_person_too_many_is_counted_and_not_refused(world: World) -> None:
    entry = perfect(world)
    ghost = entry[(entry["student"] == "A1") & (entry["time_s"] > 5)].assign(student="S-01")
    found = summary([score_entry(pd.concat([entry, ghost], ignore_index=True), world)])
    assert found["strangers"] == 1 and found["cm_mean"] < 1e-3
    share = 100 * len(ghost) / (len(entry) + len(ghost))
    assert found["false_points_percent"] == pytest.approx(share, abs=0.01)


def test_who_is_gone_is_not_asked_for_and_has_no_point() -> None:
    world = build_world(track("lively").lesson(9131))
    entry = perfect(world)
    heads = world.heads(np.unique(entry["time_s"]))
    gone = ~heads.here.ravel()
    assert gone.any()
    bare = entry.copy()
    bare.loc[gone, ["gaze_x_m", "gaze_y_m", "nose_x_m", "nose_y_m", "nose_z_m"]] = np.nan
    bare.loc[gone, "status"] = "no_face"
    found = summary([score_entry(bare, world)])
    assert found["coverage_percent"] == 100 and found["false_points_percent"] == 0
    assert found["cm_mean"] < 1e-3 and found["switches"] == 0
    assert abs(found["share_bias_points"]) < 1
    said = summary([score_entry(entry, world)])
    assert said["false_points_percent"] > 2, "a point for who is not there"


def test_entries_are_called_after_weights_and_what_was_taken_off() -> None:
    assert entry_name(AnalyzeSettings(weights="weights/big.pt")) == "big"
    assert entry_name(AnalyzeSettings(weights="lite0", agreement=True)) == "lite0-agreement"


def test_a_film_of_fewer_pictures_is_asked_for_no_more_than_it_has(tmp_path: Path) -> None:
    slow = build_world(replace(track("demo").lesson(1), fps=2.5).checked())
    entry = perfect(slow)
    entry = entry[np.isclose(entry.time_s % 0.4, 0) | np.isclose(entry.time_s % 0.4, 0.4)]
    assert summary([score_entry(entry, slow)])["coverage_percent"] == 100
