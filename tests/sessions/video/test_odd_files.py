"""What only a hostile hand writes: odd kinds, and files that are no films."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sessions.errors import VideoError
from sessions.video import ask_frames, probe, read_frames
from sessions.video.file import Packets
from tests.sessions.video.films import number, picture, write

B2 = {"bf": "2", "g": "12", "preset": "veryfast"}


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("mp4", {"rate": 1000}),
        ("mp4", {"rate": Fraction(1, 2)}),
        ("mp4", {"pixels": "yuv444p"}),
        ("mp4", {"pixels": "gray"}),
        ("mkv", {"codec": "ffv1", "pixels": "gray16le"}),
        ("mov", {"codec": "png", "pixels": "rgb24", "draw": lambda n: picture(n)[:111, :191]}),
        ("webm", {"codec": "libvpx-vp9", "pixels": "yuva420p"}),
        ("mp4", {"frames": 1}),
        ("ts", {"frames": 1}),
        ("gif", {"codec": "gif", "pixels": "rgb8"}),
        ("mov", {"codec": "cfhd", "pixels": "yuv422p10le"}),  # GoPro; tells no key frames
        ("mov", {"codec": "qtrle", "pixels": "rgb24"}),
        ("flv", {}),
    ],
)
def test_odd_kinds(tmp_path: Path, suffix: str, how: dict[str, Any]) -> None:
    how = {"frames": 20, **how}
    info = probe(write(tmp_path / f"a.{suffix}", **how))
    assert info.frames == how["frames"] and info.remarks == ()
    for n, shown in read_frames(info, range(0, info.frames, 7)):
        assert number(shown) == n and shown.shape[1::-1] == info.size_px


@pytest.mark.parametrize("name", ["L9:30.mp4", "http:/127.0.0.1:9/a.mp4", "concat:a.mp4"])
def test_a_name_with_a_colon_is_a_file_s_wherever_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """FFmpeg takes what stands before a colon for a protocol, of the network, too."""
    write(tmp_path / "a.mp4", frames=5)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    info = probe(Path(name))
    assert [number(shown) for _, shown in read_frames(info, range(5))] == [*range(5)]


def edited(path: Path, *edits: tuple[int, int, int]) -> Path:
    """With other edits in the place of an .mp4's: length (ms), where it begins (ticks), speed."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 8
    assert struct.unpack_from(">I", data, at) == (len(edits),)
    for k, (length, begin, speed) in enumerate(edits):
        struct.pack_into(">IiI", data, at + 4 + 12 * k, length, begin, speed)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("begin", [0, 13])
def test_what_an_editor_cut_off_is_not_missing(tmp_path: Path, begin: int) -> None:
    """A phone's editor shortens a film by its list of edits, and leaves all frames in the file."""
    path = write(tmp_path / "a.mp4", frames=75, options=B2)
    info = probe(edited(path, (1400, 1024 + 512 * begin, 1 << 16)))
    assert info.frames == 35 and info.remarks == ()
    assert [number(p) for _, p in read_frames(info, range(35))] == [*range(begin, begin + 35)]


def test_a_film_of_two_parts_by_its_edits(tmp_path: Path) -> None:
    """Read singly, too, and with its times to a frame."""
    path = write(tmp_path / "a.mp4", options=B2, times_s=[1 + n / 25 for n in range(75)])
    one = 1 << 16
    info = probe(edited(path, (1000, 0, one), (1000, 32000, one)))
    true = np.r_[0:25, 50:75]
    for n in range(0, info.frames, 7):
        [shown] = ask_frames(info, [n])
        assert shown.picture is not None
        told = number(shown.picture)
        assert told in true and abs(info.times_s[n] - np.argmax(true == told) / 25) < 0.085


