"""Forgetting that proves itself: a student, all video, or the whole lesson.

`gaze forget LESSON STUDENT` works on a copy beside the lesson (hard links: videos are not copied),
in which everything is made again as if the student had never been there (gaze/privacy/rewrite.py);
it reads the copy back, and only then the two change places, in one step. Whatever happens before,
the lesson is as it was; whatever happens after, the next forgetting takes the old copy away.

What is stored where, and for how long: docs/privacy.md. Retention is held by
:meth:`sessions.folder.Session.open`; opted-out seats are masked before detection by the pipeline.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from calibration.files import GENERATOR, has_sign
from gaze.lesson.sync import OLD_PAGE
from gaze.privacy.audit import AUDIT_NAME, audit, refuse_unwritable
from gaze.privacy.named import names_in
from gaze.privacy.names import Finder
from gaze.privacy.outside import exports_outside, found_behind, refuse_links, take_out_of_tables
from gaze.privacy.owned import kind_of
from gaze.privacy.rewrite import rewrite
from gaze.privacy.said import PrivacyError, Report
from gaze.privacy.search import VIDEOS, aim_of, files_below, in_name, mentions
from gaze.privacy.vocabulary import is_ordinary, may_be_ours
from gaze.privacy.work import Work
from sessions.config import CONFIG_NAME, load_config, raw_config
from sessions.config_edit import without_student
from sessions.errors import RunError, RunVersionError, SessionError
from sessions.events.marks import read_marks
from sessions.lock import LOCK, lesson_lock
from sessions.mounts import mounts_in
from sessions.names import look_of, meant, spelled
from sessions.run import RUNS, Run, is_exported, is_our_picture

__all__ = [
    "PrivacyError", "Report", "forget", "forget_everything", "forget_video", "known_student",
    "lesson_folder",
]  # fmt: skip

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
OURS = {"rows", "quality", "run", "again", "refit", "export"}  # files that must be free of a name


def forget(lesson: str | Path, student: str) -> Report:
    """Remove a student from a lesson as if it had never been there, and prove it.

    Tables lose the student's rows (and faces of the same tracks); quality.json, validation,
    heatmaps, reports, gain and exports are made again from what is left; the seat stays in
    session.toml as an opted-out one under another name, so that a later analysis masks it. The
    videos still show the student; the report says so. Other files lose the student's name, where
    they are text or tables; else they stay, and are named.

    Raises
    ------
    PrivacyError : no lesson there, nothing in it names this student, tables that do lie behind a
        link, a run is of another version, or it cannot be proven that our own files are free of it;
        then the lesson is as it was. SessionError, ConfigError : session.toml cannot be read, now
        or without the student.
    OSError : the disk is full, or the folder beside the lesson may not be written to; the lesson is
        as it was.
    """
    folder = lesson_folder(lesson).resolve()
    finder = known_student(folder, student)
    refuse_links(folder, finder)
    _refuse_other_versions(folder)
    _refuse_runs_called(folder, finder)
    config, masked = without_student(folder, finder.is_it, finder.cut)
    said = Report(f"student {student} in {lesson}")
    said.kept += [
        f"{spelled(other)}: another student, whose name looks like {spelled(student)}"
        for other in _known_students(folder)
        if look_of(other) == look_of(student) and not finder.is_it(other)
    ]
    copy = _beside(folder)
    with lesson_lock(folder), _of_the_lesson(copy, folder):
        _forget(Work(copy, folder, finder, is_ordinary(finder), config, masked, said))
    _remove(copy)  # a share keeps what was open, such as the lock, until now
    if copy.exists():
        said.remains.append(f"{copy}: the lesson as it was could not be deleted; delete it")
    return said


def _forget(work: Work) -> None:
    """On a copy that takes the lesson's place."""
    said, copy, folder = work.said, work.folder, work.lesson
    refuse_unwritable(folder)
    _copy(folder)
    try:
        rewrite(work)
        said.kept += [
            f"{work.name(v)}: it still shows the student (`gaze forget LESSON --all-video`)"
            for v in files_below(copy)
            if _shows_people(work, v)
        ]
        _prove(work)
        take_out_of_tables(copy, folder, said)
        audit(copy, "forget student", rewritten=len(said.changed), deleted=len(said.deleted),
              proven=said.proven)  # fmt: skip
        inside = _cwd_in(folder)
        exchange(copy, folder)
    finally:
        _remove(copy)
    if inside is not None:  # we stood in the old folder, which is gone
        os.chdir(folder / inside if (folder / inside).is_dir() else folder)
        said.kept.append('your shell stands in the old folder: enter it again (cd "$PWD")')


