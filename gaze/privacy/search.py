"""What a file says, read as what it is: tables by column, archives unpacked, pages as text."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import io
import json
import lzma
import os
import re
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from calibration.corners.boards import VIDEOS
from gaze.privacy.markup import is_office, office_text, page_text
from gaze.privacy.names import Finder

__all__ = ["VIDEOS", "files_below", "in_name", "is_text", "mentions", "texts"]

SURE_LENGTH = 4  # a shorter name stands in raw bytes by chance
JSONS = (".json", ".geojson", ".ipynb")
DEEP = 8  # archives in archives
DAMAGED = (
    OSError, ValueError, KeyError, EOFError, pa.ArrowException, zipfile.BadZipFile,
    tarfile.TarError, zlib.error, lzma.LZMAError, csv.Error, RecursionError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, and every link (to folders, too), none of them followed."""
    found: list[Path] = []
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            found += files_below(path)
        else:
            found.append(path)
    return sorted(found)


def aim_of(link: Path) -> Path:
    """Where a path leads in the end. A link may lead to itself: then it leads nowhere."""
    return Path(os.path.realpath(link))


def mentions(finder: Finder, path: Path, *, by_chance: bool = True) -> bool:
    """Whether a file's name, a link's aim, or what the file holds names the student.

    by_chance : a short name in bytes of unknown kind counts, too.
    """
    if in_name(finder, path):
        return True
    if path.is_symlink():
        return finder.within(str(path.readlink()))
    sure = not by_chance and len(finder.student) < SURE_LENGTH
    return path.is_file() and any(map(finder.within, texts(path.name, path.read_bytes(), sure)))


def in_name(finder: Finder, path: Path) -> bool:
    """Whether a file's name has the student in it: nobody is in one as its .png."""
    ending = path.suffix if "." not in finder.student else ""
    return finder.within(path.name.removesuffix(ending))


def texts(name: str, data: bytes, sure: bool = False, depth: int = 0) -> Iterator[str]:
    """All that a file says. Tables column by column (with dictionaries that no row uses any more),
    archives member by member, JSON, TOML and CSV parsed, pages and office files without what is
    only form, pictures without pixels; anything else, and what is damaged, as raw bytes in the
    usual encodings (unless ``sure``)."""
    packed = _packed(data) if depth < DEEP else None
    try:
        if packed is not None:
            yield from _unpacked(packed, name, data, sure, depth)
            return
    except DAMAGED:
        pass  # damaged, encrypted or pickled: its raw bytes are searched
    suffix = Path(name).suffix.lower()
    if _is_picture(data):
        for text in _picture_parts(data):
            yield from _raw_texts(text, sure)
        return
    if data[:5] == b"%PDF-":
        yield from _pdf_texts(data)
    if suffix in (".html", ".htm", ".svg"):
        yield page_text(data.decode("utf-8", errors="replace"))
        return
    whole = _json_texts(data) if suffix in JSONS else []
    if whole:
        yield from whole
        return
    yield from _structured(suffix, data)
    yield from _raw_texts(data, sure)


def _unpacked(packed: str, name: str, data: bytes, sure: bool, depth: int) -> Iterator[str]:
    """What a packed file (:func:`_packed`) says."""
    if packed == "parquet":
        yield from _table_texts(pq.read_table(io.BytesIO(data)), sure)
    elif packed == "arrow":
        yield from _table_texts(pa.ipc.open_file(io.BytesIO(data)).read_all(), sure)
    elif packed == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield str(archive.comment, "utf-8", "replace")
            office = is_office(archive.namelist())
            for inner in archive.infolist():
                if office and inner.filename.endswith((".xml", ".rels")):
                    yield office_text(inner.filename, archive.read(inner))
                    continue
                yield inner.filename
                yield str(inner.comment, "utf-8", "replace")
                yield from texts(inner.filename, archive.read(inner), sure, depth + 1)
    elif packed == "tar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                yield f"{member.name}\n{member.linkname}"
                file = tar.extractfile(member)
                if file is not None:
                    yield from texts(member.name, file.read(), sure, depth + 1)
    elif packed == "npy":
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        if array.dtype.kind in "US":
            yield "\n".join(a.decode("latin-1") if isinstance(a, bytes) else str(a)
                            for a in array.ravel())  # fmt: skip
        yield str(array.dtype.names or "")
    else:
        yield from texts(Path(name).stem, _UNPACK[packed](data), sure, depth + 1)


_UNPACK = {"gzip": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}
_MAGIC = {
    b"PAR1": "parquet", b"ARROW1": "arrow", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x93NUMPY": "npy",
}  # fmt: skip


