"""What noise makes of pictures that the decoder calls whole is not shown."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sessions.video import ask_frames, probe, reading, silent_damage
from sessions.video.matroska import CLUSTER, damaged_clusters
from sessions.video.silent_damage import Groups, groups_of, there_and_back
from tests.sessions.video.films import number, write

N, GROUP, HIT = 60, 12, 29


def room(n: int, width: int = 160, height: int = 90) -> np.ndarray:
    """(h, w) a wall, a pupil who nods, and the grain of picture ``n``."""
    y, x = np.mgrid[:height, :width]
    shown = 120 + 40 * np.sin(x / 17) * np.cos(y / 11)
    shown[40 + n % 5 : 60 + n % 5, 30:45] = 190
    grain = np.random.default_rng(n).normal(0, 1, (height, width))
    return np.clip(shown + grain, 0, 255).astype(np.uint8)


def garbage(n: int) -> np.ndarray:
    shown = room(n)
    shown[50:70, 60:] = np.random.default_rng(0).integers(0, 256, (20, 100))
    return shown


def after_two_sound_ones() -> Groups:
    groups = Groups()
    for k in (0, 12):
        assert groups.wrong([room(k + i) for i in range(12)], room(k + 12)) == 12
    return groups


@pytest.mark.parametrize("since", [0, 1, 7, 11])
def test_a_blow_at_the_key_frame_tells_since_when_it_was_wrong(since: int) -> None:
    groups = after_two_sound_ones()
    shown = [room(i) if i < since else garbage(i) for i in range(12)]
    assert groups.wrong(shown, room(13)) == since
    assert groups.wrong([room(i) for i in range(12)], room(13)) == 12, "the next one is sound"


def test_a_sound_group_before_a_damaged_key_frame_is_shown() -> None:
    groups = after_two_sound_ones()
    assert groups.wrong([room(i) for i in range(12)], garbage(12)) == 12
    assert groups.wrong([garbage(i) for i in range(12)], room(12)) == 0
    assert groups.wrong([room(i) for i in range(12)], garbage(12)) == 12
    assert groups.wrong([garbage(i) for i in range(12)], None) == 0, "nor is the last one"
    assert after_two_sound_ones().wrong([garbage(i) for i in range(12)], None) == 12


@pytest.mark.parametrize(("begin", "end"), [(5, 6), (3, 8), (1, 11)])
def test_what_comes_at_a_blow_and_goes_at_one_is_damage(begin: int, end: int) -> None:
    """Amid a group, by a picture that leans on those before; not the light of a film, whose cuts
    come and go as well, nor somebody who walks by; nor where pictures are so far apart that a class
    turns its heads between two."""
    for change, damaged in (
        (lambda n: garbage(n), True),
        (lambda n: np.minimum(room(n) * 1.5, 255).astype(np.uint8), False),
    ):
        shown = [change(i) if begin <= i < end else room(i) for i in range(12)]
        want = [damaged and begin <= i < end for i in range(12)]
        assert Groups().damaged(shown, None).tolist() == want
        assert not Groups(times_s=np.arange(12) / 5).damaged(shown, None).any()
    walk = [room(i) for i in range(12)]
    for i in range(begin, end):
        walk[i][20:80, 20 * i : 20 * i + 25] = 60
    assert not any(there_and_back(walk)) or end - begin == 1


def test_a_camera_that_is_knocked_is_no_damage() -> None:
    """At the last group's key frame, where such a blow had its pictures called damaged; for some
    pictures amid a group, put back; not so little that it is hardly seen."""

    def knocked(n: int, x: float, y: float) -> np.ndarray:
        move = np.array([[1, 0, x], [0, 1, y]], float)
        rng = np.random.default_rng(1)
        wall = room(n).astype(np.float32)
        for _ in range(60):
            (u, v), grey = rng.integers(0, (150, 85)), rng.integers(30, 220)
            wall[v : v + 4, u : u + 9] = grey
        return cv2.warpAffine(wall, move, (160, 90), borderMode=cv2.BORDER_REPLICATE).astype(
            np.uint8
        )

    for x, y in ((2.0, 0.0), (-5.3, 1.5), (0.0, 12.0)):
        groups = Groups()
        for k in (0, 12, 24):
            following = knocked(k + 12, x * (k == 24), y * (k == 24))
            assert groups.wrong([knocked(k + i, 0, 0) for i in range(12)], following) == 12
        assert groups.wrong([knocked(36 + i, x, y) for i in range(12)], None) == 12
        amid = [knocked(i, x * (3 < i < 8), y * (3 < i < 8)) for i in range(12)]
        assert not any(there_and_back(amid))


def test_a_screen_whose_pictures_come_and_go_is_no_damage() -> None:
    """But for the first ones, at which nobody can know it; where somebody moves meanwhile, too."""
    groups = Groups()
    film = [room(n) for n in range(8 * 40 + 1)]
    for n, picture in enumerate(film):
        picture[5:35, 90:150] = 200 if n // 10 % 2 else 30
        picture[60:80, 20 + n % 40 : 30 + n % 40] = 60
    lost = [groups.damaged(film[k : k + 40], film[k + 40]).sum() for k in range(0, 320, 40)]
    assert not any(lost[2:]) and 0 < sum(lost) <= 40, lost


def test_garbage_amid_which_one_picture_is_right_is_seen() -> None:
    """As of VP9's golden frames: the right one is kept back with the others."""
    groups = after_two_sound_ones()
    shown = [room(i) if i == 7 else garbage(i) for i in range(12)]
    assert groups.damaged(shown, room(13)).all()
    assert not groups.damaged([room(i) for i in range(12)], room(13)).any()