def _refuse_other_versions(folder: Path) -> None:
    """What another version keeps of a student, and how it counts, is not known here.

    Raises
    ------
    PrivacyError : one of the runs is another version's.
    """
    for path in sorted(folder.glob(f"{RUNS}/*/run.json")):
        try:
            Run(path.parent).info()
        except RunVersionError as error:
            raise PrivacyError(
                "another version of this program made one of the runs, and what it keeps of a "
                "student is not known here", where=path, found=error.found,
                remedy="Update the program and forget then, or delete that run's folder yourself.",
            ) from error  # fmt: skip
        except RunError:
            continue  # damaged: it goes, and is named


def _refuse_runs_called(folder: Path, finder: Finder) -> None:
    """What is made of a run names it.

    Raises
    ------
    PrivacyError : one of the runs is called after the student.
    """
    for path in sorted(folder.glob(f"{RUNS}/*")) if not may_be_ours(finder) else ():
        if path.is_dir() and finder.within(path.name):
            raise PrivacyError(
                "a run is called after the student, and what was made of it says so",
                where=path, remedy="Rename the run's folder, and forget then.",
            )  # fmt: skip


def known_student(lesson: str | Path, student: str) -> Finder:
    """Who is meant, if the lesson's session.toml or one of its tables names exactly this student.

    Raises
    ------
    PrivacyError : no lesson there, or nothing in it names this student; with the nearest name.
    """
    folder = lesson_folder(lesson)
    if not student.strip():
        raise PrivacyError("a student has a name", found=repr(student))
    everybody = _known_students(folder)
    finder = Finder.of(student, everybody)
    if any(finder.is_it(name) for name in everybody):
        return finder
    near = meant(student, everybody)
    raise PrivacyError(
        "nothing in this lesson names this student",
        where=lesson,
        found=spelled(student),
        expected="one of " + (", ".join(everybody) or "the lesson's students"),
        remedy=f"Did you mean {spelled(near)}?" if near else None,
    )


def forget_video(lesson: str | Path) -> Report:
    """Delete all video and every picture that came out of a camera, and prove it.

    Heatmaps and reports stay (no person is on them), and so does the photograph of the blackboard
    that session.toml names. A file counts as video or picture by its first bytes as well as by its
    name; pages of ours that hold camera pictures (such as the calibration's) are deleted, another
    page with a photograph is named.

    Raises
    ------
    PrivacyError : no lesson there. SessionError, ConfigError : session.toml, which names the
        photograph that stays, cannot be read, or audit.log cannot be written; all is as it was.
    """
    folder = lesson_folder(lesson)
    said = Report(f"all video and camera pictures in {folder}")
    with lesson_lock(folder):
        _forget_video(folder, said)
    return said


def _forget_video(folder: Path, said: Report) -> None:
    """:func:`forget_video`, where nobody else is at work."""
    refuse_unwritable(folder)
    photo = _board_photo(folder)
    runs = folder / "runs"
    for run in sorted(runs.iterdir()) if runs.is_dir() and not runs.is_symlink() else []:
        for path in Run(run).parts() if not run.is_symlink() else []:
            _delete(path, folder, said)
    for path in files_below(folder):
        if path == photo:
            said.kept.append(
                f"{path.relative_to(folder)}: the blackboard's photograph; delete it yourself if "
                "somebody is on it"
            )
        elif _is_camera_picture(path):
            if path.is_symlink():
                said.kept.append(f"{aim_of(path)}: the lesson only linked to it; delete it there")
            _delete(path, folder, said)
        elif path.is_symlink() and path.is_dir():
            said.kept.append(f"{aim_of(path)}: the lesson only links to it; not looked at")
    for path in files_below(folder):
        said.searched_files += 1
        said.searched_bytes += 0 if path.is_symlink() else path.stat().st_size
        if path != photo and _is_camera_picture(path):
            said.remains.append(str(path.relative_to(folder)))
        elif _unreadable(path):
            said.remains.append(
                f"{path.relative_to(folder)}: it cannot be read, so whether a picture is in it is "
                "not known: look at it"
            )
        elif _holds_photograph(path):
            said.remains.append(
                f"{path.relative_to(folder)}: a page with a photograph, and none of ours: look at "
                "it and delete it yourself"
            )
    audit(folder, "forget video", deleted=len(said.deleted), proven=said.proven)


