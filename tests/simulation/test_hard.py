"""What is hard in a lesson is true: who wears what hides that part, who leaves is gone, who changes
seats sits there; and what nobody asked for changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from sessions.errors import SessionError
from sessions.events.moves import move_of
from sessions.simulation.draw import Shutter, flickering
from sessions.simulation.people import load_people
from sessions.simulation.plan import make_plan
from sessions.simulation.script import Heads, Placement, covered, visible_share
from sessions.simulation.simulate import Options, World, build_world
from sessions.simulation.teacher import WAYS
from sessions.simulation.truth_only import write_truth_only
from sessions.simulation.wear import WORN, dealt, dressed, held_spans, wanted
from sessions.simulation.write import truth_table, write_session
from tests.simulation.test_pictures import LESSON, needs_renderer

DEMO = Options(seconds=13.5, fps=5, seed=1).small()
LIVELY = Options(students=10, scenario="lively", seconds=18, fps=5, seed=3)
SIXTH = list(range(0, 68, 6))
MOUTH, BROWS_AND_EYES = [48, 54, 60, 66], [18, 24, 36, 42]


def test_a_plain_lesson_is_written_as_before(tmp_path: Path) -> None:
    """The committed lesson is older than everything hard."""
    world = build_world(DEMO)
    write_session(tmp_path, world)
    assert (tmp_path / "targets.csv").read_bytes() == (LESSON / "targets.csv").read_bytes()
    old = pd.read_parquet(LESSON / "truth" / "heads.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "truth" / "heads.parquet"), old)
    options = json.loads((tmp_path / "truth" / "about.json").read_text())["options"]
    before = json.loads((LESSON / "truth" / "about.json").read_text())["options"]
    assert options == {**before, "fisheye_deg": None}


@needs_renderer
def test_a_plain_lesson_is_drawn_as_before() -> None:
    pytest.importorskip("vtk")
    from sessions.simulation.classroom import Classroom
    from sessions.simulation.render import Lens

    world = build_world(DEMO)
    with av.open(str(LESSON / "left.mp4")) as film:
        frames = film.decode(video=0)
        filmed = next(f for k, f in enumerate(frames) if k == 20).to_ndarray(format="bgr24")
    heads = world.heads(world.frame_times("left")[20:21])
    room = Classroom(
        world.room, world.seats, world.auxiliary, world.people, world.marks, 1.0, DEMO.seed
    )
    try:
        lens = Lens.of(world.cameras["left"])
        room.show_people(True)
        room.pose(heads, 0)
        drawn = room.picture(world.T_WC["left"], lens)
        room.pose(replace(heads, here=np.zeros_like(heads.here)), 0)
        left = room.picture(world.T_WC["left"], lens)
        room.show_people(False)
        assert np.array_equal(left, room.picture(world.T_WC["left"], lens)), "nobody is there"
    finally:
        room.close()
    assert np.abs(drawn - filmed.astype(float)).mean() < 2.5
    assert np.abs(left - filmed.astype(float)).mean() > 5


@needs_renderer
def test_a_picture_does_not_tell_what_was_drawn_before_it() -> None:
    """Bodies are kept from picture to picture: moved, gone and come back, they are as drawn anew,
    and whoever sits before another hides him.
    """
    pytest.importorskip("vtk")
    from sessions.simulation.classroom import Classroom
    from sessions.simulation.render import Lens

    o = Options(students=3, rows=2, seconds=4.0, resolution="720p", scenario="natural", seed=3)
    world = build_world(o.checked())
    heads = world.heads(np.array([0.0, 1.0, 2.0]))
    heads.t_WB[1] += [0.05, 0, 0]
    heads.here[2, 0] = False
    lens = Lens.of(world.cameras["left"])

    def drawn(moments: list[int], *, at_once: bool = False) -> np.ndarray:
        room = Classroom(
            world.room, world.seats, world.auxiliary, world.people, world.marks, 1.0, o.seed
        )
        try:
            room.show_people(True)
            for k in moments:
                room.pose(heads, k)
                picture = room.picture(world.T_WC["left"], lens)
            return lens.bend(room.scene.picture()) if at_once else picture
        finally:
            room.close()

    for k in range(3):
        anew = drawn([k])
        assert np.array_equal(drawn([1, 0, 2, k]), anew)
        # all actors in one rendering, lit alike: the same but where two surfaces meet
        assert (np.abs(drawn([k], at_once=True) - anew.astype(float)).max(2) > 2).mean() < 1e-4
    assert not np.array_equal(drawn([0]), drawn([1]))


def facing(n: int = 1) -> Heads:
    """A head at rest at the origin of W, its axes those of B, n moments, something held in half."""
    eye, none = np.tile(np.eye(3), (n, 1, 1, 1)), np.zeros((n, 1, 3))
    return Heads(
        np.arange(n), eye, none, eye, np.tile(np.eye(3), (n, 1, 2, 1, 1)), eye, none, none, none,
        np.full((n, 1), "", object), np.zeros((n, 1)), np.ones((n, 1), bool),
        (np.arange(n) % 2 == 1)[:, None],
    )  # fmt: skip


def hidden(name: str, *things: str, from_B: tuple[float, float, float] = (0, 0.2, 3)) -> set[int]:
    """Every sixth landmark that is hidden while something is held."""
    person = next(p for p in load_people() if p.name == name)
    worn = dressed(person, things, np.random.default_rng(1))
    return {k for k, is_hidden in zip(SIXTH, covered(worn, facing(2), 0, np.array(from_B))[1],
                                      strict=True) if is_hidden}  # fmt: skip


@pytest.mark.parametrize("name", ["sven", "pia", "lea", "jun"])
def test_what_is_worn_hides_its_part_of_the_face(name: str) -> None:
    assert hidden(name) == set() == hidden(name, "glasses")
    mask = hidden(name, "mask")
    assert mask >= {*MOUTH, 30} and not mask & set(BROWS_AND_EYES)
    cap = hidden(name, "cap", from_B=(0, 1.2, 2.2))  # seen from above
    assert cap & {18, 24} and not cap & set(MOUTH)
    hair = hidden(name, "hair")
    assert ({36, 18} <= hair) != ({42, 24} <= hair), "one half of the face"
    assert hidden(name, "book") >= set(MOUTH) - {30} and not hidden(name, "book") & {18, 24}
    assert len(hidden(name, "hand") & set(MOUTH)) >= 2


def test_what_is_held_hides_only_while_it_is_held_and_turns_with_the_head() -> None:
    person = dressed(load_people("test")[0], ("book",), np.random.default_rng(1))
    heads = facing(2)
    camera = np.array([0.3, 0.5, 2.5])
    down, up = covered(person, heads, 0, camera)
    assert up.any() and not down.any()
    turn = heads.R_head.copy()
    turn[:] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]  # to the left
    turned = covered(person, replace(heads, R_head=turn), 0, turn[0, 0] @ camera)
    assert (turned == [down, up]).all()
    place = Placement(person, "A1", np.zeros(3), np.zeros(2), np.ones(3))
    assert visible_share(heads, [place], camera)[:, 0].tolist() == [1.0, 1 - up.mean()]


def test_who_wears_what_is_as_many_as_asked() -> None:
    counts = wanted("mask, cap 3,hand 50%, book=2", 8)
    assert counts == {"mask": 8, "cap": 3, "hand": 4, "book": 2}
    for seed in range(20):
        has = dealt(counts, 8, seed)
        assert {kind: sum(kind in things for things in has) for kind in counts} == counts
        assert not any({"hand", "book"} <= set(things) for things in has)
    assert dealt(counts, 8, 1) == dealt(counts, 8, 1) != dealt(counts, 8, 2)
    assert wanted("", 8) == {}
    spans = held_spans(600, np.random.default_rng(0))
    assert 0.4 < sum(b - a for a, b in spans) / 600 < 0.6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wear": "hat"}, "--wear is impossible; found hat"),
        ({"wear": "mask 9"}, "how many of the 8 students"),
        ({"wear": "mask, mask 2"}, "each once"),
        ({"wear": "hand 5, book 4"}, "not both"),
        ({"wear": "mask -1"}, "--wear"),
        ({"scenario": "lively"}, "--students is impossible; found 8, expected at least 10"),
        ({"exposure_s": 1.0}, "--exposure"),
        ({"readout_s": -0.1}, "--readout"),
        ({"flicker": 2.0}, "--flicker"),
        ({"backlight": float("nan")}, "--backlight"),
        ({"lost": -1}, "--lost"),
        ({"teacher": "dances"}, "--teacher is impossible; found dances, expected one of walks, "),
        ({"crf": 60}, "--crf"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(change: dict, said: str) -> None:
    with pytest.raises(SessionError, match=said):
        Options(**change).checked()


def test_answers_without_pictures_know_nothing_of_it(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"--plan .* found --wear --exposure"):
        make_plan(Options(wear="mask", exposure_s=0.02))
    with pytest.raises(SessionError, match=r"--plan .* found --teacher"):
        make_plan(Options(teacher="front"))
    with pytest.raises(SessionError, match=r"--truth-only .* found --scenario lively"):
        write_truth_only(tmp_path / "x", LIVELY)
    assert not (tmp_path / "x").exists()


def test_lost_frames_are_missing_from_one_film_and_its_times_do_not_say_so(tmp_path: Path) -> None:
    world = build_world(Options(seconds=6, fps=10, lost=3, offset_s=0.2).checked())
    left, right = world.frame_times("left"), world.frame_times("right")
    assert len(left) == len(right) == 60
    apart = np.round(left - right, 9)
    assert (apart[:30] == 0.2).all() and (apart[30:] == -0.1).all()
    alone = replace(world.options, offset_s=0.0).checked()
    write_session(tmp_path / "x", build_world(alone))
    assert "offset_s" not in (tmp_path / "x" / "session.toml").read_text(), "to be estimated"
    about = json.loads((tmp_path / "x" / "truth" / "about.json").read_text())
    assert about["options"]["lost"] == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_teacher_is_in_the_pictures_and_no_student(way: str, tmp_path: Path) -> None:
    """Stands or walks before the students, whose truth is the same but for who is hidden."""
    plain = build_world(Options(scenario="natural", seconds=30, fps=5, seed=2).checked())
    world = build_world(replace(plain.options, teacher=way).checked())
    t = world.frame_times("left")
    heads, alone, everybody = world.heads(t), plain.heads(t), world.heads_in_pictures(t)
    assert np.array_equal(heads.R_WS, alone.R_WS)
    assert len(world.in_pictures) == len(world.people) + 1 == everybody.P_W.shape[1]
    assert np.array_equal(everybody.P_W[:, :-1], heads.P_W)
    nose = everybody.P_W[:, -1]
    assert (nose[:, 1] < heads.P_W[..., 1].min() - 0.2).all()  # y_W is down
    step_m = np.linalg.norm(np.diff(nose, axis=0), axis=1)
    assert step_m.max() < 0.35  # no jumps at corners, nor where the way is walked back
    walked_m = np.ptp(nose[:, [0, 2]], axis=0)
    if way == "walks":
        assert walked_m[0] > 2.5 and walked_m[1] > 2.5
        beside = np.linalg.norm(nose[:, None, [0, 2]] - heads.P_W[..., [0, 2]], axis=-1)
        assert 0.3 < beside.min() < 1.2  # between the rows, through nobody
    else:
        assert (walked_m[0] > 2.5) == (way == "front") and walked_m[1] < 0.4
    shows = [truth_table(w, w.heads(t)) for w in (plain, world)]
    hidden = [float((1 - f[["visible_left", "visible_right"]]).to_numpy().sum()) for f in shows]
    assert hidden[1] >= hidden[0] and (way != "walks" or hidden[1] > hidden[0])
    assert set(shows[1].student) == set(world.seats.ids)
    write_session(tmp_path / "x", world)
    about = json.loads((tmp_path / "x" / "truth" / "about.json").read_text())
    assert about["options"]["teacher"] == way and "teacher" not in about["people"]


@pytest.fixture(scope="module")
def lively() -> World:
    return build_world(LIVELY)


def test_a_lively_lesson_has_its_hard_moments(lively: World) -> None:
    t = lively.frame_times("left")
    heads, who = lively.heads(t), lively.roles
    assert who is not None
    z = heads.R_WS[..., 2]
    left_deg = np.degrees(np.arctan2(z[..., 0], -z[..., 2]))
    talk = (t > 4) & (t < 7.5)
    one, other = who.twins
    assert (np.abs(left_deg[talk][:, [one, other]]) > 60).all()
    assert (np.sign(left_deg[talk][:, one]) == -np.sign(left_deg[talk][:, other])).all()
    assert lively.people[one].person is lively.people[other].person
    assert (lively.people[one].shirt == lively.people[other].shirt).all()
    assert (z[(t > 5) & (t < 8.5), who.looks_back, 2] > 0.5).all()
    assert (z[(t > 7) & (t < 14), who.bends, 1] > 0.7).all()
    gone = ~heads.here
    assert gone[:, who.leaves].mean() == pytest.approx(0.3, abs=0.02)
    a, b = who.swaps
    before, after = heads.P_W[t < 8], heads.P_W[t > 12]
    for k, j in ((a, b), (b, a)):
        assert np.linalg.norm(after[:, k, ::2].mean(0) - before[:, j, ::2].mean(0)) < 0.25
        assert gone[:, k].mean() == pytest.approx(2 / 18, abs=0.02)
    quiet = set(range(10)) - {one, other, who.looks_back, who.bends, who.leaves, a, b}
    assert heads.here[:, list(quiet)].all() and np.abs(left_deg[:, list(quiet)]).max() < 90


def test_its_files_say_so(lively: World, tmp_path: Path) -> None:
    write_session(tmp_path, lively)
    table = pd.read_parquet(tmp_path / "truth" / "heads.parquet")
    gone = table[table["target"] == "gone"]
    assert len(gone) == 27 + 2 * 10
    measured = [c for c in table.columns if c.startswith(("nose", "head", "gaze", "face"))]
    assert gone[measured].isna().all(axis=None)
    assert (gone[["visible_left", "visible_right"]] == 0).all(axis=None)
    assert table.loc[table["target"] != "gone", "nose_x_m"].notna().all()
    about = json.loads((tmp_path / "truth" / "about.json").read_text())
    assert set(about["gone_s"]) == {about["roles"]["leaves"], *about["roles"]["swaps"]}
    lines = pd.read_csv(tmp_path / "events.csv")
    moves = [move_of(*line) for line in lines[["time_s", "label"]].itertuples(index=False)]
    seats = about["seats_m"]
    swapped = dict(zip(about["roles"]["swaps"], about["roles"]["swaps"][::-1], strict=True))
    assert [m.to_m for m in moves if m] == [
        pytest.approx(seats[other], abs=0.006) for other in swapped.values()
    ]


def test_the_table_says_what_is_held_and_who_wears_what(tmp_path: Path) -> None:
    world = build_world(replace(DEMO, wear="mask 3, hand 2"))
    table = truth_table(world, world.heads(world.frame_times("left")))
    plain = build_world(DEMO)
    free = truth_table(plain, plain.heads(world.frame_times("left")))
    less = table["visible_left"] < free["visible_left"]
    wears = {s for s, t in zip(world.seats.ids, world.wears, strict=True) if "mask" in t}
    holds = {s for s, t in zip(world.seats.ids, world.wears, strict=True) if "hand" in t}
    assert len(wears) == 3 and less[table["student"].isin(wears)].all()
    assert table["held"].any() and set(table.loc[table["held"], "student"]) == holds
    assert not less[~table["student"].isin(wears | holds)].any()
    assert "held" not in free and set(free) < set(table)
    kept = [c for c in free.columns if not c.startswith("visible")]
    pd.testing.assert_frame_equal(table[kept], free[kept])


@pytest.mark.parametrize("times", [(0.02, 0.02), (0.02, 0.0), (0.004, 0.03), (0.0, 0.02)])
def test_each_row_sees_its_own_time(times: tuple[float, float]) -> None:
    exposure, readout = times
    shutter = Shutter.of(exposure, readout, 200)
    assert np.allclose(shutter.weight.sum(0), 1)
    step = (exposure + readout) / len(shutter.after_s)
    sees = (shutter.weight * shutter.after_s[:, None]).sum(0)
    middle = shutter.begin_s + exposure / 2
    assert np.abs(sees - middle).max() <= step / 2 + 1e-9
    assert sees[0] == pytest.approx(-sees[-1], abs=1e-6) and np.ptp(sees) <= readout + 1e-9
    pictures = [np.full((200, 4, 3), 1000 * t) for t in shutter.after_s]
    assert np.allclose(shutter.joined(pictures)[:, 0, 0], 1000 * sees, atol=1e-3)


def test_without_a_shutter_a_picture_is_one_moment() -> None:
    shutter = Shutter.of(0, 0, 100)
    assert shutter.after_s.tolist() == [0]
    picture = np.zeros((100, 4, 3), np.uint8)
    assert shutter.joined([picture]) is picture
    assert flickering(picture, 0.3, shutter, 0.0) is picture


def test_flicker_is_fainter_the_longer_the_exposure() -> None:
    white = np.full((300, 2, 3), 100.0)

    def depth(exposure: float) -> float:
        lit = flickering(white, 0.3, Shutter.of(exposure, 0.02, 300), 0.3)[:, 0, 0]
        assert lit.mean() == pytest.approx(100, abs=3)
        return float(np.ptp(lit)) / 200

    assert depth(0.0) == pytest.approx(0.3, abs=0.02)
    assert depth(0.005) == pytest.approx(0.3 * 0.64, abs=0.02)
    assert depth(0.01) < 0.01


def test_every_kind_can_be_worn_at_once() -> None:
    person = dressed(load_people("test")[1], WORN, np.random.default_rng(0))
    assert person.glasses and len(person.points) == len(person.colour) == len(person.share)
    assert person.faces.max() < len(person.points) and np.isfinite(person.points).all()
    assert person.offsets.shape[1] == len(person.points)
    assert ((person.colour >= 0) & (person.colour <= 1)).all()