def dated(n: int, second: int) -> np.ndarray:
    """The room, and a digit that the camera writes over it."""
    shown = np.repeat(room(n)[..., None], 3, 2)
    return cv2.putText(shown, str(second % 10), (20, 80), 0, 0.8, (255, 255, 255), 1)[..., 0]


def test_a_date_that_ticks_at_key_frames_is_no_damage() -> None:
    """But for the first ones, at which nobody can know it; garbage elsewhere is still seen."""
    groups, held = Groups(), []
    for k in range(40):
        shown = [dated(12 * k + i, k) for i in range(12)]
        held.append(groups.wrong(shown, dated(12 * k + 12, k + 1)) < 12)
    assert not any(held[3:]), held
    shown = [np.where(garbage(i) != room(i), garbage(i), dated(i, 40)) for i in range(12)]
    assert groups.wrong(shown, dated(12, 41)) == 0


def test_behind_lost_pictures_people_may_have_moved_far() -> None:
    """Somebody walks, and the pictures before the key frame are lost: no blow, however far."""
    film = [room(i) for i in range(14)]
    for i, picture in enumerate(film):
        picture[20:80, 6 * i : 6 * i + 25] = 60
    assert after_two_sound_ones().wrong(film[:6], film[12], 7) == 6
    assert after_two_sound_ones().wrong(film[:9], film[12], 4) == 9
    wrong = [*(room(i) for i in range(6)), *(garbage(i) for i in range(6, 10))]
    assert after_two_sound_ones().wrong(wrong, room(12), 3) == 6


@pytest.mark.parametrize("group", ["1", "3"])
def test_people_who_move_in_a_film_of_key_frames_are_shown(tmp_path: Path, group: str) -> None:
    def draw(n: int) -> np.ndarray:
        shown = room(n)
        shown[20:80, 5 * (n % 7) : 5 * (n % 7) + 40] = 60
        return np.repeat(shown[..., None], 3, 2)

    how = {"preset": "veryfast", "g": group, "bf": "0", "threads": "1"}
    path = write(tmp_path / "a.mp4", frames=N, draw=draw, options=how)
    for asked in (range(N), range(0, N, 5)):
        assert not any(f.lost for f in ask_frames(probe(path), asked))


def test_what_a_class_does_is_no_damage() -> None:
    """The light is switched, somebody walks by, turns round, a screen changes at a key frame."""
    rng = np.random.default_rng(4)
    for step, wide in ((2, 20), (7, 35), (15, 50)):
        groups, film = after_two_sound_ones(), [room(i) for i in range(12 * 12 + 1)]
        left, way = -30.0, float(step)
        for i, picture in enumerate(film):
            left += way * rng.uniform(0.7, 1.3)
            way = -way if rng.random() < 0.03 or not -60 < left < 200 else way
            begin, end = max(round(left), 0), max(round(left) + wide, 0)
            picture[20:, begin:end] = 60 + (i % 3)
            if i >= 60:
                picture[:] = np.minimum(picture.astype(int) + 50, 255)
            if i >= 96:
                picture[5:30, 100:150] = 20
        for k in range(0, len(film) - 12, 12):
            assert groups.wrong(film[k : k + 12], film[k + 12]) == 12, (step, k)


