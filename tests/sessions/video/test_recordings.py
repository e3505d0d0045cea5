"""What cameras do to a recording: turned, offset, cut, damaged, in chapters, without times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from calibration.corners.moments import _pictures
from calibration.mounting import AS_THE_FILE_SAYS, Mounting, Turn
from sessions.errors import VideoError
from sessions.video import ask_frames, frame_pairs, moments, probe, read_frames
from sessions.video.file import Packets, index_file, strays
from tests.sessions.video.films import damage, number, picture, write

B2 = {"bf": "2", "g": "12", "preset": "veryfast"}


# -- which way is up -------------------------------------------------------------------------------
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
def test_a_display_matrix_is_followed(tmp_path: Path, degrees: int, flip: bool) -> None:
    """Stored turned and flagged: read as it was seen. (Matches ffmpeg's own autorotation.)"""
    how = Turn(degrees // 90, flip)

    def stored(n: int) -> np.ndarray:
        back = picture(n)[:, ::-1] if flip else picture(n)
        return np.ascontiguousarray(np.rot90(back, -how.quarters))

    path = write(
        tmp_path / "a.mp4", frames=5, draw=stored, display=(degrees, flip, False)
    )  # fmt: skip
    info = probe(path)
    assert info.size_px == (192, 112)
    assert [number(shown) for _, shown in read_frames(info, range(5))] == [0, 1, 2, 3, 4]
    assert info.files[0].turn == how
    if degrees == 180 and not flip:
        assert info.traits == ("turned by 180° as its flag says",)


@pytest.mark.parametrize(
    ("before", "after"), [(0, 180), (180, 90), (0, 90), (180, 180), (180, None), (90, None)]
)
def test_a_phone_that_is_turned_over_amid_a_stream(
    tmp_path: Path, before: int, after: int | None
) -> None:
    """An orientation message from the second half on, or up to there: what is another way up is
    lost, and said."""
    path = tmp_path / "a.ts"
    timed = "nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900"  # each key frame begins with a message
    plain = write(
        tmp_path / "p.ts", frames=60, options={"g": "10", "bf": "0", "x264-params": timed}
    )
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        film = source.streams.video[0]
        copy = out.add_stream_from_template(film)
        halves = [
            BitStreamFilterContext(f"h264_metadata=display_orientation=insert:rotate={r}", film)
            for r in (before, after or 0)
        ]
        for n, packet in enumerate(p for p in source.demux(film) if p.size):
            if n >= 30 and after is None:
                packet.stream = copy
                out.mux(packet)
                continue
            for said in halves[n >= 30].filter(packet):
                said.stream = copy
                out.mux(said)
    info = probe(path)
    got = {f.number: f.lost for f in ask_frames(info, [2, 12, 29, 30, 33, 59])}
    turned = before != after
    assert [n for n, lost in got.items() if lost] == ([30, 33, 59] if turned else [])
    assert any("turned over" in r for r in info.remarks) == turned
    [alone] = ask_frames(info, [47])
    assert alone.lost == ("corrupt" if turned else "")
    held = probe(path, Mounting(rotate=180))  # what session.toml says holds for all of it
    assert not any(f.lost for f in ask_frames(held, range(60))) and held.remarks == ()


def test_a_stream_that_says_once_which_way_is_up_is_that_way(tmp_path: Path) -> None:
    """The message at the first key frame alone holds for all of it."""
    path, plain = tmp_path / "a.ts", tmp_path / "p.ts"
    timed = "nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900"
    write(plain, frames=60, options={"g": "10", "bf": "0", "x264-params": timed})
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        film = source.streams.video[0]
        copy = out.add_stream_from_template(film)
        says = BitStreamFilterContext("h264_metadata=display_orientation=insert:rotate=180", film)
        for n, packet in enumerate(p for p in source.demux(film) if p.size):
            for said in says.filter(packet) if n < 10 else [packet]:
                said.stream = copy
                out.mux(said)
    info = probe(path)
    assert info.remarks == () and info.files[0].turn.quarters == 2
    assert not any(f.lost for f in ask_frames(info, range(60)))


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_rotate_takes_the_place_of_a_flag(tmp_path: Path, rotate: int) -> None:
    """rotate = how far the stored picture is turned clockwise; whatever the flag says."""

    def stored(n: int) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(picture(n), rotate // 90))

    for display in (None, (90, False, False)):
        path = write(tmp_path / "a.mp4", frames=3, draw=stored, display=display)
        info = probe(path, Mounting(rotate))  # type: ignore[arg-type]
        assert info.size_px == (192, 112)
        assert [number(shown) for _, shown in read_frames(info, [0, 1, 2])] == [0, 1, 2]


def test_mirrored(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", frames=3, draw=lambda n: picture(n)[:, ::-1].copy())
    assert [number(s) for _, s in read_frames(probe(path), [1, 2])] != [1, 2]
    info = probe(path, Mounting(mirrored=True))
    assert [number(s) for _, s in read_frames(info, [1, 2])] == [1, 2]
    assert info.traits == ("mirrored",)


@pytest.mark.parametrize(
    ("sar", "display", "size_px"),
    [
        ("4/3", None, (256, 112)),  # 1440 × 1080 of tapes and .mts
        ("8/9", None, (192, 126)),  # DV of 60 Hz
        ("4/3", (90, False, False), (112, 256)),
        ("136/135", None, (192, 112)),  # encoders round
    ],
)
def test_pictures_come_in_square_pixels(
    tmp_path: Path, sar: str, display: Any, size_px: tuple[int, int]
) -> None:
    """A head that is stored too narrow would be seen as turned."""
    path = write(
        tmp_path / "a.mp4", options={"x264-params": f"sar={sar}"}, display=display, frames=30
    )
    info = probe(path)
    assert info.size_px == size_px
    shown = dict(read_frames(info, [0, 7, 29]))
    assert [p.shape[1::-1] for p in shown.values()] == [size_px] * 3
    stored = [np.rot90(p, -1 if display else 0) for p in shown.values()]
    assert [number(p) for p in stored] == [0, 7, 29]
    assert any("shown as" in t for t in info.traits) == (sar != "136/135")
    (moment,) = _pictures(path, {7}, AS_THE_FILE_SAYS).values()
    assert cv2.imdecode(np.frombuffer(moment, np.uint8), 0).shape[::-1] == size_px


def test_pictures_and_videos_turn_alike(tmp_path: Path) -> None:
    """EXIF orientation 6 (turn clockwise) and a display matrix of −90° show the same picture."""
    from PIL import Image

    from calibration.corners.picture_file import read_picture

    stored = np.ascontiguousarray(np.rot90(picture(5)))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored[..., ::-1]).save(tmp_path / "a.jpg", exif=exif, quality=95)
    video = write(tmp_path / "a.mp4", frames=2, numbers=[5, 5], display=(-90, False, False),
                  draw=lambda n: stored)  # fmt: skip
    (_, shown), *_ = read_frames(probe(video), [0])
    for mounting in (Mounting(), Mounting(90)):
        photo = read_picture(tmp_path / "a.jpg", mounting)
        assert photo.shape == shown.shape[:2] == (112, 192)
        assert number(photo) == number(shown) == 5
    assert read_picture(tmp_path / "a.jpg", Mounting(0)).shape == (192, 112)


# -- times -----------------------------------------------------------------------------------------
def test_time_starts_where_players_show_it(tmp_path: Path) -> None:
    """.ts begins at its mux delay, .mkv at 100 s: the lesson begins at 0:00."""
    late = [100 + i * 0.04 for i in range(30)]
    for path in (
        write(tmp_path / "a.ts", frames=30, options=B2),
        write(tmp_path / "a.mkv", frames=30, options=B2, times_s=late),
    ):
        info = probe(path)
        assert info.times_s[0] == pytest.approx(0, abs=1e-3)
        assert info.times_s[-1] == pytest.approx(29 / 25, abs=1e-3)
    assert info.files[0].zero_s == pytest.approx(100)


def test_a_cut_without_encoding_begins_amid_a_group(tmp_path: Path) -> None:
    """As telephones trim: the key frame lies before the cut, is decoded and not shown."""
    whole = write(tmp_path / "whole.mp4", frames=60, options={"bf": "2", "g": "30"})
    how = {"avoid_negative_ts": "disabled"}
    path = str(tmp_path / "cut.mp4")
    with av.open(str(whole)) as source, av.open(path, "w", options=how) as cut:
        film = source.streams.video[0]
        out = cut.add_stream_from_template(film)
        step = round(1 / 25 / film.time_base)
        for packet in source.demux(film):
            if packet.size:
                packet.pts, packet.dts = packet.pts - 13 * step, packet.dts - 13 * step
                packet.stream = out
                cut.mux(packet)
    info = probe(tmp_path / "cut.mp4")
    assert info.times_s[0] == pytest.approx(0, abs=1e-3) and not info.remarks
    assert info.frames == 47
    got = [(i, number(s)) for i, s in read_frames(info, range(47))]
    assert got == [(i, i + 13) for i in range(47)]


def test_variable_rates_keep_their_times(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.09, 40))
    times = np.round(times - times[0], 3)
    info = probe(write(tmp_path / "a.mkv", numbers=range(40), times_s=times.tolist(), options=B2))
    np.testing.assert_allclose(info.times_s, times, atol=1e-6)
    assert [number(s) for _, s in read_frames(info, [7, 33])] == [7, 33]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), 50])
