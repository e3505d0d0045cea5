"""Every way in which a session.toml can be bad: one sentence, the true cause, the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration.errors import UserError
from gaze.privacy.pseudonyms import lesson_salt
from gaze.report.strings import LANGUAGES
from sessions.config import SessionConfig, load_config, raw_config
from sessions.config_values import STATES
from sessions.errors import ConfigError, SessionError
from sessions.folder import Session
from tests.sessions.test_config import GOOD

AREA = 'name = "left panel"'
STUDENT = '[[students]]\nid = "A1"\nseat_m = [0.8, 3.2]\n'
PICTURE = "height_m = 1.2"
BAD = {
    # each kind of value
    "no width": ("width_m = 4.0", "", ["key `blackboard.width_m` is missing"]),
    "a width in centimetres": ("width_m = 4.0", "width_m = 400", ["centimetres"]),
    "a number in quotes": ("width_m = 4.0", 'width_m = "4"',
                           ["`blackboard.width_m` is impossible: expected a number"]),
    "true for a number": ("width_m = 4.0", "width_m = true", ["expected a number"]),
    "a length in centimetres": ("left_m = 2.10", "left_m = 210", ["centimetres"]),
    "out into the wall": ("out_m = 0.80", "out_m = -0.80", ["`auxiliary.out_m`"]),
    "down upwards": ("down_m = 1.45", "down_m = -1.45", ["positive numbers"]),
    "a square in millimetres": ("square_m = 0.025", "square_m = 25",
                                ["centimetres or millimetres"]),
    "both counts even": ("inner_corners = [9, 6]", "inner_corners = [8, 6]",
                         ["same after half a turn"]),
    "both counts odd": ("inner_corners = [9, 6]", "inner_corners = [9, 7]",
                        ["one odd and one even"]),
    "a board of one row": ("inner_corners = [9, 6]", "inner_corners = [9, 1]",
                           ["between 3 and 40"]),
    "a placement of none": ('placement = "flat"', 'placement = "lying"', ["`auxiliary.placement`"]),
    "tilted without an angle": ('placement = "flat"', 'placement = "tilted"', ["angle_deg"]),
    "an area turned round": ("x_m = [2.0, 4.0]", "x_m = [4.0, 2.0]", ["from < to"]),
    "no video": ('video = "right.mp4"', "", ["`cameras.right.video` is missing"]),
    "no left camera": ("[cameras.left]", "[cameras.links]", ["`cameras.left` is missing"]),
    "a number for an id": ('id = "A1"', "id = 7",
                          ["`students[0].id` is impossible: expected text", 'marks: "7"']),
    "an id in wide letters": ('id = "A1"', 'id = "A1"\n[[students]]\nid = "Ａ１"', ["same id"]),
    "one bracket for a list": ("[[students]]", "[students]",
                               ["expected a list", "Write [[students]], in two brackets"]),
    "half a seat": ("[[students]]", '[[students]]\nid = "A2"\nseat_m = [1.0]\n[[students]]',
                    ["`students[0].seat_m` has too few values", "found [1.0]"]),
    "a slash in an id": ('id = "A1"', 'id = "A/1"', ["`students[0].id`"]),
    "an id twice": ('id = "A1"', 'id = "A1"\n[[students]]\nid = "A1"', ["same id"]),
    "one length of three": ("left_m = 2.10", "", ["left_m missing"]),
    "no length and no picture": ("left_m = 2.10\ndown_m = 1.45\nout_m = 0.80", "",
                                 ["or a room_picture"]),
    "three corners of a room": (
        "out_m = 0.80",
        "out_m = 0.8\n"
        "[auxiliary.room_picture]\n"
        'file = "a.jpg"\n'
        "blackboard_corners = [[1, 2], [3, 4], [5, 6]]",
        ["`auxiliary.room_picture.blackboard_corners` is impossible: expected four points"],
    ),
    "no corners of a room": (
        "out_m = 0.80",
        "out_m = 0.8\n"
        "[auxiliary.room_picture]\n"
        'file = "a.jpg"',
        ["`auxiliary.room_picture.blackboard_corners` is missing"],
    ),
    "two signs of equality": ("title =", "title = =", ["not valid TOML"]),
    # numbers
    "retention of 27 000 years": ("[blackboard]", "retention_days = 9999999\n[blackboard]",
                                  ["retention_days", "36500"]),
    "retention of true days": ("[blackboard]", "retention_days = true\n[blackboard]",
                               ["retention_days"]),
    "corners of true": ("[cameras.right]", "[calibration.chessboard]\n"
                        "inner_corners = [true, 6]\n[cameras.right]", ["inner_corners"]),
    "retention of 10^400 days": ("[blackboard]", f"retention_days = 1{'0' * 400}\n[blackboard]",
                                 ["retention_days"]),
    "a year of no lesson": ("2026-03-02", "9999-12-31", ["date", "2026-11-20"]),
    "400 digits": ("width_m = 4.0", f"width_m = {'9' * 400}", ["width_m", "far too large"]),
    "5000 digits": ("width_m = 4.0", f"width_m = {'9' * 5000}", ["number is far too long"]),
    "5000 hexadecimal digits": ("width_m = 4.0", f"width_m = 0x{'f' * 5000}", ["width_m"]),
    "1e300": ("offset_s = 0.0", "offset_s = 1e300", ["offset_s", "far too large"]),
    "nan": ("offset_s = 0.0", "offset_s = nan", ["offset_s", "finite"]),
    "inf in a pair": ("[2.0, 4.0]", "[2.0, inf]", ["areas[0].x_m", "finite"]),
    "nan in a seat": ("[0.8, 3.2]", "[nan, 3.2]", ["seat_m", "finite"]),
    "nan in a click": (PICTURE, PICTURE + '\npicture = "a.jpg"\npicture_corners_px = '
                       "[[nan, 0], [1, 0], [1, 1], [0, 1]]", ["picture_corners_px", "finite"]),
    "three corners": (PICTURE, PICTURE + "\npicture_corners_px = [[0, 0], [1, 0], [1, 1]]",
                      ["picture_corners_px", "4 items"]),
    "a decimal comma": ("width_m = 4.0", "width_m = 3,5", ["not valid TOML", "with a point: 3.5"]),
    "decimal commas in a pair": ("[0.8, 3.2]", "[0,8, 3,2]", ["seat_m", "with a point"]),
    **{
        f"lengths {given}": ('video = "left.mp4"', f'video = "left.mp4"\ncorners_m = [{given}]',
                             [f"{where} {says}"])
        for given, where, says in (
            ("4,23, 0,26, 4,39, 1,19", "found 8; found [4, 23, 0, 26, 4, 39, 1, 19].",
             "Write decimals with a point"),
            ("4,23, 1,26", "were decimals written with commas?; found [4, 23, 1, 26].",
             "Write decimals with a point"),
            ("4,05, 1,26", "(at line 21, column 17).", "Write decimals with a point"),
            ("26, 423, 119, 439", "looks like cm; found [26, 423, 119, 439].", "Use metres"),
        )
    },
    "thousands and a comma": ("left_m = 2.10", "left_m = 2.100,5", ["with a point: 3.5"]),
    "nothing before the point": ("square_m = 0.025", "square_m = .025", ["a zero before"]),
    "a square of 5": ("square_m = 0.025", "square_m = 5.0", ["Use metres"]),
    "a comma in quotes": ("width_m = 4.0", 'width_m = "3,5"', ["without quotation marks: 3.5"]),
    "a unit": ("width_m = 4.0", "width_m = 4.0 m", ["not valid TOML", "without its unit"]),
    # dates and words
    "a space that cannot be seen": ("width_m = 4.0", "width_m =\u00a04.0", ["odd space"]),
    "no width between": ("width_m = 4.0", "width_m\u200b = 4.0", ["odd space"]),
    "a typographic minus": ("[0.8, 3.2]", "[\u22120.8, 3.2]", ["plain hyphen"]),
    "a German date": ("2026-03-02", "20.11.2026", ["not valid TOML", "2026-11-20"]),
    "a day of another century": ("2026-03-02", "2206-03-02", ["found 2206-03-02."]),
    "a month of one digit": ("2026-03-02", "2026-3-2", ["not valid TOML", "2026-11-20"]),
    "a 30 February": ("2026-03-02", "2026-02-30", ["not valid TOML", "2026-11-20"]),
    "seconds since 1970": ("2026-03-02", "1772409600", ["`date`", "no number", "2026-11-20"]),
    "a date without hyphens": ("2026-03-02", '"20260302"', ["`date`", "no number"]),
    "a date in quotes": ("2026-03-02", '"20.11.2026"', ["date", "2026-11-20"]),
    "text without quotes": ('"flat"', "flat", ["not valid TOML", "quotation marks"]),
    "curly quotes": ('"flat"', "“flat”", ["not valid TOML", "straight quotation marks"]),
    "no value": ("width_m = 4.0", "width_m =", ["not valid TOML", "no value"]),
    "an empty title": ('"7b, fractions"', '" "', ["title", "some text"]),
    "an empty id": ('id = "A1"', 'id = ""', ["students[0].id"]),
    "an empty picture": (PICTURE, PICTURE + '\npicture = ""', ["blackboard.picture", "some text"]),
    "a bell": ('"7b, fractions"', r'"7b\u0007"', ["title", "control characters"]),
    "a zero in a path": ('"left.mp4"', r'"left\u0000.mp4"', ["video", "control characters"]),
    "a turn of direction": (AREA, r'name = "a\u202Eb"', ["areas[0].name", "control characters"]),
    "a formula as title": ('"7b, fractions"', "'=HYPERLINK(\"x\")'", ["title", "formula"]),
    "a wide formula as title": ('"7b, fractions"', "'＝1+1'", ["title", "formula"]),
    "a formula as area": (AREA, "name = '@SUM(A1)'", ["areas[0].name", "formula"]),
    "a formula as id": ('id = "A1"', "id = '=HYPERLINK(1)'", ["students[0].id"]),
    "an id of a device": ('id = "A1"', 'id = "con"', ["students[0].id", "on every system"]),
    "an id that ends in a dot": ('id = "A1"', 'id = "A."', ["students[0].id", "on every system"]),
    # keys
    "a key without its unit": ("width_m = 4.0", "width = 4.0",
                               ["`blackboard.width`", "Did you mean `width_m`?"]),
    "a misspelt key": ("out_m = 0.80", "oot_m = 0.80", ["`auxiliary.oot_m`", "mean `out_m`?"]),
    "a key of another table": ("[board]", "[board]\nheight_m = 1", ["belongs into [blackboard]"]),
    "a key of nothing": ("[board]", "[board]\nquux = 1", ["`board.quux`", "docs/session.md"]),
    "a misspelt student": ("seat_m =", "seat =", ["`students[0].seat`", "mean `seat_m`?"]),
    "a key twice": ("width_m = 4.0", "width_m = 4.0\nwidth_m = 3.0", ["there twice"]),
    "a table twice": ("[auxiliary]", "[blackboard]\n[auxiliary]", ["there twice"]),
    "nested deeply": ("[board]", f"x = {'[' * 9000}{']' * 9000}\n[board]", ["nested"]),
    "nested in tables": ("[board]", f"{'x.' * 900}x = 1\n[board]", ["unknown key"]),
    "a camera's clicks of nobody": ("out_m = 0.80", "out_m = 0.8\ncorners = {links = [[1, 2]]}",
                                    ["auxiliary.corners"]),
    # areas
    **{
        f"an area called {name}": (AREA, f'name = "{name}"', ["areas[0].name", "state"])
        for name in ("away", "Down", "BOARD", "off board", "off_board", "Off-Board", "Tafel",
                     "rest_of_board", "abgewandt", "turned away", " board ", "аway", "b0ard")
    },
    "an area beside the board": ("[2.0, 4.0]", "[4.5, 6.0]", ["outside the blackboard", "RIGHT"]),
    "an area below the board": ("y_m = [0.0, 1.2]", "y_m = [1.2, 2.0]", ["outside the blackboard"]),
    "two areas but for capitals": ("[board]", '[[blackboard.areas]]\nname = "Left Panel"\n'
                                   "x_m = [0, 1]\ny_m = [0, 1]\n[board]", ["same name"]),
    # students and seats
    "ids that differ in capitals": (STUDENT, STUDENT + '[[students]]\nid = "a1"\n', ["same id"]),
    "ids written in two forms": (STUDENT, STUDENT + '[[students]]\nid = "Zoe\u0301"\n'
                                 '[[students]]\nid = "Zo\u00e9"\n', ["students"]),
    **{
        f"an id that is the file {name}": ('id = "A1"', f'id = "{name}"', [
            f"{name!r} is called like a file or folder of the lesson", "another pseudonym"])
        for name in ("left.mp4", "Right.MP4", "ｌeft.mp4")
    },
    "an id that is a folder of videos": ('video = "left.mp4"', 'video = "a1/left.mp4"', [
        "'A1' is called like a file or folder of the lesson ('a1')"]),
    "a seat behind the board": ("[0.8, 3.2]", "[0.8, -3.2]", ["'A1'", "outside the room"]),
    "a seat 50 m away": ("[0.8, 3.2]", "[0.8, 50]", ["'A1'", "outside the room", "metres"]),
    "a seat in centimetres": ("[0.8, 3.2]", "[80, 320]", ["'A1'", "outside the room", "metres"]),
    # files
    **{
        f"a picture at {path}": (PICTURE, f"{PICTURE}\npicture = '{path}'",
                                 ["blackboard.picture", "in the lesson's folder"])
        for path in ("../../secret.jpg", "/etc/passwd", "a/../../b.jpg", r"C:\x.jpg", r"..\b.jpg",
                     "~/b.jpg", r"\\share\b.jpg")
    },
    "an auxiliary picture elsewhere": ("out_m = 0.80", "out_m = 0.80\nleft_picture = '/tmp/a.jpg'",
                                       ["auxiliary.left_picture", "in the lesson's folder"]),
    "a room's picture elsewhere": (
        "out_m = 0.80", "out_m = 0.8\n[auxiliary.room_picture]\nfile = '../r.jpg'\n"
        "blackboard_corners = [[0, 0], [9, 0], [9, 9], [0, 9]]",
        ["auxiliary.room_picture.file", "in the lesson's folder"]),
    "a video elsewhere": (
        '"left.mp4"', '"../left.mp4"', ["`cameras.left.video` is", "lesson's folder"]
    ),
    "a chapter elsewhere": (
        '"left.mp4"', '["left.mp4", "../b.mp4"]', ["`cameras.left.video[1]` is", "lesson's folder"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", BAD)
def test_each_way_is_one_sentence_with_its_cause(tmp_path: Path, way: str) -> None:
    old, new, says = BAD[way]
    assert old in GOOD
    (tmp_path / "session.toml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"session\.toml") as caught:
        load_config(tmp_path)
    sentence = str(caught.value)
    assert all(part in sentence for part in says), sentence
    assert "\n" not in sentence and len(sentence) < 600


def test_the_table_would_notice() -> None:
    """Negative control: what the table spoils is good before."""
    assert len(BAD) > 60


def test_a_mark_before_the_text_is_read_over(tmp_path: Path) -> None:
    for ends in ("\r\n", "\r"):
        text = b"\xef\xbb\xbf" + GOOD.replace("\n", ends).encode()
        (tmp_path / "session.toml").write_bytes(text)
        assert load_config(tmp_path).title == "7b, fractions"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (GOOD.encode("utf-16"), "not UTF-8"),
        (GOOD.replace("7b", "7ä").encode("latin-1"), "Save it as UTF-8"),
        (b"# " + b"x" * 10_000_000, "10.0 MB"),
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (b"# title = 'a lesson'\n", "the file holds comments alone"),
        (bytes(3000), "it holds zeros"),
        (GOOD.encode() + bytes(512), "it holds zeros"),
        (b"{\\rtf1\\ansi " + GOOD.encode(), "Save it as plain text"),
        (b"<html><body>" + GOOD.encode(), "Save it as plain text"),
    ],
)
def test_what_is_no_text_of_ours(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "session.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_config(tmp_path)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "session.toml").mkdir()
    with pytest.raises(ConfigError, match="this is a folder, not a file"):
        load_config(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "session.toml").write_text(GOOD)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SessionError, match="cannot be read; found Permission denied"):
        load_config(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_picture_behind_a_link_out_of_the_lesson(tmp_path: Path) -> None:
    lesson = tmp_path / "lesson"
    (lesson / "pictures").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    text = GOOD.replace(PICTURE, f'{PICTURE}\npicture = "pictures/board.jpg"')
    (lesson / "session.toml").write_text(text)
    (lesson / "pictures" / "real.jpg").write_bytes(b"x")
    (lesson / "pictures" / "board.jpg").symlink_to("real.jpg")
    load_config(lesson)  # a link within it is one
    (lesson / "pictures" / "board.jpg").unlink()
    (lesson / "pictures" / "board.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(ConfigError, match="outside the lesson's folder"):
        load_config(lesson)


def test_no_word_of_a_report_can_name_an_area() -> None:
    """In each language: its words for the states that are no area."""
    default_areas = {"state_left_third", "state_middle_third", "state_right_third"}
    for words in LANGUAGES.values():
        states = {
            k: w for k, w in words.items() if k.startswith("state_") and k not in default_areas
        }
        assert len(states) == 5
        assert {w.casefold() for w in states.values()} <= STATES


# -- any mutation at all ---------------------------------------------------------------------------

LINES = GOOD.splitlines()
VALUES = st.sampled_from(
    ["nan", "-inf", "''", "'x'", "[]", "[[]]", "{}", "true", "-1", "1e308", "9" * 400, "2026-03-02",
     "0x" + "f" * 4000, "3,5", '"""\n"""', "[1, 2]", "[1, '2']", "{a = 1}", "1979-05-27T07:32:00Z"]
)  # fmt: skip
EDITS = st.one_of(
    st.tuples(st.just("drop"), st.integers(0, len(LINES) - 1), st.just("")),
    st.tuples(st.just("double"), st.integers(0, len(LINES) - 1), st.just("")),
    st.tuples(st.just("value"), st.integers(0, len(LINES) - 1), VALUES),
    st.tuples(st.just("insert"), st.integers(0, len(LINES) - 1), st.text(max_size=12)),
    st.tuples(st.just("key"), st.integers(0, len(LINES) - 1), st.text(max_size=6)),
)


def mutated(edits: list[tuple[str, int, str]]) -> str:
    lines = list(LINES)
    for kind, at, text in edits:
        at = min(at, len(lines) - 1)
        if kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "value" and "=" in lines[at]:
            lines[at] = lines[at].split("=")[0] + "= " + text
        elif kind == "insert":
            lines[at] = lines[at][: len(lines[at]) // 2] + text + lines[at][len(lines[at]) // 2 :]
        elif kind == "key" and "=" in lines[at]:
            lines[at] = text + "=" + lines[at].split("=", 1)[1]
    return "\n".join(lines)


@given(st.lists(EDITS, min_size=1, max_size=4))
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
def test_any_mutation_is_a_configuration_or_one_sentence(tmp_path: Path, edits) -> None:
    (tmp_path / "session.toml").write_bytes(mutated(edits).encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(Session.open(tmp_path).config, SessionConfig)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 700


@given(st.binary(max_size=200))
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "session.toml").write_bytes(data)
    with pytest.raises(UserError):
        load_config(tmp_path)


def test_the_plain_values_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert raw_config(tmp_path)["title"] == "7b, fractions"
    (tmp_path / "session.toml").write_text("title = = 1")
    with pytest.raises(ConfigError, match="not valid TOML"):
        raw_config(tmp_path)


def test_a_salt_after_a_mark_is_found(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_bytes(b"\xef\xbb\xbfsalt = 'pepper'\n" + GOOD.encode())
    assert lesson_salt(tmp_path) == "pepper" and not (tmp_path / "salt.txt").exists()