def test_a_video_recorder_s_own_container(tmp_path: Path) -> None:
    """Dahua's .dav: a head before each frame, with a date in whole seconds; what times FFmpeg tells
    depends on where it began."""
    raw = write(tmp_path / "a.h264", options={"bf": "0", "g": "12"}, container="h264")
    out, k = b"", 0
    with av.open(str(raw)) as film:
        for packet in film.demux(video=0):
            if not packet.size:
                continue
            more = bytes([0x80, 0, 24, 14, 0x81, 0, 2, 25])  # size in eighths, H.264, rate
            length = 24 + len(more) + packet.size + 8
            date = 26 << 26 | 11 << 22 | 30 << 17 | 8 << 12 | 15 << 6 | k // 25
            kind = 0xFD if packet.is_keyframe else 0xFC
            out += struct.pack("<4sB3xIIIHBx", b"DHAV", kind, k, length, date, k * 40, len(more))
            out += more + bytes(packet) + struct.pack("<4sI", b"dhav", length)
            k += 1
    (tmp_path / "a.dav").write_bytes(out)
    info = probe(tmp_path / "a.dav")
    assert info.times_s == pytest.approx(np.arange(75) / 25, abs=1e-3)
    for n in range(0, 75, 9):
        [shown] = ask_frames(info, [n])
        assert shown.picture is not None and number(shown.picture) == n


@pytest.mark.parametrize("speed", [0, 1 << 15])
def test_edits_that_are_not_followed_are_said(tmp_path: Path, speed: int) -> None:
    path = write(tmp_path / "a.mp4", frames=75, options=B2)
    [said] = probe(edited(path, (3000, 1024, speed))).remarks
    assert said.startswith("is played with pauses or at other speeds")


@pytest.mark.parametrize(("rate", "container", "bits"), [
    (25, "mpeg", "8M"), (Fraction(125, 4), "mpeg", "100k"), (31, "vob", "100k"),
])  # fmt: skip
def test_a_program_stream_that_times_a_packet_in_a_few(
    tmp_path: Path, rate: Fraction | int, container: str, bits: str
) -> None:
    """Several small pictures in a pack, and rates that MPEG-2 does not know: what FFmpeg fills in
    for the others' times is another where reading begins elsewhere, and may fall back."""
    path = write(
        tmp_path / "a.mpg", frames=210, rate=rate, codec="mpeg2video", container=container,
        options={"bf": "2", "g": "12", "b": bits, "qmin": "1", "strict": "-2"},
    )  # fmt: skip
    info = probe(path)
    whole = {f.number: f.picture for f in ask_frames(info, range(210))}
    assert {n for n, p in whole.items() if p is None or number(p) != n} == set()
    for n in range(0, 210, 7):
        [alone] = ask_frames(info, [n])
        assert alone.picture is not None and number(alone.picture) == n


def test_of_h263_in_avi_not_every_picture_is_a_key_frame(tmp_path: Path) -> None:
    """FFmpeg says so of each; a picture read alone was made of grey and its movement only."""
    path = write(tmp_path / "a.avi", codec="h263p", options={"g": "25", "b": "4M"})
    info = probe(path)
    for n in (11, 40, 67):
        assert [(f.number, number(f.picture)) for f in ask_frames(info, [n])] == [(n, n)]


def test_a_picture_of_another_size_amid_a_film_is_lost_not_shown(tmp_path: Path) -> None:
    first = write(tmp_path / "a.ts", numbers=range(30))
    second = write(
        tmp_path / "b.ts",
        numbers=range(30, 60),
        draw=lambda n: np.ascontiguousarray(picture(n)[::2, ::2]),
    )
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    got = list(ask_frames(probe(both), [5, 20, 45, 55]))
    assert [f.lost for f in got] == ["", "", "corrupt", "corrupt"]
    assert all(f.picture is None or f.picture.shape == (112, 192, 3) for f in got)