def forget_everything(lesson: str | Path) -> Report:
    """Delete the whole lesson folder. Works on an expired lesson, too; leaves no audit line.

    Links in it are removed, what they lead to stays and is named.

    Raises
    ------
    PrivacyError : no lesson there, or the folder itself is a link.
    """
    folder = lesson_folder(lesson)
    if folder.is_symlink():
        raise PrivacyError(
            "this is a link to a lesson; nothing is deleted through a link",
            where=folder,
            remedy=f"Name the lesson itself: {folder.resolve()}",
        )
    with lesson_lock(folder):  # nobody is at work in it
        pass
    said, folder = Report(f"the whole lesson {folder}"), folder.resolve()  # not ".", which stays
    if _unreadable(folder / AUDIT_NAME):
        said.lost.append(f"{AUDIT_NAME}: it could not be read; exports that it named are not known")
    else:
        said.lost += exports_outside(folder, folder.resolve())
    for path in files_below(folder):
        if path.is_symlink():
            said.kept.append(f"{aim_of(path)}: the lesson only linked to it; delete it there")
        said.deleted.append(str(path.relative_to(folder)))
    _remove(folder)
    if folder.exists():
        left = [str(path.relative_to(folder)) for path in files_below(folder)]
        said.deleted = [name for name in said.deleted if name not in left]
        said.remains += [f"{folder / name}: could not be deleted" for name in left or ["."]]
    return said


# -- a copy that takes the lesson's place ----------------------------------------------------------


def lesson_folder(lesson: str | Path) -> Path:
    """The lesson's folder; what an interrupted forgetting left beside it is taken away first.

    Raises
    ------
    PrivacyError : it is none, or another lesson lies in it, whose students are others, or another
        disk does.
    """
    folder = Path(lesson)
    real = folder.resolve()
    if not real.name:
        raise PrivacyError("this is a whole disk and no lesson", where=folder)
    copy, old = _beside(real), _beside(real, ".old")
    if _is_left(old) and not real.exists():  # between two renames: the lesson, as it was
        old.rename(real)
    if _is_lesson(folder):
        for leftover in (copy, old):
            if _is_left(leftover):
                _remove(leftover)
        inner = next((p for p in sorted(folder.rglob(CONFIG_NAME)) if p.parent != folder), None)
        if inner is not None:
            raise PrivacyError(
                "another lesson lies in this one, so nothing is deleted", where=folder,
                found=str(inner.parent.relative_to(folder)), remedy="Move it out first.",
            )  # fmt: skip
        if mounted := [p for p in mounts_in(folder) if p != real]:
            raise PrivacyError(
                "another disk or folder is mounted in this lesson, so nothing is deleted",
                where=mounted[0], remedy="Unmount it first.",
            )  # fmt: skip
        return folder
    raise PrivacyError(
        "this is not a lesson, so nothing is deleted", where=folder,
        expected=f"a folder with {CONFIG_NAME}",
    )  # fmt: skip


def _is_lesson(folder: Path) -> bool:
    return (folder / CONFIG_NAME).is_file()


def _is_left(beside: Path) -> bool:
    """Whether it is a copy or an old lesson of ours: a link is none, wherever it leads."""
    return _is_lesson(beside) and not beside.is_symlink()


def _beside(folder: Path, ending: str = "") -> Path:
    """Where the copy of a lesson lies: hidden, so that nobody takes it for a lesson."""
    return folder.with_name(f".{folder.name}.forgetting{ending}")