@pytest.mark.parametrize("since", [25, 37])
def test_a_film_shown_in_the_dark_is_no_damage(tmp_path: Path, since: int) -> None:
    """An encoder that sees the scene change begins a group there, and another one at its end."""
    screen = np.random.default_rng(1).integers(0, 256, (90, 160))

    def draw(n: int) -> np.ndarray:
        shown = room(n) * 0.2 + screen * 0.5 if since <= n < 58 else room(n)
        return np.repeat(shown[..., None], 3, 2).astype(np.uint8)

    how = {"preset": "veryfast", "g": "40", "bf": "0", "threads": "1"}
    info = probe(write(tmp_path / "a.mp4", frames=120, draw=draw, options=how))
    assert 58 in info.keyframes.tolist()
    assert not any(f.lost for f in ask_frames(info, range(120)))


X265 = f"keyint={GROUP}:min-keyint={GROUP}:bframes=0:crf=12:log-level=0"
SWALLOWING = {
    "libx265": {"preset": "ultrafast", "x265-params": X265},
    "libx264": {"preset": "veryfast", "g": str(GROUP), "bf": "0", "crf": "8", "threads": "1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": str(GROUP), "b": "3M"},
}


@pytest.mark.parametrize(
    ("codec", "seed"),
    [("libx265", 1), ("libx264", 0), ("libvpx-vp9", 0), ("libvpx-vp9", 1)],
)
def test_noise_that_the_decoder_swallows_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, seed: int
) -> None:
    """300 bytes amid one picture of a small film: wrong from there to the next key frame."""
    width, height = (192, 112) if codec == "libx264" else (640, 360)
    path = write(
        tmp_path / "a.mp4", frames=N, codec=codec, options=SWALLOWING[codec],
        draw=lambda n: np.repeat(room(n, width, height)[..., None], 3, 2),
    )  # fmt: skip
    true = {f.number: f.picture for f in ask_frames(probe(path), range(N), grey=True)}
    assert all(p is not None for p in true.values()), "a sound film is shown whole"
    with av.open(str(path)) as container:
        packet = next(
            p for p in container.demux(video=0) if p.pts and p.pts * p.time_base * 25 == HIT
        )
        at = packet.pos + packet.size // 3
    data = bytearray(path.read_bytes())
    data[at : at + 300] = np.random.default_rng(seed).integers(0, 256, 300, np.uint8).tobytes()
    path.write_bytes(data)

    def wrong(frames: list[reading.Frame]) -> list[int]:
        return [
            f.number for f in frames
            if f.picture is not None
            and (np.abs(f.picture.astype(int) - true[f.number]) > 25).mean() > 0.002
        ]  # fmt: skip

    for asked in (range(N), range(0, N, 5)):
        now = list(ask_frames(probe(path), asked, grey=True))
        assert wrong(now) == []
        lost = {f.number for f in now if f.lost}
        assert lost == {n for n in asked if HIT <= n < 36}
    monkeypatch.setattr(reading, "decoder_of", lambda stream: stream.codec_context)
    now = list(ask_frames(probe(path), range(N), grey=True))
    assert wrong(now) == [], "FFmpeg's own decoder of VP9, with the look at its pictures"
    monkeypatch.setattr(silent_damage, "SILENT", frozenset())
    before = list(ask_frames(probe(path), range(N), grey=True))
    assert not any(f.lost for f in before) and len(wrong(before)) > 3, "the decoder says nothing"


@pytest.mark.parametrize(("most", "value"), [("LONGEST", 7), ("held_px", 8 * 160 * 90)])
def test_a_film_with_one_key_frame_is_not_held_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, value: int
) -> None:
    groups = Groups()
    monkeypatch.setattr(silent_damage if most == "LONGEST" else groups, most, value)
    path = write(
        tmp_path / "a.mp4", frames=40, codec="libx265",
        options={"preset": "ultrafast", "x265-params": "keyint=250:bframes=0:log-level=0"},
        draw=lambda n: np.repeat(room(n)[..., None], 3, 2),
    )  # fmt: skip
    read = []
    with av.open(str(path)) as container:
        frames = enumerate(container.decode(video=0))
        came = groups.judged(((read.append(n) or n, f, True) for n, f in frames), range(40))
        for number, frame, whole in came:
            assert whole and frame is not None and len(read) - number <= 9
    assert number == 39


