"""Why a file named like a video does not open: the likely cause, and what helps."""

from __future__ import annotations

from pathlib import Path

from av.video.stream import VideoStream

from calibration.film import open_file, packets_of
from sessions.errors import VideoError

#: Kinds of boxes that an .mp4 or .mov begins with.
BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
#: What is named like a video and is none: how it begins.
NO_VIDEOS = {
    b"%PDF": "a PDF document",
    b"PK\3\4": "a .zip archive, or a document",
    b"Rar!": "a .rar archive",
    b"7z\xbc\xaf": "a .7z archive",
    b"bplist": "the placeholder of a file that still lies in a cloud: have it downloaded there",
    b"<": "a web page, as a cloud gives instead of a file when nobody is signed in",
}


def unreadable(path: Path, error: Exception) -> VideoError:
    """A file that does not open, with its likely cause."""
    if path.stat().st_size == 0:
        return VideoError(
            "the video is empty", where=path, found="0 bytes", remedy="Copy it again."
        )
    begins, ends = both_ends(path)
    if begins[4:8] in BOXES and b"moov" not in begins + ends:
        return VideoError(
            "the video cannot be read: its index is missing, as after a full card, an empty "
            "battery or a half copied file",
            where=path,
            expected="a whole video",
            remedy="Copy it again; if that does not help, let the camera repair it (switch it on "
            "with the card inside).",
        )
    if not any(begins):
        return VideoError(
            "the file begins with nothing but zeros: it was never wholly written or copied",
            where=path,
            remedy="Copy it again from the camera.",
        )
    other = next((what for sign, what in NO_VIDEOS.items() if begins.lstrip().startswith(sign)), "")
    if b"<MPD" in begins[:4000]:
        other = "a list of other files, as websites stream them"
    if not other and begins[:4000].isascii() and begins[:4000].decode().split():
        other = "text"
    if other:
        return no_video(path, other)
    return VideoError(
        "the video cannot be read",
        where=path,
        found=str(error).split("] ")[-1].split(":")[0],
        expected="a whole video (was the recording stopped properly?)",
        remedy="Copy it again from the camera.",
    )


def undecodable(path: Path, index: int, count: int) -> VideoError:
    """A film of whose ``count`` packets in this stream none gives a picture."""
    with open_file(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream)
        packet = next(packets_of(container, stream), None)
        locked = packet is not None and packet.has_sidedata("encryption_info")
        return VideoError(
            "no picture of the video can be decoded",
            where=path,
            found=f"{count} {'encrypted' if locked else 'damaged'} frames of "
            f"{stream.codec_context.name}",
            remedy="Have it decrypted by what wrote it (a body camera's or a cloud's program)."
            if locked
            else "Copy it again from the camera, or convert it to H.264 in .mp4.",
        )


def no_video(path: Path, what: str) -> VideoError:
    """Something else under a video's name."""
    return VideoError(
        "this is no video, whatever its name says",
        where=path,
        found=what,
        remedy="Copy the video itself from the camera.",
    )


def both_ends(path: Path, n: int = 1 << 20) -> tuple[bytes, bytes]:
    """The first and the last megabyte."""
    with path.open("rb") as file:
        head = file.read(n)
        file.seek(max(0, path.stat().st_size - n))
        return head, file.read(n)