def test_odd_rates(tmp_path: Path, rate: Fraction) -> None:
    info = probe(write(tmp_path / "a.mp4", frames=40, rate=rate, options=B2))
    np.testing.assert_allclose(info.times_s, np.arange(40) / float(rate), atol=1e-4)


def test_a_stream_without_times_is_counted_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h264", frames=40, options=B2, container="h264")
    info = probe(path)
    assert not info.files[0].seekable and info.frames == 40
    assert "25 frames per second are taken" in info.remarks[0]


def test_times_that_begin_again(tmp_path: Path) -> None:
    """Two transport streams glued together: one recording, every picture at its place."""
    whole = b"".join(
        write(tmp_path / f"{k}.ts", numbers=range(40 * k, 40 * k + 40), options=B2).read_bytes()
        for k in (0, 1)
    )
    (tmp_path / "glued.ts").write_bytes(whole)
    info = probe(tmp_path / "glued.ts")
    assert info.frames == 80 and "begin again 1 time" in info.remarks[0]
    np.testing.assert_allclose(info.times_s, np.arange(80) / 25, atol=1e-3)
    got = [(i, number(s)) for i, s in read_frames(info, range(80))]
    assert all(i == n for i, n in got) and len(got) > 70, "the seam itself may be lost"


def test_damaged_stamps_are_no_restart() -> None:
    """Stamps far off while the next go on: those are damage; a clock set anew, or a gap, is not."""
    even = np.arange(40) / 25
    for at, n, value in ((10, 1, 900.0), (20, 3, -5.0), (39, 1, 1e5), (12, 8, 400.0)):
        times = even.copy()
        times[at : at + n] = value
        expected = np.zeros(40, bool)
        expected[at : at + n] = at + n < 40  # the last one: nothing follows that could say
        np.testing.assert_array_equal(strays(times), expected)
    stamps = np.where(np.arange(40) == 7, np.nan, even)
    whole = Packets(stamps, stamps, np.zeros(40, bool), 1, 0).without_strays(1.0)
    assert len(whole.pts) == 39 and whole.damaged == 2
    bare = np.where(np.arange(40) % 12, np.nan, even)
    assert len(Packets(bare, bare, np.zeros(40, bool), 0, 0).without_strays(1.0).pts) == 40
    glued, paused = np.concatenate([even, even]), np.concatenate([even, even + 500])
    for times in (even, glued, paused, even + 1e4, np.zeros(1), np.zeros(0)):
        assert not strays(times).any()


