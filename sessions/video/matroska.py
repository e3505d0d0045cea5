"""Checksums of .mkv files: FFmpeg, and OBS with it, writes one a cluster; no player reads them.

A cluster holds some seconds of film and sound. What was changed on the card or on the way is found
with certainty, whatever the codec; .webm and cameras' own writers have none.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Sequence
from pathlib import Path

SEGMENT, CLUSTER = bytes.fromhex("18538067"), bytes.fromhex("1F43B675")
#: What a file holds beside clusters: seek head, info, tracks, cues, tags, chapters, attachments.
OTHERS = frozenset(
    bytes.fromhex(i)
    for i in ("114D9B74", "1549A966", "1654AE6B", "1C53BB6B", "1254C367", "1043A770", "1941A469")
)
VOID = 0xEC
#: The element of a checksum, which comes first in what it is of: its name, its length.
CHECKSUM = bytes.fromhex("BF84")
#: Clusters without one after which none is looked for.
WITHOUT = 2


def damaged_clusters(path: Path) -> tuple[tuple[int, int], ...]:
    """Stretches (first byte, byte behind the last one) of a .mkv file that are not what was
    written; none where it holds no checksums. A last cluster that is cut off is no such stretch."""
    if path.stat().st_size == 0:
        return ()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found: list[tuple[int, int]] = []
        good = without = 0
        at = data.find(SEGMENT)
        at = _behind_length(data, at + 4)[0] if at >= 0 else len(data)
        while at < len(data):
            name, void = data[at : at + 4], data[at] == VOID
            begin, length = _behind_length(data, at + (1 if void else 4))
            if void or name in OTHERS:
                at = begin + length
                continue
            end, has_one = begin + length, data[begin : begin + 2] == CHECKSUM
            if name == CLUSTER and has_one and end <= len(data) and _is_whole(data, begin, end):
                good, at = good + 1, end
                continue
            without += name == CLUSTER and not has_one
            if without >= WITHOUT and not good:
                return ()
            following = data.find(CLUSTER, at + 1)  # the length itself may be damaged
            if following >= 0 or end <= len(data):
                found.append((at, following if following >= 0 else len(data)))
            at = following if following >= 0 else len(data)
        return tuple(found) if good else ()


def said_of(damaged: Sequence[tuple[int, int]]) -> list[str]:
    """What is wrong with such a video, for the user."""
    places = f"{len(damaged)} place{'s' * (len(damaged) > 1)}"
    said = f"is damaged in {places}, as its checksums say: what was filmed there is left out"
    return [said] if damaged else []


def _is_whole(data: mmap.mmap, begin: int, end: int) -> bool:
    stated = int.from_bytes(data[begin + 2 : begin + 6], "little")
    with memoryview(data) as whole, whole[begin + 6 : end] as content:
        return zlib.crc32(content) == stated


def _behind_length(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Where an element's content begins whose length is stated ``at``, and that length."""
    first = data[at] if at < len(data) else 1
    n = 9 - first.bit_length() if first else 9
    length = int.from_bytes(data[at : at + n], "big") & ((1 << 7 * n) - 1)
    return at + n, length