def _remove(folder: Path) -> None:
    """A lesson, as far as it goes; no link is followed. session.toml goes last: by it the next call
    knows what is left here."""
    last = folder / CONFIG_NAME
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path != last:
            with contextlib.suppress(OSError):
                path.unlink()
    if folder.is_dir() and all(path == last for path in folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


def _copy(folder: Path) -> None:
    """A copy of the lesson beside it, of hard links; links in it stay links."""
    copy = _beside(folder)
    if mounts_in(folder):
        raise PrivacyError(
            "the lesson is a disk or a mounted folder itself, whose place no copy can take",
            where=folder, remedy="Move the lesson into a folder on that disk.",
        )  # fmt: skip
    if copy.is_symlink() or copy.exists():  # not ours: lesson_folder took ours away
        raise PrivacyError("this is in the way", where=copy, remedy="Move it elsewhere.")
    try:
        _copy_into(copy, folder)
    except BaseException as error:
        _remove(copy)
        if isinstance(error, PermissionError) and error.filename in (None, copy, str(copy)):
            raise PrivacyError(
                "a forgetting works on a copy beside the lesson, which cannot be made",
                where=folder.parent, found=error.strerror,
                remedy="Make that folder writable, or move the lesson.",
            ) from error  # fmt: skip
        raise


@contextlib.contextmanager
def _of_the_lesson(copy: Path, folder: Path) -> Iterator[None]:
    """What the system says about a file of the copy is said of the lesson's: the copy is gone."""
    try:
        yield
    except OSError as error:
        if error.filename:
            error.filename = os.fsdecode(error.filename).replace(str(copy), str(folder), 1)
        raise


def _copy_into(copy: Path, folder: Path) -> None:
    copy.mkdir(mode=0o700)
    for path in sorted(folder.iterdir(), key=lambda p: p.name != CONFIG_NAME):  # it comes first
        if path.is_dir() and not path.is_symlink():
            _copy_into(copy / path.name, path)
        else:
            _link(path, copy / path.name)
    _copy_rights(folder, copy)


def _link(source: Path, target: Path) -> None:
    """A hard link; a copy where the file system knows none, and of what is written in place."""
    if source.name not in (AUDIT_NAME, LOCK):  # a lock is one's own
        with contextlib.suppress(OSError):
            os.link(source, target, follow_symlinks=False)
            return
    shutil.copyfile(source, target, follow_symlinks=False)
    _copy_rights(source, target)


def _copy_rights(source: Path, target: Path) -> None:
    """And times, where the disk keeps them."""
    with contextlib.suppress(OSError):
        shutil.copymode(source, target, follow_symlinks=False)
    with contextlib.suppress(OSError):
        shutil.copystat(source, target, follow_symlinks=False)


RENAME_EXCHANGE, AT_FDCWD = 2, -100  # linux/fs.h, fcntl.h


def exchange(one: Path, other: Path) -> None:
    """Two folders change places: in one step on Linux, elsewhere in three that can be undone."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        paths = (os.fsencode(one), os.fsencode(other))
        if rename(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_EXCHANGE) == 0:
            return
    aside = _beside(other, ".old")
    os.rename(other, aside)
    try:
        os.rename(one, other)
    except BaseException:
        os.rename(aside, other)
        raise
    os.rename(aside, one)


def _cwd_in(folder: Path) -> Path | None:
    """Where in the folder the process stands, if it does."""
    with contextlib.suppress(OSError, ValueError):
        return Path.cwd().resolve().relative_to(folder)
    return None


# -- who is known, and the proof -------------------------------------------------------------------


def _known_students(folder: Path) -> list[str]:
    """Everybody whom session.toml or a table of the lesson names."""
    names = {s.id for s in load_config(folder).students}
    for run in sorted((folder / "runs").glob("*")):
        for table in ("students", "gaze", "faces"):
            names |= names_in(run / f"{table}.parquet")
    for path in sorted((folder / "truth").glob("*.parquet")):
        names |= names_in(path)
    return sorted(names | names_in(folder / "targets.csv"))


def _prove(work: Work) -> None:
    """Read every file that is left.

    Raises
    ------
    PrivacyError : one of our own files still names the student.
    """
    said, finder = work.said, work.finder
    said.remains += [f"{work.name(p)}: a folder of that name; rename it" for p in _folders(work)]
    for path in files_below(work.folder):
        name = work.name(path)
        if _shows_people(work, path):
            continue
        said.searched_files += 1
        said.searched_bytes += 0 if path.is_symlink() else path.stat().st_size
        listed = any(map(finder.is_it, names_in(path)))
        if path.is_symlink() and found_behind(finder, path):
            said.remains.append(f"{name}: a link to {aim_of(path)}, where the student is named")
            continue
        if not listed and not _found(work, path):
            continue
        kind = kind_of(name)
        if kind is not None and kind.rule in OURS and path in work.done:
            raise PrivacyError(
                "the student could not be taken out of a file, so the lesson stays as it was",
                where=name,
                remedy="This is a fault of ours: please report it. Until then delete that file.",
            )
        chance = work.ordinary or not mentions(finder, path, by_chance=False)
        perhaps = "perhaps by chance: " if chance and not listed else ""
        how = "rename it" if in_name(finder, path) else "take the name out, or delete it"
        said.remains.append(f"{name}: {perhaps}look at it and {how}")


def _folders(work: Work) -> list[Path]:
    """Folders of the user's that are called after the student."""
    own = () if work.word_of_ours else (p for p in sorted(work.folder.rglob("*")) if p.is_dir())
    return [p for p in own if not p.is_symlink() and work.finder.within(p.name)]


def _found(work: Work, path: Path) -> bool:
    """Whether a file's text names the student, or may: an ordinary word in words of the user's."""
    if not work.ordinary or work.is_ours(path):
        return work.named(path)
    if path == work.folder / "events.csv":  # its times are numbers, too
        return any(work.finder.within(label) for label in _labels(path))
    return path != work.folder / CONFIG_NAME and mentions(work.finder, path)


def _labels(path: Path) -> list[str]:
    """The teacher's words in events.csv; none where it cannot be read."""
    with contextlib.suppress(SessionError):
        return [m.label for m in read_marks(path)]
    return []


def _shows_people(work: Work, path: Path) -> bool:
    if path in work.done:  # an exported clip of dots
        return False
    kind = kind_of(work.name(path))
    return path.suffix.lower() in VIDEOS or (kind is not None and kind.rule == "camera")


# -- camera pictures -------------------------------------------------------------------------------


def _is_camera_picture(path: Path) -> bool:
    """A video, a picture without the mark of our heatmaps, or a page of ours with a photograph."""
    suffix = path.suffix.lower()
    if _unreadable(path):
        return suffix in VIDEOS
    if is_exported(path):  # tables, and clips that are drawn: no export holds a camera's picture
        return False
    if suffix in VIDEOS:
        return True
    if suffix in PICTURES:
        return not is_our_picture(path)
    if not path.is_file():  # a link's aim is looked at, and named; only the link goes
        return False
    with path.open("rb") as file:
        head = file.read(16)
    if head[:3] == b"\xff\xd8\xff" or head[:8] == b"\x89PNG\r\n\x1a\n" or head[4:8] == b"ftyp":
        return not is_our_picture(path)
    return _holds_photograph(path) and has_sign(path, GENERATOR, OLD_PAGE)


def _unreadable(path: Path) -> bool:
    return path.is_file() and not os.access(path, os.R_OK)


def _holds_photograph(page: Path) -> bool:
    if page.suffix.lower() not in (".html", ".htm") or not page.is_file():
        return False
    return b"data:image/jpeg" in page.read_bytes()


def _board_photo(folder: Path) -> Path | None:
    board = raw_config(folder).get("blackboard")
    name = board.get("picture") if isinstance(board, dict) else None
    return folder / name if isinstance(name, str) else None


def _delete(path: Path, folder: Path, said: Report) -> None:
    if not path.parent.resolve().is_relative_to(folder.resolve()):  # since we looked
        said.remains.append(f"{path.relative_to(folder)}: its folder has become a link; look at it")
    elif path.is_file() or path.is_symlink():
        path.unlink()
        said.deleted.append(str(path.relative_to(folder)))
        for parent in path.parents:  # that it leaves empty
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