def test_the_film_not_its_cover_or_the_smaller_stream(tmp_path: Path) -> None:
    small = cv2.resize(picture(0), (96, 56))
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, shape in zip(streams, ((56, 96), (112, 192)), strict=True):
            stream.height, stream.width, stream.pix_fmt = *shape, "yuv420p"
        for n in range(20):
            for stream, shown in zip(streams, (small, picture(n)), strict=True):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
        for stream in streams:
            out.mux(stream.encode())
    info = probe(tmp_path / "a.mkv")
    assert info.size_px == (192, 112) and "the largest of 2 streams" in info.traits
    assert [number(s) for _, s in read_frames(info, [0, 11])] == [0, 11]


# -- damage ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mpg"])
@pytest.mark.parametrize("at", [0.3, 0.6])
def test_damage_is_skipped_counted_and_never_shown(tmp_path: Path, suffix: str, at: float) -> None:
    """60 kB of noise amid a file of some 400 kB: what comes is right, the rest is told."""
    grain = np.random.default_rng(3).integers(0, 40, (150, 112, 192, 3), np.uint8)

    def noisy(n: int) -> np.ndarray:
        return np.maximum(picture(n), 25) - np.where(picture(n) > 40, grain[n], 0).astype(np.uint8)

    how = {"codec": "mpeg2video", "container": "vob", "options": {"bf": "2", "g": "12", "b": "6M"}}
    path = write(
        tmp_path / f"a.{suffix}", frames=150, draw=noisy,
        **(how if suffix == "mpg" else {"options": B2 | {"crf": "8", "threads": "1"}}),
    )  # fmt: skip
    size = path.stat().st_size
    assert size > 300_000
    info = probe(damage(path, at, 60_000))
    asked = list(ask_frames(info, range(info.frames)))
    assert [f.number for f in asked] == list(range(info.frames)), "one answer for each, in order"
    assert all((f.picture is None) == (f.lost in ("corrupt", "missing")) for f in asked)
    shown = {f.number: f.picture for f in asked if f.picture is not None}
    lost_share = 1 - len(shown) / 150
    assert 0.02 < lost_share < 60_000 / size + 0.25
    smeared = 0
    for n, seen in shown.items():
        true = round(info.times_s[n] * 25)
        assert number(seen) == true
        smeared += np.abs(seen[64:].astype(int) - noisy(true)[64:]).mean() > 12
    assert smeared <= 1, "the picture in which the noise begins may look whole to the decoder"
    alone = [f for n in (5, 140) for f in ask_frames(info, [n]) if n < info.frames]
    assert all(f.picture is None or number(f.picture) == round(info.times_s[f.number] * 25)
               for f in alone)  # fmt: skip


