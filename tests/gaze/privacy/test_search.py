"""What a file says is found however it is packed; what it does not say is not. Quick."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gaze.privacy.names import Finder
from gaze.privacy.search import files_below, mentions, texts
from gaze.privacy.vocabulary import is_ordinary, may_be_ours

WHO, OTHER = "Zoë-07", "Zoë-08"


def table(who: str, **more: object) -> pa.Table:
    return pa.table({"student": [who, "x"], "n": [1, 2], **more})


def parquet(data: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(data, out)
    return out.getvalue()


def unused(who: str) -> pa.Table:
    """A dictionary's entry that no row has any more."""
    values = pd.Categorical(["x", "x"], categories=["x", who])
    return pa.table({"student": pa.array(values)})


def arrow(who: str) -> bytes:
    out = io.BytesIO()
    data = table(who)
    with pa.ipc.new_file(out, data.schema) as file:
        file.write_table(data)
    return out.getvalue()


def zipped(name: str, data: bytes, comment: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        archive.comment = comment.encode()
    return out.getvalue()


def noted(who: str) -> bytes:
    """A member's comment."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("a.txt")
        member.comment = who.encode()
        archive.writestr(member, b"nobody")
    return out.getvalue()


def tarred(name: str, data: bytes, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
            archive.addfile(member)
        else:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def array(who: str) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([who, "x"]))
    return out.getvalue()


def fields(who: str) -> bytes:
    """Numbers in a column of that name."""
    out = io.BytesIO()
    np.save(out, np.zeros(2, [(who, "f8")]))
    return out.getvalue()


def png(kind: bytes, body: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(kind, body) + pixels + chunk(b"IEND", b"")


def jpeg(before: bytes, after: bytes = b"") -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", len(before) + 2) + before
    return b"\xff\xd8\xff" + comment + b"\xff\xda" + after + b"\xff\xd9"


def pdf(text: bytes) -> bytes:
    return b"%PDF-1.4\n1 0 obj\nstream\r\n" + zlib.compress(text) + b"endstream\nendobj\n"


SAID: dict[str, Callable[[str], bytes]] = {
    "a.parquet": lambda who: parquet(table(who)),
    "large.parquet": lambda who: parquet(pa.table({"s": pa.array([who], pa.large_string())})),
    "bytes.parquet": lambda who: parquet(pa.table({"s": pa.array([who], pa.binary())})),
    "column.parquet": lambda who: parquet(pa.table({who: [1.0]})),
    "unused.parquet": lambda who: parquet(unused(who)),
    "nested.parquet": lambda who: parquet(pa.table({"s": [{"a": [who]}]})),
    "key.parquet": lambda who: parquet(pa.table({"s": [{who: 1}]})),
    "schema.parquet": lambda who: parquet(table("y").replace_schema_metadata({"about": who})),
    "schema-json.parquet": lambda who: parquet(
        table("y").replace_schema_metadata({"about": json.dumps({"of": who})})),
    "a.feather": arrow,
    "a.zip": lambda who: zipped("gaze.csv", f"student\n{who}\n".encode()),
    "member.zip": lambda who: zipped(f"{who}.csv", b"1,2"),
    "comment.zip": lambda who: zipped("a", b"1", who),
    "noted.zip": noted,
    "deep.zip": lambda who: zipped("b.zip", zipped("c.gz", gzip.compress(who.encode()))),
    "a.tar": lambda who: tarred("notes.txt", who.encode()),
    "packed.tar": lambda who: tarred("n.gz", gzip.compress(who.encode())),
    "member.tar": lambda who: tarred(who, b"x"),
    "link.tar": lambda who: tarred("l", b"", f"../{who}"),
    "a.csv.gz": lambda who: gzip.compress(who.encode()),
    "a.bz2": lambda who: bz2.compress(who.encode()),
    "a.xz": lambda who: lzma.compress(who.encode()),
    "named otherwise.txt": lambda who: gzip.compress(who.encode()),
    "a.npy": array,
    "fields.npy": fields,
    "text.png": lambda who: png(b"tEXt", b"Comment\0" + who.encode()),
    "packed.png": lambda who: png(b"zTXt", b"Comment\0\0" + zlib.compress(who.encode())),
    "unicode.png": lambda who: png(
        b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(who.encode())),
    "a.jpg": lambda who: jpeg(who.encode()),
    "a.pdf": lambda who: pdf(who.encode("latin-1")),
    "plain.pdf": lambda who: b"%PDF-1.4\n/Author (" + who.encode() + b")\n",
    "a.html": lambda who: f"<td>{who.replace('ë', '&euml;')}</td>".encode(),
    "number.html": lambda who: f"<td>{who.replace('ë', '&#235;')}</td>".encode(),
    "attribute.svg": lambda who: f'<g id="{who}"/>'.encode(),
    "a.json": lambda who: json.dumps({"student": who}).encode(),
    "key.json": lambda who: json.dumps({who: 1}).encode(),
    "twice.json": lambda who: f'{{"a": "{who}", "a": "x"}}'.encode(),
    "no.json": lambda who: f'{{"a": "{who}"'.encode(),
    "bom.json": lambda who: json.dumps([who]).encode("utf-8-sig"),
    "a.jsonl": lambda who: f"broken\n{json.dumps({'of': who})}\n".encode(),
    "audit.log": lambda who: f"{json.dumps({'of': who})}\n".encode(),
    "a.toml": lambda who: f'id = "{who.replace("ë", chr(92) + "u00eb")}"\n'.encode(),
    "key.toml": lambda who: f'"{who}" = 1\n'.encode(),
    "a.csv": lambda who: f'a,b\n"{who}",1\n'.encode(),
    "de.csv": lambda who: f"a;b\n{who};1\n".encode(),
    "a.tsv": lambda who: f"a\tb\n{who}\t1\n".encode(),
    "notes.txt": lambda who: f"{who} sat alone".encode(),
    "latin.txt": lambda who: f"{who} sat alone".encode("latin-1"),
    "little.bin": lambda who: b"\x00\x01" + who.encode("utf-16-le") + b"\xff",
    "big.bin": lambda who: b"\x00" + who.encode("utf-16-be") + b"\xff",
    "odd.bin": lambda who: b"\x00" + who.encode("utf-16-le"),
    "raw.bin": lambda who: b"\x00\xff" + who.encode() + b"\x00",
    "damaged.zip": lambda who: b"PK\x03\x04" + who.encode() + b"\xff\x00",
    "damaged.parquet": lambda who: b"PAR1\x00" + who.encode() + b"\x00",
    "damaged.gz": lambda who: b"\x1f\x8b\x08\x00" + who.encode() + b"\x00",
    "damaged.tar": lambda who: bytes(257) + b"ustar\0" + who.encode() + bytes(20),
}  # fmt: skip


def said_by(name: str, who: str, tmp_path: Path) -> Path:
    path = tmp_path / name
    path.write_bytes(SAID[name](who))
    return path


@pytest.mark.parametrize("name", SAID)
def test_what_a_file_says_is_found(name: str, tmp_path: Path) -> None:
    """And the other student, whose name differs by one sign, is not taken for it."""
    finder = Finder.of(WHO, [WHO, OTHER])
    assert mentions(finder, said_by(name, WHO, tmp_path))
    assert not mentions(finder, said_by(name, OTHER, tmp_path))


@pytest.mark.parametrize("start", range(4))
def test_wide_letters_are_found_at_every_place(start: int, tmp_path: Path) -> None:
    finder = Finder.of("S-07", ["S-07"])
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        path = tmp_path / "a.bin"
        path.write_bytes(b"\xff" * start + b"\0\0\0\0" + "S-07!".encode(encoding) + b"\0\0\0\0")
        assert mentions(finder, path), encoding


def test_where_a_name_does_not_count(tmp_path: Path) -> None:
    """Pixels, plotly's own code, pictures in pages."""
    from plotly.offline import get_plotlyjs

    finder = Finder.of("scatter", ["scatter"])
    page = tmp_path / "page.html"
    page.write_text(f"<script>{get_plotlyjs()}</script><p>nobody</p>")
    assert not mentions(finder, page)
    page.write_text(f"<script>{get_plotlyjs()}</script><p>scatter</p>")
    assert mentions(finder, page)
    short = Finder.of("AAAA", ["AAAA"])
    page.write_text('<img src="data:image/png;base64,AAAA"><p>nobody</p>')
    assert not mentions(short, page)
    for data in (jpeg(b"nobody", b"\0AAAA\0"), png(b"IDAT", b"\0AAAA\0")):
        (tmp_path / "a.png").write_bytes(data)
        assert not mentions(short, tmp_path / "a.png")


def test_names_of_files_and_aims_of_links_count(tmp_path: Path) -> None:
    finder = Finder.of(WHO, [WHO])
    (tmp_path / f"{WHO}.bin").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / f"{WHO}.bin")
    (tmp_path / "other").symlink_to(tmp_path / "nothing")
    assert mentions(finder, tmp_path / f"{WHO}.bin") and mentions(finder, tmp_path / "link")
    assert not mentions(finder, tmp_path / "other") and not mentions(finder, tmp_path)