@pytest.mark.parametrize(("begins", "said"), [
    (b"<!DOCTYPE html><html>Sign in</html>", "a web page"), (b"%PDF-1.4\n\xff\xfe", "PDF"),
    (b"PK\3\4\xff\xfe\0\0", "archive"), (b"bplist00\xd1\1\2", "still lies in a cloud"),
    (b"the lesson of Monday\n", "text"),
])  # fmt: skip
def test_what_is_named_like_a_video_is_called_what_it_is(
    tmp_path: Path, begins: bytes, said: str
) -> None:
    (tmp_path / "a.mp4").write_bytes(begins * 30)
    with pytest.raises(VideoError, match=f"no video, whatever its name says; found .*{said}"):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_named_like_a_video_is_no_film(tmp_path: Path, suffix: str) -> None:
    coded = cv2.imencode(suffix, picture(3))[1]
    (tmp_path / "a.mp4").write_bytes(coded.tobytes())
    with pytest.raises(VideoError, match="found a picture"):
        probe(tmp_path / "a.mp4")


def test_a_file_that_grows_is_still_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.ts", frames=5)
    read = Packets.read

    def while_it_grows(container: Any, stream: Any) -> Packets:
        path.write_bytes(2 * path.read_bytes())
        return read(container, stream)

    monkeypatch.setattr(Packets, "read", while_it_grows)
    with pytest.raises(VideoError, match="still being written"):
        probe(path)


@pytest.mark.parametrize(("degrees", "said"), [(45, True), (2, False), (180, False)])
def test_a_flag_that_is_no_quarter_turn_is_said(tmp_path: Path, degrees: int, said: bool) -> None:
    info = probe(write(tmp_path / "a.mp4", frames=5, display=(degrees, False, False)))
    assert any("that is not followed" in t for t in info.traits) == said


def test_a_damaged_header_is_a_sentence_or_does_no_harm(tmp_path: Path) -> None:
    """A codec that nobody knows; words that are no text (Latin letters of old cameras, too)."""
    whole = write(tmp_path / "a.mp4", frames=5, metadata={"title": "Montag"}).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole.replace(b"avc1", b"zzzz"))
    with pytest.raises(VideoError, match="no video, whatever"):
        probe(tmp_path / "b.mp4")
    (tmp_path / "c.mp4").write_bytes(whole.replace(b"Montag", b"M\xfcnz\xff\xfe"))
    info = probe(tmp_path / "c.mp4")
    assert [number(shown) for _, shown in read_frames(info, range(5))] == list(range(5))


