"""Privacy that does something: pseudonyms, an audit log, and forgetting that proves itself.

What is stored where, and for how long: docs/privacy.md. Retention is held by
:meth:`sessions.folder.Session.open`; opted-out seats are masked before detection by the pipeline.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import difflib
import getpass
import gzip
import hmac
import io
import json
import os
import re
import secrets
import shutil
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from calibration.corners.boards import VIDEOS
from calibration.errors import UserError
from gaze.privacy.names import Finder, same_name
from sessions.config import CONFIG_NAME, load_config, without_student
from sessions.run import EXPORTED, atomic_write, read_manifest, sha256, write_json

AUDIT_NAME = "audit.log"
SALT_NAME = "salt.txt"
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
SURE_LENGTH = 4  # shorter names stand in raw bytes by chance: such files are named, not deleted
VALIDATION = ("validation.json", "validation.svg")  # of a run, by `gaze validate`
CACHES = {"parts", "cache", ".cache", "previews"}  # of a run: made from pixels, made again at need


class PrivacyError(UserError):
    """Something that cannot be forgotten, or would say more than it may."""


# --------------------------------------------------------------------------------------------------
# pseudonyms


def lesson_salt(folder: str | Path) -> str:
    """The lesson's salt: session.toml's, else ``salt.txt``, made at first use (readable by the
    owner alone). Deleting it cuts the last link between pseudonyms and what they were made from.
    """
    folder = Path(folder)
    config = folder / CONFIG_NAME
    if config.is_file():
        salt = tomllib.loads(config.read_text(encoding="utf-8")).get("salt")
        if isinstance(salt, str) and salt:
            return salt
    path = folder / SALT_NAME
    if path.is_file():
        return path.read_text(encoding="utf-8").strip()
    salt = secrets.token_hex(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(salt + "\n")
    return salt


def pseudonyms(names: Iterable[str], salt: str, *, prefix: str = "S-") -> dict[str, str]:
    """``S-01``, ``S-02``… for names or seats, in an order that only the salt knows.

    The same names and salt give the same pseudonyms; another lesson's salt another numbering, so
    that S-07 of two lessons is not one person. (An order by HMAC-SHA-256, so no two can collide.)
    """
    unique = sorted(set(names))
    order = sorted(unique, key=lambda n: hmac.digest(salt.encode(), n.encode(), "sha256"))
    digits = max(2, len(str(len(order))))
    return {name: f"{prefix}{i:0{digits}d}" for i, name in enumerate(order, 1)}


# --------------------------------------------------------------------------------------------------
# audit


def audit(folder: str | Path, action: str, **facts: Any) -> None:
    """Append a line to the lesson's audit.log: when (UTC), who, what. No pseudonym goes in."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    line = {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "user": user,
        "action": action,
        **facts,
    }
    with (Path(folder) / AUDIT_NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


# --------------------------------------------------------------------------------------------------
# forgetting


@dataclass
class Report:
    """What was forgotten, what was kept and why, and the proof.

    changed : files rewritten without it, and how much went. deleted : files that are gone.
    kept : files that stay although they may matter, with the reason.
    searched_files, searched_bytes : what the proof read. remains : where something was still found;
    empty = proven.
    """

    what: str
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    searched_files: int = 0
    searched_bytes: int = 0
    remains: list[str] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        """Nothing is left in the folder."""
        return not self.remains

    def __str__(self) -> str:
        lines = [f"Forgotten: {self.what}."]
        lines += [f"  rewritten  {c}" for c in self.changed]
        lines += [f"  deleted    {d}" for d in self.deleted]
        lines += [f"  kept       {k}" for k in self.kept]
        if self.proven:
            lines.append(
                f"Proof: {self.searched_files} files ({self.searched_bytes} bytes after "
                "unpacking) were searched, and nothing is left."
            )
        else:
            lines.append("NOT everything is gone; it is still in:")
            lines += [f"  {r}" for r in self.remains]
        lines.append(
            "Copies outside this folder (exports, backups, e-mails) are not touched: delete them."
        )
        return "\n".join(lines)


def forget(lesson: str | Path, student: str) -> Report:
    """Remove a student from every table, picture, text and cache of a lesson, and prove it.

    Tables lose the student's rows (and faces of the same tracks), heatmaps and reports are made
    again, caches made from pixels are deleted, the seat stays in session.toml as an opted-out one
    under another name, so that a later analysis masks it. The videos still show the student; the
    report says so.

    Raises
    ------
    PrivacyError : no lesson there, or nothing in it names this student.
    """
    folder = _lesson(lesson)
    if not student.strip():
        raise PrivacyError("a student has a name", found=repr(student))
    said = Report(f"student {student} in {folder}")
    everybody = _known_students(folder)
    finder = Finder.of(student, everybody)
    if not any(finder.is_it(name) for name in everybody):
        near = {same_name(n).casefold(): n for n in everybody}
        close = difflib.get_close_matches(same_name(student).casefold(), near, n=1)
        raise PrivacyError(
            "nothing in this lesson names this student",
            where=folder,
            found=student,
            expected="one of " + (", ".join(everybody) or "the lesson's students"),
            remedy=f"Did you mean {near[close[0]]}?" if close else None,
        )
    config, masked = without_student(folder, finder.is_it, finder.cut)  # refused before a deletion
    exported = _forget_salted(folder, said)
    remake = []
    for run in _runs(folder):
        remake.append((run, _languages(run)))
        for name in ("heatmaps", *CACHES):
            _delete_tree(run / name, folder, said)
        # validation.svg has a dot for each of the student's looks, and the errors count them
        for made in ("heatmaps.npz", "report.html", "report-class.html", *VALIDATION):
            _delete(run / made, folder, said)
    for path in _files(folder):
        if path.name == CONFIG_NAME and path.parent == folder:
            _write_config(path, config, masked, said)
        else:
            _forget_in_file(path, finder, folder, said)
    _hash_again(exported)
    _drop_empty_folders(folder)
    for run, languages in remake:
        _make_again(run, languages, folder, said)
    videos = [p for p in _files(folder) if p.suffix.lower() in VIDEOS]
    said.kept += [
        f"{v.relative_to(folder)}: it still shows the student (`gaze forget {folder} --all-video`)"
        for v in videos
    ]
    doubtful = {p for p in _files(folder) if len(student) < SURE_LENGTH and _is_raw(p)}
    _prove(folder, said, partial(_mentioned_in, finder), skip={*videos, *doubtful})
    audit(folder, "forget student", rewritten=len(said.changed), deleted=len(said.deleted),
          proven=said.proven)  # fmt: skip
    return said


def forget_video(lesson: str | Path) -> Report:
    """Delete all video and every picture that came out of a camera, and prove it.

    Heatmaps and reports stay (no person is on them), and so does the photograph of the blackboard
    that session.toml names. A file counts as video or picture by its first bytes as well as by its
    name; pages that hold camera pictures (such as the calibration's) are deleted.
    """
    folder = _lesson(lesson)
    said = Report(f"all video and camera pictures in {folder}")
    photo = _board_photo(folder)
    for run in _runs(folder):
        for name in CACHES:
            _delete_tree(run / name, folder, said)
    for path in _files(folder):
        if path == photo:
            said.kept.append(
                f"{path.relative_to(folder)}: the blackboard's photograph; delete it yourself if "
                "somebody is on it"
            )
        elif _is_camera_picture(path, folder):
            if path.is_symlink():
                said.kept.append(f"{path.resolve()}: the lesson only linked to it; delete it there")
            _delete(path, folder, said)
    _drop_empty_folders(folder)
    _prove(folder, said, lambda path: path != photo and _is_camera_picture(path, folder))
    audit(folder, "forget video", deleted=len(said.deleted), proven=said.proven)
    return said


def forget_everything(lesson: str | Path) -> Report:
    """Delete the whole lesson folder. Works on an expired lesson, too; leaves no audit line."""
    folder = _lesson(lesson)
    said = Report(f"the whole lesson {folder}")
    for path in _files(folder):
        if path.is_symlink():
            said.kept.append(f"{path.resolve()}: the lesson only linked to it; delete it there")
        said.deleted.append(str(path.relative_to(folder)))
    if folder.is_symlink():
        target = folder.resolve()
        folder.unlink()
        folder = target
    shutil.rmtree(folder)
    if folder.exists():
        said.remains.append(str(folder))
    return said


# -- finding ---------------------------------------------------------------------------------------


def _lesson(lesson: str | Path) -> Path:
    folder = Path(lesson)
    if not (folder / CONFIG_NAME).is_file():
        raise PrivacyError(
            "this is not a lesson, so nothing is deleted", where=folder,
            expected=f"a folder with {CONFIG_NAME}",
        )  # fmt: skip
    return folder


def _files(folder: Path) -> list[Path]:
    """Every file below a folder, links included but not followed."""
    found = []
    for root, _, names in os.walk(folder, followlinks=False):
        found += [Path(root) / n for n in names]
    return sorted(found)


def _runs(folder: Path) -> list[Path]:
    runs = folder / "runs"
    return sorted(p for p in runs.iterdir() if p.is_dir()) if runs.is_dir() else []


def _known_students(folder: Path) -> list[str]:
    """Everybody whom session.toml or a table of the lesson names."""
    names = {s.id for s in load_config(folder).students}
    tables = [run / f"{t}.parquet" for run in _runs(folder) for t in ("students", "gaze", "faces")]
    for path in [*tables, *sorted((folder / "truth").glob("*.parquet"))]:
        with contextlib.suppress(OSError, pa.ArrowException, KeyError, ValueError):
            column = pq.read_table(path, columns=["student"])["student"]
            names |= {str(s) for s in pc.unique(column.combine_chunks()).to_pylist() if s}
    targets = folder / "targets.csv"
    with contextlib.suppress(OSError, UnicodeDecodeError, csv.Error):
        lines = targets.read_text(encoding="utf-8-sig").splitlines()
        names |= {row["student"] for row in csv.DictReader(lines) if row.get("student")}
    return sorted(names)


def _mentioned_in(finder: Finder, path: Path) -> bool:
    """Whether a file's name or content (unpacked where it is packed) names the student."""
    if finder.within(path.name):
        return True
    if path.is_symlink() or not path.is_file():
        return False
    return any(finder.within(text) for text in _contents(path))


def _contents(path: Path) -> Iterable[str]:
    """What a file says, as text."""
    return _texts(path.name, path.read_bytes())


def _texts(name: str, data: bytes) -> Iterable[str]:
    """Tables column by column, archives unpacked, pages and pictures without their pixels and
    without plotly's code (in which two letters stand by chance), anything else raw."""
    suffix = Path(name).suffix.lower()
    try:
        if suffix == ".parquet":
            yield from _parquet_texts(pq.read_table(io.BytesIO(data)))
            return
        if suffix in (".npz", ".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for inner in archive.namelist():
                    yield inner
                    yield from _texts(inner, archive.read(inner))
            return
        if suffix == ".gz":
            yield from _texts(Path(name).stem, gzip.decompress(data))
            return
        if suffix == ".npy":
            array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
            if array.dtype.kind in "US":
                yield "\n".join(map(str, array.ravel()))
            return
    except (OSError, ValueError, pa.ArrowException, zipfile.BadZipFile, EOFError):
        pass  # damaged or pickled: its raw bytes are searched
    if data[:8] == b"\x89PNG\r\n\x1a\n" or data[:3] == b"\xff\xd8\xff":
        data = _without_pixels(data)
    if suffix in (".html", ".htm", ".svg"):
        text = data.decode("utf-8", errors="replace")
        for code in _plotly_codes():
            text = text.replace(code, "")
        yield re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
        return
    yield from _raw_texts(data)


def _parquet_texts(table: pa.Table) -> Iterable[str]:
    yield str(table.schema) + str(table.schema.metadata)
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                yield "\n".join(map(str, chunk.dictionary.to_pylist()))
        elif _is_text(column.type):
            yield "\n".join(map(str, pc.unique(column).to_pylist()))


def _raw_texts(data: bytes) -> Iterable[str]:
    """Bytes read as UTF-8, else also as Latin-1 (every byte a letter), UTF-16 and UTF-32."""
    if b"\x00" not in data[:4096]:
        with contextlib.suppress(UnicodeDecodeError):
            yield data.decode("utf-8")
            return
    yield data.decode("latin-1")
    yield data.decode("utf-8", errors="replace")
    for start in (0, 1):  # UTF-16 at even and odd places
        yield data[start:].decode("utf-16-le", errors="replace")
        yield data[start:].decode("utf-16-be", errors="replace")
    for start in range(4):  # UTF-32 of plain letters
        yield data[start::4].decode("latin-1")


def _is_raw(path: Path) -> bool:
    """Whether a file is searched as raw bytes, in which a short name may stand by chance."""
    known = (".parquet", ".npz", ".zip", ".gz", ".npy", ".html", ".htm", ".svg")
    if path.suffix.lower() in known:
        return False
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _plotly_codes() -> tuple[str, str]:
    """The report's plotly.js and the whole one (calibration.html, `gaze simulate --plan`)."""
    from plotly.offline import get_plotlyjs

    from gaze.report.page import plotly_js

    return plotly_js(), str(get_plotlyjs())


def _without_pixels(data: bytes) -> bytes:
    """A PNG or JPEG without its compressed pixels: what is left could be text."""
    if data[:3] == b"\xff\xd8\xff":
        start = data.find(b"\xff\xda")  # the scan; text comes before it
        return data if start < 0 else data[:start]
    out, at = data[:8], 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] != b"IDAT":
            out += data[at : at + 12 + length]
        at += 12 + length
    return out


def _is_camera_picture(path: Path, folder: Path) -> bool:
    """A video, a picture that is no heatmap, or a page that holds a photograph."""
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return True
    relative = path.relative_to(folder).parts
    ours = len(relative) >= 4 and relative[0] == "runs" and relative[2] == "heatmaps"
    if suffix in PICTURES:
        return not ours
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(16)
    if head[:3] == b"\xff\xd8\xff" or head[:8] == b"\x89PNG\r\n\x1a\n" or head[4:8] == b"ftyp":
        return not ours
    if suffix in (".html", ".htm"):
        return b"data:image/jpeg" in path.read_bytes()
    return False


def _board_photo(folder: Path) -> Path | None:
    config = tomllib.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    name = config.get("blackboard", {}).get("picture")
    return folder / name if isinstance(name, str) else None


# -- removing --------------------------------------------------------------------------------------


def _delete(path: Path, folder: Path, said: Report) -> None:
    if path.is_file() or path.is_symlink():
        path.unlink()
        said.deleted.append(str(path.relative_to(folder)))


def _delete_tree(path: Path, folder: Path, said: Report) -> None:
    if path.is_dir() and not path.is_symlink():
        for file in _files(path):
            said.deleted.append(str(file.relative_to(folder)))
        shutil.rmtree(path)


def _drop_empty_folders(folder: Path) -> None:
    for root, _, _ in os.walk(folder, topdown=False):
        if Path(root) != folder:
            with contextlib.suppress(OSError):  # not empty
                os.rmdir(root)


def _forget_in_file(path: Path, finder: Finder, folder: Path, said: Report) -> None:
    """Take a student out of a file, or delete the file where that cannot be done."""
    name = str(path.relative_to(folder))
    suffix = path.suffix.lower()
    if suffix in VIDEOS or not _mentioned_in(finder, path):
        return
    if finder.within(path.name) or path.is_symlink():
        _delete(path, folder, said)
        return
    if len(finder.student) < SURE_LENGTH and _is_raw(path):
        said.kept.append(
            f"{name}: the bytes of this short name are in it, perhaps by chance; look at it"
        )
        return
    try:
        if suffix == ".parquet":
            n = _forget_in_parquet(path, finder)
            done = f"{name}: {n} rows"
        elif suffix in (".csv", ".tsv"):
            n = _forget_in_csv(path, finder)
            done = f"{name}: {n} lines"
        elif suffix == ".json":
            value = _scrub(json.loads(path.read_text(encoding="utf-8")), finder)
            value = None if value is _GONE else value
            _write_text(path, json.dumps(value, indent=1) + "\n")
            done = name
        elif suffix in (".txt", ".log", ".md"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if not finder.within(line)]
            _write_text(path, "".join(kept))
            done = f"{name}: {len(lines) - len(kept)} lines"
        else:
            done = ""
    except (ValueError, OSError, pa.ArrowException):
        done = ""
    if done and not _mentioned_in(finder, path):
        said.changed.append(done)
    else:  # of a kind that cannot be changed, or still naming the student
        _delete(path, folder, said)


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _forget_in_parquet(path: Path, finder: Finder) -> int:
    """Drop the student's rows, and of faces those of the same tracks; dictionaries are made anew,
    else the name would stay in them. Returns the number of rows dropped."""
    table = pq.read_table(path)
    drop = np.zeros(table.num_rows, bool)
    for column in table.column_names:
        values = table[column]
        if pa.types.is_dictionary(values.type) and _is_text(values.type.value_type):
            plain = values.cast(values.type.value_type)
            table = table.set_column(table.column_names.index(column), column, plain)
            values = plain
        if _is_text(values.type):
            own = [v for v in pc.unique(values).to_pylist() if finder.is_it(v)]
            found = pc.is_in(values, value_set=pa.array(own, values.type))
            drop |= found.to_numpy(zero_copy_only=False)
    if {"camera", "track"} <= set(table.column_names):
        camera = np.array(table["camera"].to_pylist(), dtype=object)
        track = table["track"].to_numpy()
        mine = {(c, t) for c, t in zip(camera[drop], track[drop], strict=True) if t >= 0}
        if mine and "student" in table.column_names:
            nobody = np.array([not s for s in table["student"].to_pylist()])
            same = np.array([(c, t) in mine for c, t in zip(camera, track, strict=True)])
            drop |= nobody & same
    table = table.filter(pa.array(~drop))
    for i, field_ in enumerate(table.schema):
        if field_.name in ("student", "status", "area", "camera") and _is_text(field_.type):
            table = table.set_column(i, field_.name, table[field_.name].dictionary_encode())
    with atomic_write(path) as aside:
        pq.write_table(table, aside, compression="zstd")
    return int(drop.sum())


def _forget_in_csv(path: Path, finder: Finder) -> int:
    """Drop the lines one of whose fields is the student, or names it."""
    text = path.read_text(encoding="utf-8-sig")
    first = text.split("\n", 1)[0]
    delimiter = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    kept = [r for r in rows if not any(finder.within(cell) for cell in r)]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(kept)
    _write_text(path, out.getvalue())
    return len(rows) - len(kept)


_GONE = object()


def _scrub(value: Any, finder: Finder) -> Any:
    """JSON without the student: keys and items that name it go, records about it too."""
    if isinstance(value, dict):
        if finder.is_it(value.get("student")) or finder.is_it(value.get("id")):
            return _GONE
        pairs = ((k, _scrub(v, finder)) for k, v in value.items() if not finder.within(k))
        return {k: v for k, v in pairs if v is not _GONE}
    if isinstance(value, list):
        return [v for v in (_scrub(v, finder) for v in value) if v is not _GONE]
    if isinstance(value, str) and finder.within(value):
        return _GONE if finder.is_it(value) else finder.cut(value)
    return value


def _write_config(path: Path, text: str, masked: str | None, said: Report) -> None:
    """session.toml as :func:`sessions.config.without_student` made it."""
    if text == path.read_text(encoding="utf-8"):
        return
    _write_text(path, text)
    done = "without the name" if masked is None else f"the seat is opted out as {masked}"
    said.changed.append(f"{path.name}: {done}")


def _forget_salted(folder: Path, said: Report) -> list[Path]:
    """Delete salted exports in the lesson, file by file as their manifests list them: nobody finds
    a student in them again without the salt. A file that was changed since, or that the manifest
    may not speak of, stays and is named. Returns the other exports' unchanged files.
    """
    unchanged = []
    for manifest in (p for p in _files(folder) if p.name == EXPORTED and not p.is_symlink()):
        left = {}
        for name, entry in read_manifest(manifest.parent).items():
            path = manifest.parent / name
            inside = path.parent.resolve().is_relative_to(manifest.parent.resolve())
            if not path.exists() and not path.is_symlink():
                continue
            as_made = inside and not path.is_symlink() and entry.get("sha256") == _hash(path)
            if not entry.get("salted"):
                left[name] = entry
                unchanged += [path] if as_made else []
            elif as_made:
                _delete(path, folder, said)
            else:
                left[name] = entry
                said.remains.append(
                    f"{_short(path, folder)}: of a salted export, but changed since; look at it "
                    "and delete it yourself"
                )
        write_json(manifest, {"files": left})
        if _files(manifest.parent) == [manifest]:
            _delete(manifest, folder, said)
    for out in _exports_by_audit(folder, said):
        if _files(out) and not (out / EXPORTED).is_file():
            said.remains.append(
                f"{_short(out, folder)}: a salted export went there and its list is gone; look at "
                "it and delete it yourself"
            )
    return unchanged


def _hash(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _short(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _exports_by_audit(folder: Path, said: Report) -> list[Path]:
    """Where in the lesson the audit log says that salted exports went; those outside are named."""
    found, outside = [], set()
    log = folder / AUDIT_NAME
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else []:
        with contextlib.suppress(ValueError, AttributeError):
            entry = json.loads(line)
            out = Path(str(entry.get("out") or ""))
            if entry.get("action") != "export":
                continue
            if not out.is_absolute():
                outside.add(f"{out}: an export went there, from a folder that is not known")
            elif not out.resolve().is_relative_to(folder.resolve()):
                if out.exists():
                    outside.add(f"{out}: an export outside the lesson")
            elif entry.get("salted"):
                found.append(folder / out.resolve().relative_to(folder.resolve()))
    said.kept += [f"{where}; delete it yourself" for where in sorted(outside)]
    return found


def _hash_again(exported: Iterable[Path]) -> None:
    """Exports that a forgetting rewrote are still ours: their manifests get the new hashes."""
    for path in exported:
        for base in (b for b in path.parents if (b / EXPORTED).is_file()):
            files = read_manifest(base)
            name = path.relative_to(base).as_posix()
            if name in files:
                if path.is_file():
                    files[name]["sha256"] = sha256(path)
                else:
                    del files[name]
                write_json(base / EXPORTED, {"files": files})


def _languages(run: Path) -> dict[str, str]:
    """What of a run is to be made again, in that order, and in which language."""
    found = {}
    if any((run / name).is_file() for name in VALIDATION):
        found["validation"] = "en"  # first: the report's page one carries its error
    for name in ("report.html", "report-class.html"):
        if (run / name).is_file():
            match = re.search(r'<html lang="(\w+)"', (run / name).read_text("utf-8")[:500])
            found[name] = match[1] if match else "en"
    if (run / "heatmaps").is_dir():
        found["heatmaps"] = found.get("report.html", "en")
    return found


def _make_again(run: Path, languages: dict[str, str], folder: Path, said: Report) -> None:
    """Validation, heatmaps and reports without the student; what cannot be made stays deleted."""
    from gaze.report import write_report
    from gaze.report.heatmap import write_heatmaps
    from gaze.validation.validate import validate_lesson
    from sessions.folder import Session

    for name, language in languages.items():
        try:
            if name == "validation":
                validate_lesson(Session.open(folder), run=run)
            elif name == "heatmaps":
                write_heatmaps(run, language=language)
            else:
                write_report(run, language=language, class_only=name == "report-class.html")
        except UserError as error:
            said.kept.append(f"{run.relative_to(folder)}/{name}: not made again ({error})")
            continue
        said.changed.append(f"{run.relative_to(folder)}/{name}: made again")


def _prove(folder: Path, said: Report, is_left: Any, skip: set[Path] | None = None) -> None:
    """Search every file that is left."""
    for path in _files(folder):
        if path in (skip or set()):
            continue
        said.searched_files += 1
        said.searched_bytes += 0 if path.is_symlink() else path.stat().st_size
        if is_left(path):
            said.remains.append(str(path.relative_to(folder)))