def test_files_below_a_folder_and_no_link_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "a" / "b").mkdir(parents=True)
    outside.mkdir()
    (outside / "theirs").touch()
    (inside / "a" / "b" / "mine").touch()
    (inside / "z").touch()
    (inside / "linked").symlink_to(outside)
    below = [p.relative_to(inside).as_posix() for p in files_below(inside)]
    assert below == ["a/b/mine", "linked", "z"]


def office(body: str, member: str = "xl/sharedStrings.xml", rels: str = "") -> bytes:
    """A workbook or document with one member of text, and with what each of them has."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", '<Types><Default Extension="xml"/></Types>')
        archive.writestr(
            "xl/theme/theme1.xml", '<gradFill path="circle"/><latin typeface="Arial"/>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationship Target="sheet1.xml"/>{rels}')
        archive.writestr(member, body)
    return out.getvalue()


def sheet(body: str) -> bytes:
    """A workbook of LibreOffice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", body)
    return out.getvalue()


FORM = {  # a file's name and bytes, and words that are only its form
    "plan.svg": (b'<svg xmlns="http://w3.org"><path d="M10,20L30,4" style="color:red"/></svg>',
                 "M10 L30 svg red path xmlns w3"),
    "page.html": (b"<!DOCTYPE html><style>td{color:red}</style><td nowrap bgcolor=red>x y</td>",
                  "td DOCTYPE red style color"),
    "notes.xlsx": (office('<c r="A1" t="s"><f>B2+SUM(C1:C9)</f><v>0</v></c><t>quiet</t>'),
                   "A1 B2 C1 SUM circle Arial sheet1 xml t c"),
    "notes.ods": (sheet('<table:cell table:style-name="A1"><text:p>quiet</text:p></table:cell>'),
                  "A1 table cell style text p content xml"),
    "plan.docx": (office('<w:p><w:jc w:val="center"/><w:t>quiet</w:t></w:p>', "word/document.xml"),
                  "w p t center xml document"),
    "room.png": (png(b"pHYs", b"\0D\0Q1\0A1") + b"", "png PNG IHDR IDAT IEND pHYs D Q1 A1"),
    "room.jpg": (b"\xff\xd8\xff\xe0\0\x07JFIF\0\xff\xc4\0\x08A1\0Q1\0\xff\xdb\0\x04A1"
                 b"\xff\xdd\0\x04Q1\xff\xcf\0\x04D1\xff\xda\0\x04A1\xff\xd9",
                 "jpg JFIF J I A1 Q1 D1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORM)
def test_what_a_file_is_only_written_with_says_nothing(name: str, tmp_path: Path) -> None:
    """A student may be called A1 and a workbook have such a cell; else it would be deleted."""
    data, words = FORM[name]
    path = tmp_path / name
    path.write_bytes(data)
    assert [w for w in words.split() if mentions(Finder.of(w, [w]), path)] == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("said.svg", b'<svg><path d="M1"/><text>A1 here</text></svg>'),
        ("title.svg", b'<svg><g title="of A1"/></svg>'),
        ("noted.html", b"<p>x</p><!-- A1 -->"),
        ("script.html", b'<script>let x = {"a": "A1"}</script>'),
        ("after.html", b"<style>p{}</style>A1"),
        ("open.html", b'<p>x</p><td title="A1'),
        ("cell.xlsx", office("<si><t>A1</t></si>")),
        ("sheet.xlsx", office('<sheet name="A1" r="B2"/>')),
        ("formula.xlsx", office('<f>COUNTIF(B:B,"A1")</f>')),
        ("link.xlsx", office("", rels='<Relationship Target="A1.doc" TargetMode="External"/>')),
        ("cell.ods", sheet('<text:p office:string-value="A1">x</text:p>')),
        ("plain.zip", zipped("a.xml", b'<seat who="A1"/>')),
        ("cut.png", png(b"pHYs", b"")[:-12] + b"A1"),
        ("two.jpg", b"\xff\xd8\xff\xe0\0\x07JFIF\0\xff\xfe\0\2\xff\xe1\0\4A1\xff\xda\xff\xd9"),
        ("after.png", png(b"pHYs", b"") + b"A1"),
        ("app.jpg", b"\xff\xd8\xff\xe1\0\x04A1\xff\xda\xff\xd9"),
        ("after.jpg", b"\xff\xd8\xff\xda\0\xff\xd9A1"),
        ("A1.png", b""),
    ],
)
def test_what_is_said_between_is_found(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert mentions(Finder.of("A1", ["A1"]), path)
    assert not mentions(Finder.of("A2", ["A2"]), path)


@pytest.mark.parametrize(
    ("data", "student", "sure"),
    [(b"A1 sat", "A1", True), ("ë A1".encode(), "A1", True), (b"\xff\xfe A1", "A1", False),
     (b"A1\x00b", "A1", False), (b"A1-A\x00b", "A1-A", True), (gzip.compress(b"A1"), "A1", True),
     (gzip.compress(b"\xffA1"), "A1", False), (zipped("a", b"\0 A1"), "A1", False),
     (png(b"tEXt", b"A1"), "A1", True), (jpeg(b"\xffA1"), "A1", False)],
)  # fmt: skip
def test_a_short_name_in_bytes_of_unknown_kind_may_be_there_by_chance(
    data: bytes, student: str, sure: bool, tmp_path: Path
) -> None:
    path, finder = tmp_path / "a", Finder.of(student, [student])
    path.write_bytes(data)
    assert mentions(finder, path)
    assert mentions(finder, path, by_chance=False) is sure


@pytest.mark.parametrize(
    ("name", "ordinary"),
    [("12", True), ("3.5", True), ("-7", True), ("2026_1", True), ("１２", True), ("student", True),
     ("board", True), ("left", True), ("S-07", False), ("Zoë", False), ("A1", False),
     ("12a", False)],
)  # fmt: skip
def test_numbers_and_words_of_ours_mean_nobody_by_themselves(name: str, ordinary: bool) -> None:
    assert is_ordinary(Finder.of(name, [name])) is ordinary


@pytest.mark.parametrize(
    ("name", "ours"),
    [("main", True), ("done", True), ("12", True), ("board", True), ("S-07", False), ("Zoë", False),
     ("tiger", False)],
)  # fmt: skip
def test_words_of_our_code(name: str, ours: bool) -> None:
    """But for those in its docstrings and comments, where examples have names."""
    assert may_be_ours(Finder.of(name, [name])) is ours


@pytest.mark.parametrize(
    ("pack", "deep"),
    [
        (gzip.compress, 8),
        (lambda data: zipped("a", data), 8),
        (lambda data: tarred("a.gz", gzip.compress(data)), 4),
    ],
)
def test_archives_in_archives_end_somewhere(pack: Callable[[bytes], bytes], deep: int) -> None:
    """Eight deep is read; deeper is searched as it is: packed there, but at least it ends."""
    data, found = WHO.encode(), []
    for _ in range(deep + 2):
        data = pack(data)
        found.append(any(WHO in t for t in texts("a", data)))
    assert found == [True] * deep + [False] * 2