def test_an_empty_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(VideoError, match="is empty"):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("begins", [b"", b"hello, this is no video. " * 40, b"\0" * 40_000])
def test_what_never_was_a_video_is_not_called_interrupted(tmp_path: Path, begins: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(begins)
    with pytest.raises(VideoError) as told:
        probe(tmp_path / "a.mp4")
    assert "index is missing" not in str(told.value)
    assert ("nothing but zeros" in str(told.value)) == begins.startswith(b"\0")


def test_what_stands_in_place_of_a_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("gone.mp4")
    write(tmp_path / "a.mp4", frames=5)
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile 'a.mp4'\n")
    for name, said in (
        ("folder", "found a folder"),
        ("link", "found a link to gone.mp4, which is not there"),
        ("nothing", "the video is missing$|the video is missing\\."),
        ("list.ffconcat", "a list of other files"),
    ):
        with pytest.raises(VideoError, match=said):
            probe(tmp_path / name)


def test_a_larger_still_beside_the_film_is_not_the_film(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mov"), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, (h, w) in zip(streams, ((224, 384), (112, 192)), strict=True):
            stream.height, stream.width, stream.pix_fmt = h, w, "yuv420p"
        for n in range(20):
            for stream in streams[n > 0 :]:
                shown = picture(n, stream.width, stream.height)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
        for stream in streams:
            out.mux(stream.encode())
    info = probe(tmp_path / "a.mov")
    assert info.size_px == (192, 112) and info.frames == 20 and info.traits == ()


@pytest.mark.parametrize(
    ("taken", "said"),
    [("240.0", "as slow motion"), ("2.0", "in time lapse"), ("25.000000", ""), ("", "")],
)
def test_slow_motion_and_time_lapse_are_said(tmp_path: Path, taken: str, said: str) -> None:
    """As Android telephones write it: 240 pictures a second, or two, played at 25."""
    path = write(
        tmp_path / "a.mp4", frames=10, metadata={"com.android.capture.fps": taken},
        muxing={"movflags": "use_metadata_tags"},
    )  # fmt: skip
    remarks = probe(path).remarks
    assert len(remarks) == bool(said) and all(f"was taken {said}" in r for r in remarks)


@pytest.mark.parametrize("kind", ["mp4", "flv"])
def test_two_files_glued_together_are_said(tmp_path: Path, kind: str) -> None:
    """`copy /b a.mp4+b.mp4`: players, too, show the first alone."""
    one, two = (write(tmp_path / f"{n}.{kind}", frames=10).read_bytes() for n in "ab")
    (tmp_path / f"both.{kind}").write_bytes(one + two)
    info = probe(tmp_path / f"both.{kind}")
    assert info.frames == 10 and "holds 2 films, glued" in info.remarks[0]
    assert probe(tmp_path / f"a.{kind}").remarks == ()


def test_lost_frames_of_an_avi_are_no_missing_end(tmp_path: Path) -> None:
    """.avi counts the frames that a recorder dropped; their places stay empty."""
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 112, "yuvj420p"
        for n in range(40):
            frame = av.VideoFrame.from_ndarray(picture(n), format="bgr24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            out.mux([p for p in stream.encode(frame) if n % 10 != 5])
        out.mux(stream.encode())
    info = probe(path)
    kept = [n for n in range(40) if n % 10 != 5]
    assert info.remarks == () and [number(s) for _, s in read_frames(info, range(36))] == kept
    np.testing.assert_allclose(info.times_s, np.array(kept) / 25, atol=1e-3)


def test_an_avi_that_is_cut_off_is_said(tmp_path: Path) -> None:
    """FFmpeg tells the length of what is left of it. Without its index alone it is whole."""
    path = write(tmp_path / "a.avi", codec="mjpeg", pixels="yuvj420p", sound=True)
    whole = path.read_bytes()
    assert probe(path).remarks == ()
    path.write_bytes(whole[: whole.rfind(b"idx1")])
    assert probe(path).frames == 75 and probe(path).remarks == ()
    path.write_bytes(whole[: int(0.6 * len(whole))])
    assert "its header says 3.0 s: it is cut off" in probe(path).remarks[0]


def test_a_bare_stream_of_jpegs_says_that_it_has_no_times(tmp_path: Path) -> None:
    """FFmpeg makes times up for it."""
    path = write(tmp_path / "a.mjpeg", codec="mjpeg", pixels="yuvj420p", container="mjpeg")
    assert "holds no times: 25 frames per second are taken" in probe(path).remarks[0]


def test_an_encrypted_film_is_not_called_damaged(tmp_path: Path) -> None:
    locks = {
        "encryption_scheme": "cenc-aes-ctr", "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }  # fmt: skip
    with pytest.raises(VideoError, match="found 75 encrypted frames"):
        probe(write(tmp_path / "a.mp4", muxing=locks))


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_behind_pictures_lost_from_an_avi_the_times_are_right(tmp_path: Path, codec: str) -> None:
    """FFmpeg counts the packets that it finds; the file's index tells how many there were."""
    path = write(
        tmp_path / "a.avi", frames=150, codec=codec, options={"g": "25", "bf": "0", "b": "2M"},
        pixels="yuvj420p" if codec == "mjpeg" else "yuv420p",
    )  # fmt: skip
    data = bytearray(path.read_bytes())
    at, n = int(0.4 * len(data)), 9000 if codec == "mpeg4" else 60_000
    data[at : at + n] = bytes(n)
    path.write_bytes(data)
    info = probe(path)
    assert info.frames < 149 and info.times_s[-1] > 5.9
    later = [f for f in ask_frames(info, range(info.frames)) if info.times_s[f.number] > 4.5]
    shown = [(number(f.picture), info.times_s[f.number]) for f in later if f.picture is not None]
    assert len(shown) > 20 and all(k == round(25 * t) for k, t in shown)