def test_which_films_are_looked_at() -> None:
    keys = np.array([0, 30])
    hd, uhd = (1920, 1080), (3840, 2160)
    looked_at = [
        groups_of(codec, size_px, keys, np.arange(60) / 25)
        for codec, size_px in (("hevc", uhd), ("h264", hd), ("h264", uhd), ("mjpeg", hd))
    ]
    assert [g is not None for g in looked_at] == [True, True, False, False]


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libx264", "mjpeg"])
def test_a_cluster_that_is_not_what_was_written_is_left_out(tmp_path: Path, codec: str) -> None:
    """FFmpeg writes checksums into .mkv: a single bit anywhere is found, whatever the codec."""
    options = {"libvpx-vp9": {"deadline": "realtime", "g": "20"}, "libx264": {"g": "20"}}
    path = write(
        tmp_path / "a.mkv", frames=120, codec=codec, options=options.get(codec),
        pixels="yuvj420p" if codec == "mjpeg" else "yuv420p",
        muxing={"cluster_time_limit": "800"},
    )  # fmt: skip
    data = path.read_bytes()
    for cut in (data, data[: int(0.9 * len(data))]):
        path.write_bytes(cut)
        assert damaged_clusters(path) == ()
    places = [k for k in range(len(data)) if data.startswith(CLUSTER, k)]
    assert len(places) >= 4
    for at in (places[2] - 300, places[2] + 1, places[2] + 5, places[2] + 9, places[3] - 200):
        spoiled = bytearray(data)
        spoiled[at] ^= 4
        path.write_bytes(spoiled)
        hit = sum(at >= k for k in places) - 1
        assert damaged_clusters(path) == ((places[hit], places[hit + 1]),)
    info = probe(path)
    assert "is damaged in 1 place, as its checksums say" in info.files[0].remarks[0]
    frames = list(ask_frames(info, range(info.frames)))
    assert all(f.picture is None or number(f.picture) == f.number for f in frames)
    lost = [f.number for f in frames if f.lost == "corrupt"]
    assert 3 <= len(lost) <= 40 and lost[-1] - lost[0] <= len(lost), "its cluster, and no other"


def crowd(n: int) -> np.ndarray:
    """(h, w, 3) people close by, who fill the picture and never stand still."""
    shown = np.full((360, 640, 3), 110, np.uint8)
    for k in range(14):
        at = int(46 * k + 20 * np.sin(0.5 * n + k)), int(180 + 110 * np.cos(0.31 * n * (1 + k % 3)))
        cv2.circle(shown, at, 40 + 3 * (k % 5), (40 + 14 * k, 230 - 15 * k, 60 + 9 * k), -1)
    grain = np.random.default_rng(n).normal(0, 6, shown.shape)
    return np.clip(shown + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("codec", "kind"),
    [("libvpx", "one bit"), ("libvpx", "noise"), ("libvpx", "zeros"), ("libvpx-vp9", "zeros")],
)
def test_behind_damage_amid_a_crowd_nothing_wrong_is_shown(
    tmp_path: Path, codec: str, kind: str
) -> None:
    """Where no blow tells it: by another decoder (VP8), by zeros."""
    options = {"deadline": "good", "cpu-used": "5", "g": "12", "b": "3M"}
    whole = write(tmp_path / "a.webm", frames=36, codec=codec, options=options, draw=crowd)
    data, bad = whole.read_bytes(), tmp_path / "bad.webm"
    good = {f.number: f.picture for f in ask_frames(probe(whole), range(36), grey=True)}
    assert all(p is not None for p in good.values())
    lost = 0
    for at in (0.15, 0.3, 0.45):
        out, begin = bytearray(data), int(at * len(data))
        if kind == "one bit":
            out[begin] ^= 4
        elif kind == "noise":
            noise = np.random.default_rng(begin).integers(0, 256, 512, np.uint8)
            out[begin : begin + 512] = noise.tobytes()
        else:
            out[begin : begin + 512] = bytes(512)
        bad.write_bytes(out)
        shown = {f.number: f.picture for f in ask_frames(probe(bad), range(36), grey=True)}
        lost += sum(p is None for p in shown.values())
        for k, p in shown.items():
            q = good[k]
            assert p is None or q is None or (cv2.absdiff(p, q) > 25).mean() < 0.002, (at, k)
    assert lost >= 4