def test_a_cut_off_file_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    """With the index in front the file opens; the missing half is told."""
    path = write(tmp_path / "a.mp4", frames=100, options=B2, muxing={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    info = probe(path)
    assert 30 < info.frames < 100
    assert "its header says 4.0 s: it is cut off" in info.remarks[0]
    good = [n for n, _ in read_frames(info, range(info.frames))]
    assert len(good) >= info.frames - 13
    cut = write(tmp_path / "b.ts", frames=100, options=B2)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    assert 30 < probe(cut).frames < 100


@pytest.mark.parametrize("suffix", ["mkv", "flv", "mp4", "wmv"])
def test_sound_that_is_longer_is_no_cut(tmp_path: Path, suffix: str) -> None:
    """Containers that tell one length for all of it: no "cut off"; much sound alone is said."""
    how = {"codec": "wmv2"} if suffix == "wmv" else {"options": B2}
    short = write(tmp_path / f"a.{suffix}", frames=50, sound=1.5, **how)
    assert probe(short).remarks == ()
    (remark,) = probe(write(tmp_path / f"b.{suffix}", frames=50, sound=3.0, **how)).remarks
    assert remark == "has 4 s of sound behind its last picture"


def test_a_fragmented_file_and_what_is_left_of_one(tmp_path: Path) -> None:
    """As cameras write that survive a power cut; cut amid its only fragment."""
    path = write(tmp_path / "a.mp4", frames=60, options={"bf": "2"},
                 muxing={"movflags": "frag_keyframe+empty_moov"})  # fmt: skip
    assert [(i, number(s)) for i, s in read_frames(probe(path), [3, 40])] == [(3, 3), (40, 40)]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    info = probe(path)
    assert 3 < info.frames < 60 and "it is cut off" in info.remarks[0]
    got = [(i, number(s)) for i, s in read_frames(info, range(info.frames))]
    assert got and all(i == n for i, n in got)


def test_nothing_to_decode_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", frames=40, options=B2)
    data = bytearray(path.read_bytes())
    for i in range(0, len(data) - 188, 188):  # noise in every packet's content, headers whole
        data[i + 40 : i + 188] = np.random.default_rng(i).integers(0, 256, 148, np.uint8).tobytes()
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"a\.ts"):
        probe(path)


def test_lost_pictures_reach_the_pairs(tmp_path: Path) -> None:
    """One answer for each moment: none, corrupt, or its very picture."""
    left = probe(write(tmp_path / "l.mp4", frames=100, options=B2 | {"crf": "1"}))
    path = damage(write(tmp_path / "r.mp4", frames=100, options=B2 | {"crf": "1"}), 0.5, 3000)
    right = probe(path)
    when = moments(left, right, right.times_s, fps=5)
    pairs = list(frame_pairs(left, right, when))
    assert len(pairs) == len(when) == 20
    lost = [p for p in pairs if p.lost[1]]
    assert 0 < len(lost) < 8 and all(p.right is None for p in lost)
    assert {p.lost[1] for p in lost} <= {"corrupt", "missing"}
    for p in pairs:
        assert p.left is not None and number(p.left) == when.frame_left[p.moment]
        assert p.right is None or number(p.right) == when.frame_right[p.moment]


# -- what the pictures are -------------------------------------------------------------------------
def test_interlaced_pictures_are_filled_in(tmp_path: Path) -> None:
    """Lines of two instants become one: no comb beside what moves; frames not flagged stay."""

    def woven(n: int) -> np.ndarray:
        shown = picture(2 * n)
        shown[1::2] = picture(2 * n + 1)[1::2]
        shown[:60] = picture(n)[:60]
        return shown

    def comb(shown: np.ndarray) -> float:
        line = shown[70:95, :, 1].astype(int)
        return float(np.abs(line[1:-1] * 2 - line[:-2] - line[2:]).mean())

    options = {**B2, "crf": "10", "x264-params": "tff=1", "flags": "+ildct+ilme"}
    info = probe(write(tmp_path / "a.ts", frames=30, options=options, draw=woven))
    (_, shown), *_ = read_frames(info, [14])
    assert number(shown) == 14 and "interlaced" in info.traits[0]
    assert comb(shown) < 0.35 * comb(woven(14))
    plain = probe(write(tmp_path / "b.ts", frames=30, options=B2 | {"crf": "10"}, draw=woven))
    (_, left_alone), *_ = read_frames(plain, [14])
    assert comb(left_alone) > 0.7 * comb(woven(14))


@pytest.mark.parametrize(("transfer", "code"), [("smpte2084", 16), ("arib-std-b67", 18)])
def test_hdr_is_brought_to_standard_range(tmp_path: Path, transfer: str, code: int) -> None:
    """18 % grey at 203 nits white comes out near the middle, white bright, black dark."""
    signal = {16: (0.0, 0.38, 0.58), 18: (0.0, 0.38, 0.75)}[code]  # black, 18 % grey, white

    def bars(n: int) -> np.ndarray:
        shown = np.zeros((112, 192, 3), np.uint8)
        for k, s in enumerate(signal):
            shown[:, 64 * k : 64 * k + 64] = round(255 * s)
        return shown

    params = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    path = write(
        tmp_path / "a.mp4", frames=3, codec="libx265", pixels="yuv420p10le", draw=bars,
        options={"preset": "ultrafast", "crf": "10", "x265-params": params},
    )  # fmt: skip
    info = probe(path)
    assert "HDR" in info.traits[0]
    (_, shown), *_ = read_frames(info, [1])
    black, grey, white = (float(shown[20:90, 64 * k + 20 : 64 * k + 44].mean()) for k in range(3))
    assert black < 15 and 70 < grey < 135 and 160 < white < 230


def test_fields_in_packets_of_their_own_make_one_frame() -> None:
    """(On arrays: no encoder at hand writes them.) With and without stamps on the second field."""
    stamps = np.repeat([100.0, 300.0, 200.0], 2) + [0, 10] * 3
    key = np.array([1, 0, 0, 0, 0, 0], bool)
    packets = Packets(stamps, stamps - 50, key, 0, 0)
    for pts in (stamps, np.where([False, True] * 3, np.nan, stamps)):
        one = packets._replace(pts=pts).first_fields()
        assert one.pts.tolist() == [100, 300, 200] and one.key.tolist() == [True, False, False]
        assert one.hidden == 3


def test_small_and_grey_pictures_come_straight_from_the_decoder(tmp_path: Path) -> None:
    """Turned as well; near enough to a full picture made small."""
    path = write(tmp_path / "a.mp4", frames=20, options=B2, display=(180, False, False),
                 draw=lambda n: np.ascontiguousarray(picture(n)[::-1, ::-1]))  # fmt: skip
    info = probe(path)
    (_, full), *_ = read_frames(info, [13])
    (_, small), *_ = read_frames(info, [13], grey=True, small_px=(96, 56))
    assert small.shape == (56, 96)
    expected = cv2.cvtColor(cv2.resize(full, (96, 56), interpolation=cv2.INTER_AREA), 6)
    assert np.abs(small.astype(int) - expected).mean() < 6


def test_one_file_by_itself(tmp_path: Path) -> None:
    file = index_file(write(tmp_path / "a.ts", frames=50, options=B2))
    assert file.reorder == 2 and file.frames == 50 and file.step_s == pytest.approx(0.04)
    assert file.keyframe_before(13) <= 13 and file.number_of(None) is None
    assert file.number_of(int(file.pts[7])) == 7 and file.number_of(int(file.pts[7]) + 1) is None
