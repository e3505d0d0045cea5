"""Chapters of one recording: joined by their times, gaps and repeats, wrong lists."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration.mounting import Mounting
from sessions.config import CameraConfig
from sessions.errors import VideoError
from sessions.video import moments, probe, read_frames
from tests.sessions.video.films import number, picture, write

B2 = {"bf": "2", "g": "12", "preset": "veryfast"}


def chapters(folder: Path, created: list[str], counts: list[int]) -> list[Path]:
    first, out = 0, []
    for k, (text, n) in enumerate(zip(created, counts, strict=True)):
        out.append(
            write(folder / f"{k}.mp4", numbers=range(first, first + n), options=B2,
                  metadata={"creation_time": text} if text else {})
        )  # fmt: skip
        first += n
    return out


def test_chapters_go_on_where_the_last_one_ends(tmp_path: Path) -> None:
    """Wall clocks that are equal or a second off make no gap."""
    same = "2026-03-02T08:00:00.000000Z"
    for created in (
        ["", "", ""],
        [same] * 3,
        [same, "2026-03-02T08:00:03Z", "2026-03-02T08:00:05Z"],
    ):
        info = probe(chapters(tmp_path, created, [50, 50, 30]))
        assert info.frames == 130 and info.remarks == () and info.traits[0] == "3 chapters"
        np.testing.assert_allclose(info.times_s, np.arange(130) / 25, atol=1e-3)
        asked = [49, 50, 51, 99, 100, 129]
        assert [(i, number(s)) for i, s in read_frames(info, asked)] == [(i, i) for i in asked]
        assert info.n_bytes == sum(f.path.stat().st_size for f in info.files)


def test_a_gap_between_chapters_is_kept_and_told(tmp_path: Path) -> None:
    begin = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
    late = begin + dt.timedelta(seconds=20)
    info = probe(chapters(tmp_path, [begin.isoformat(), late.isoformat()], [50, 50]))
    assert info.times_s[50] == pytest.approx(20.0, abs=1e-3)
    assert "a gap of 18.0 s before 1.mp4" in info.remarks[0]
    other = probe(write(tmp_path / "r.mp4", frames=700, options=B2))
    when = moments(info, other, other.times_s, fps=5)
    assert not ((when.time_s > 2.2) & (when.time_s < 19.8)).any()
    assert np.abs(other.times_s[when.frame_right] - when.time_s).max() < 0.03


def test_camcorder_chapters_keep_their_running_clock(tmp_path: Path) -> None:
    """.ts chapters whose times go on: joined by them, 0.4 s of gap kept."""
    a = write(tmp_path / "a.mkv", numbers=range(50), times_s=[10 + i / 25 for i in range(50)])
    b = write(tmp_path / "b.mkv", numbers=range(50, 90), times_s=[12.4 + i / 25 for i in range(40)])
    info = probe([a, b])
    assert info.times_s[0] == 0 and info.times_s[50] == pytest.approx(2.4, abs=2e-3)
    assert "a gap of 0.4 s" in info.remarks[0]


def test_chapters_that_do_not_belong_together(tmp_path: Path) -> None:
    one, two = chapters(tmp_path, ["2026-03-02T08:10:00Z", "2026-03-02T08:00:00Z"], [10, 10])
    with pytest.raises(VideoError, match="not in the order"):
        probe([one, two])
    assert probe([two, one]).frames == 20
    with pytest.raises(VideoError, match="listed twice"):
        probe([one, one])
    big = write(tmp_path / "big.mp4", frames=5, draw=lambda n: cv2.resize(picture(n), (256, 144)))
    with pytest.raises(VideoError, match="differ in size"):
        probe([one, big])
    with pytest.raises(VideoError, match="missing"):
        probe([one, tmp_path / "c.mp4"])


@pytest.mark.parametrize(("names", "said"), [
    (["GX010012", "GX020012"], None),
    (["GX010012", "GX030012"], "goes from GX010012.mp4 to GX030012.mp4: is a chapter missing"),
    (["GX020012", "GX010012"], "has GX010012.mp4 behind GX020012.mp4: is that the order"),
    (["GH010042", "GH010043"], "by their names two recordings"),
    (["gx020042", "gx010051"], "by their names two recordings"),
    (["MVI_0009", "MVI_0010"], None),
    (["00012", "00014"], "is a chapter missing"),
    (["101500", "103215"], None),  # times of day
    (["lesson", "lesson (2)"], None),
    (["part one", "part two"], None),
])  # fmt: skip
def test_names_that_speak_against_the_order(
    tmp_path: Path, names: list[str], said: str | None
) -> None:
    """Where no clock says anything: a remark, since names may mean something else."""
    files = [
        write(tmp_path / f"{n}.mp4", numbers=range(10 * k, 10 * k + 10))
        for k, n in enumerate(names)
    ]
    remarks = probe(files).remarks
    assert len(remarks) == (said is not None) and all(said in r for r in remarks if said)


@pytest.mark.parametrize(
    ("codes", "gap_s"),
    [
        (("10:00:00:00", "10:00:00:10"), 0.0),
        (("10:00:00:00", "10:08:40:00"), 520 - 0.4),
        (("23:59:50:00", "00:00:10:00"), 20 - 0.4),
        (("00:00:00:00", "00:00:00:00"), 0.0),
    ],
)
def test_a_timecode_tells_the_gap(tmp_path: Path, codes: tuple[str, str], gap_s: float) -> None:
    """As GoPro's does, whose chapters all carry the first one's wall clock."""
    how = {"creation_time": "2026-03-02T08:00:00Z"}
    files = [
        write(tmp_path / f"{k}.mov", numbers=range(k, k + 10), metadata=how | {"timecode": code})
        for k, code in enumerate(codes)
    ]
    info = probe(files)
    assert info.times_s[10] - info.times_s[9] == pytest.approx(gap_s + 0.04, abs=2e-3)
    assert [("timecode" in r) for r in info.remarks] == ([True] if gap_s else [])


def test_chapters_that_contradict_each_other_are_said_or_refused(tmp_path: Path) -> None:
    a = write(tmp_path / "a.mkv", numbers=range(50), times_s=[10 + i / 25 for i in range(50)])
    b = write(tmp_path / "b.mkv", numbers=range(50, 90), times_s=[11.5 + i / 25 for i in range(40)])
    assert "begin 0.5 s before a.mkv ends" in probe([a, b]).remarks[0]
    c = write(tmp_path / "c.mkv", numbers=range(20), rate=50)
    assert probe([write(tmp_path / "z.mkv", frames=10), c]).remarks == (
        "has 25 pictures a second, then 50 in c.mkv",
    )
    (tmp_path / "copy.mkv").write_bytes(a.read_bytes())
    with pytest.raises(VideoError, match="listed twice"):
        probe([a, tmp_path / "copy.mkv"])
    over = write(tmp_path / "d.mp4", numbers=range(10, 20), display=(180, False, False))
    with pytest.raises(VideoError, match="turned differently"):
        probe([write(tmp_path / "e.mp4", frames=10), over])
    assert probe([write(tmp_path / "e.mp4", frames=10), over], Mounting(0)).frames == 20


def test_session_toml_lists_them() -> None:
    assert CameraConfig(video="a.mp4").videos == ("a.mp4",)
    assert CameraConfig.model_validate({"video": ["a.mp4", "b.mp4"]}).videos == ("a.mp4", "b.mp4")
    for wrong in ([], ["a.mp4", 3], "", 7):
        with pytest.raises(ValueError, match="expected a file name, or chapters"):
            CameraConfig.model_validate({"video": wrong})
    with pytest.raises(ValueError, match="0, 90, 180 or 270"):
        CameraConfig.model_validate({"video": "a.mp4", "rotate": 45})


# -- what recorders write twice, or lose, between two files ----------------------------------------
def copied(source: Path, out: Path, first: int, count: int) -> Path:
    """Coded pictures of a file in the order they are stored, as they are, from 0:00 on."""
    with av.open(str(source)) as full, av.open(str(out), "w") as to:
        stream = full.streams.video[0]
        copy = to.add_stream_from_template(stream)
        packets = [p for p in full.demux(stream) if p.dts is not None][first : first + count]
        begin = packets[0].pts
        for packet in packets:
            packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
            packet.stream = copy
            to.mux(packet)
    return out


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_what_two_chapters_both_hold_is_taken_once(tmp_path: Path, suffix: str) -> None:
    """A recorder that goes on with one file while the next has begun."""
    how = {"options": B2 | {"flags": "+cgop"}}
    full = write(tmp_path / f"full.{suffix}", frames=84, **how)
    files = [
        copied(full, tmp_path / f"{k}.{suffix}", *part)
        for k, part in enumerate([(0, 48), (24, 48), (48, 36)])
    ]
    info = probe(files)
    assert info.frames == 84 and len(info.remarks) == 2
    assert "the last 1.0 s of 0." in info.remarks[0] and "taken once" in info.remarks[0]
    np.testing.assert_allclose(info.times_s, np.arange(84) / 25, atol=2e-3)
    assert [number(s) for _, s in read_frames(info, range(84))] == list(range(84))


def test_a_chapter_that_the_next_one_holds_whole_is_left_out(tmp_path: Path) -> None:
    full = write(tmp_path / "full.mp4", frames=48, options=B2 | {"flags": "+cgop"})
    info = probe([copied(full, tmp_path / "0.mp4", 0, 24), copied(full, tmp_path / "1.mp4", 0, 48)])
    assert info.frames == 48 and "again in 1.mp4" in info.remarks[0]
    assert [number(s) for _, s in read_frames(info, [0, 23, 24, 47])] == [0, 23, 24, 47]


def test_pictures_that_are_all_alike_are_no_repeat(tmp_path: Path) -> None:
    """Nothing but black, before and behind the joint."""
    dark = [
        write(
            tmp_path / f"{k}.mp4",
            frames=30,
            options={"g": "10", "flags": "+cgop"},
            draw=lambda n: np.zeros((112, 192, 3), np.uint8),
        )
        for k in ("a", "bb")
    ]
    dark[1].write_bytes(dark[1].read_bytes() + b"\0\0\0\x08free")
    info = probe(dark)
    assert info.frames == 60 and info.remarks == ()


@pytest.mark.parametrize(
    ("every_s", "said", "frames"), [(2.8, "0.7 s is lost", 350), (1.3, "0.8 s is there twice", 230)]
)
def test_many_short_chapters_that_each_lose_a_little(
    tmp_path: Path, every_s: float, said: str, frames: int
) -> None:
    """Whole seconds do not show it from one file to the next; over all of them they do."""
    begin = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
    at = [(begin + dt.timedelta(seconds=int(k * every_s))).isoformat() for k in range(7)]
    info = probe(chapters(tmp_path, at, [50] * 7))
    assert len(info.remarks) == 1 and said in info.remarks[0]
    assert info.frames == pytest.approx(frames, abs=8) and (np.diff(info.times_s) > 0).all()
    last = info.files[-1].frames
    assert info.times_s[-last] == pytest.approx(6 * every_s, abs=1.0)


def test_a_clock_set_back_for_winter_time_is_named(tmp_path: Path) -> None:
    """02:50, then 02:10: an hour later it would follow. What an hour does not mend is not blamed
    on it."""
    for clocks, named in (
        (["2026-10-25T02:59:58Z", "2026-10-25T02:00:00Z", "2026-10-25T02:00:02Z"], True),
        (["2026-10-25T02:50:00Z", "2026-10-25T02:10:00Z", ""], True),
        (["2026-10-25T02:59:58Z", "2026-10-25T01:00:00Z", ""], False),
        (["2026-10-25T02:59:58Z", "2026-10-25T02:00:00Z", "2026-10-25T01:00:00Z"], False),
    ):
        with pytest.raises(VideoError) as raised:
            probe(chapters(tmp_path, clocks, [50, 50, 50]))
        assert ("winter time" in str(raised.value)) == named
        assert "not in the order of their recording" in str(raised.value)


@pytest.mark.parametrize("later", ["2026-03-03T08:00:02Z", "2039-01-01T00:00:00Z"])
def test_a_wall_clock_of_another_day_is_no_gap(tmp_path: Path, later: str) -> None:
    info = probe(chapters(tmp_path, ["2026-03-02T08:00:00Z", later], [50, 50]))
    assert info.times_s[-1] == pytest.approx(3.96, abs=0.05)
    (said,) = info.remarks
    assert "hours after" in said and "one lesson" in said


def test_a_clock_that_was_reset_between_chapters_is_named(tmp_path: Path) -> None:
    reset = ["2026-03-02T08:00:00Z", "2016-01-01T00:00:00Z", "2016-01-01T00:00:02Z"]
    with pytest.raises(
        VideoError, match=r"3713\.3 days back: was the camera's clock reset"
    ) as said:
        probe(chapters(tmp_path, reset, [50, 50, 30]))
    assert "2016-01-01 00:00:00" in str(said.value), "without the day nobody sees it"
    (tmp_path / "b").mkdir()
    with pytest.raises(VideoError) as said:  # the second and third exchanged as well: who knows
        probe(chapters(tmp_path / "b", [reset[0], reset[2], reset[1]], [50, 50, 30]))
    assert "battery" not in str(said.value)