def _packed(data: bytes) -> str | None:
    """What a file is packed as, by its first bytes, whatever its name."""
    if data[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def _table_texts(table: pa.Table, sure: bool) -> Iterator[str]:
    yield "\n".join(table.schema.names)
    for schema in (table.schema, *table.schema):
        for key, value in (schema.metadata or {}).items():
            yield str(key, "utf-8", "replace")
            yield from _json_texts(value) or _raw_texts(value, sure)
    for column in table.columns:
        yield from _column_texts(column, sure)


def _column_texts(column: pa.ChunkedArray, sure: bool) -> Iterator[str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        for chunk in column.chunks:
            yield "\n".join(map(str, chunk.dictionary.to_pylist()))
    elif is_text(kind):
        yield "\n".join(map(str, pc.unique(column).to_pylist()))
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        for value in pc.unique(column).to_pylist():
            yield from _raw_texts(value or b"", sure)
    elif pa.types.is_nested(kind):
        yield "\n".join(_leaves(column.to_pylist()))


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of text."""
    views = pa.types.is_string_view(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views)


def _leaves(value: Any) -> Iterator[str]:
    """Every key and every text of parsed JSON or TOML."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif not (value is None or isinstance(value, bool)):  # whose names are Python's, and in no file
        yield str(value)


def _json_texts(data: bytes) -> list[str]:
    """All that JSON says, a key given twice too; [] where it is none (then it is read raw).

    What JSON itself is written with (quotes, numbers, names of keys beside them) is nobody's name.
    """
    with contextlib.suppress(UnicodeDecodeError, *DAMAGED):
        return list(_leaves(json.loads(data.decode("utf-8-sig"), object_pairs_hook=list)))
    return []


def _structured(suffix: str, data: bytes) -> Iterator[str]:
    """JSON lines, TOML, CSV parsed: escapes and quotes are no hiding place."""
    with contextlib.suppress(UnicodeDecodeError, *DAMAGED):
        text = data.decode("utf-8-sig")
        if suffix in (".jsonl", ".log"):
            for line in text.splitlines():
                with contextlib.suppress(ValueError):
                    yield "\n".join(_leaves(json.loads(line)))
        elif suffix == ".toml":
            yield "\n".join(_leaves(tomllib.loads(text)))
        elif suffix in (".csv", ".tsv", ".txt"):
            for delimiter in ",;\t":
                rows = csv.reader(io.StringIO(text), delimiter=delimiter)
                yield "\n".join(cell for row in rows for cell in row)


def _pdf_texts(data: bytes) -> Iterator[str]:
    """A PDF's compressed streams, as far as they are deflated."""
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, flags=re.S):
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(stream).decode("latin-1")


def _raw_texts(data: bytes, sure: bool) -> Iterator[str]:
    """Bytes read as UTF-8, else (unless ``sure``) also as Latin-1, in which every byte is a letter,
    UTF-16 and UTF-32."""
    if b"\x00" not in data:
        with contextlib.suppress(UnicodeDecodeError):
            yield data.decode("utf-8")
            return
    if sure:
        return
    yield data.decode("latin-1")
    yield data.decode("utf-8", errors="replace")
    for start in (0, 1):  # UTF-16 at even and odd places
        yield data[start:].decode("utf-16-le", errors="replace")
        yield data[start:].decode("utf-16-be", errors="replace")
    for start in range(4):  # UTF-32 of plain letters
        yield data[start::4].decode("latin-1")


def _is_picture(data: bytes) -> bool:
    return data[:8] == b"\x89PNG\r\n\x1a\n" or data[:3] == b"\xff\xd8\xff"


# Parts of a PNG, and of a JPEG (JFIF's head, tables, frames), that hold numbers alone.
PNG_NUMBERS = (
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"cHRM", b"gAMA", b"sRGB", b"pHYs", b"tIME", b"bKGD",
    b"tRNS", b"sBIT", b"hIST", b"acTL", b"fcTL", b"fdAT",
)  # fmt: skip
JPEG_NUMBERS = {*range(0xC0, 0xD0), 0xDB, 0xDD, 0xE0}


def _picture_parts(data: bytes) -> Iterator[bytes]:
    """What of a PNG or JPEG could be text: neither pixels nor tables of numbers."""
    if data[:3] == b"\xff\xd8\xff":
        yield from _jpeg_parts(data)
        return
    at, kind = 8, b""
    while at + 8 <= len(data) and kind != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind not in PNG_NUMBERS:
            yield body
        if kind in (b"zTXt", b"iTXt"):  # compressed text
            for start in (m.start() for m in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", body)):
                with contextlib.suppress(zlib.error):
                    yield zlib.decompressobj().decompress(body[start:])
        at += 12 + length
    yield data[at:]


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    """Up to the scan, and what follows its end."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:  # one that only fills
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in JPEG_NUMBERS:
            yield data[at + 4 : at + 2 + length]
        at += 2 + length
    end = data.rfind(b"\xff\xd9")
    yield data[end + 2 :] if end >= 0 else b""
