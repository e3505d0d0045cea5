"""A name is found however it is written, and nothing else is taken for it."""

from __future__ import annotations

import html
import json
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gaze.privacy.names import Finder
from sessions.names import composed

NAMES = st.from_regex(r"\w[\w .\-]{0,12}\w", fullmatch=True)


@given(NAMES, st.sampled_from(["NFC", "NFD"]), st.sampled_from(["NFC", "NFD"]))
def test_every_spelling_is_found_and_cut(name: str, written: str, asked: str) -> None:
    own = unicodedata.normalize(written, name)
    finder = Finder.of(unicodedata.normalize(asked, name), [name])
    assert finder.is_it(own)
    for text in (
        f"seen: {own}.",
        json.dumps({"student": own}),
        json.dumps({own: 1}, ensure_ascii=False),
        f"<td>{html.escape(own)}</td>".encode("ascii", "xmlcharrefreplace").decode(),
    ):
        assert finder.within(text), text
    assert not finder.within(finder.cut(f"seen: {own}."))


@given(NAMES, NAMES)
def test_another_name_is_not_it(one: str, other: str) -> None:
    assume(composed(one) != composed(other))
    finder = Finder.of(one, [one, other])
    assert not finder.is_it(other)
    if composed(one) in composed(other):
        assert not finder.within(f'"{other}"')


@pytest.mark.parametrize("other", ["S-070", "XS-07", "Zoe\u0308", "sub-S070"])
def test_longer_words_are_others(other: str) -> None:
    assert not Finder.of("S-07", []).within(other) and not Finder.of("Zoe", []).within(other)


@pytest.mark.parametrize(
    ("own", "other", "text"),
    [
        ("u00eb", "Zoë", r'"Zo\u00eb"'),  # JSON's escape of another
        ("b", 'ä"b', r'"ä\"b"'),  # its quoted form, with letters as they are
        ("b", 'ä"b', r'"\u00e4\"b"'),
        ("ä\\", 'ä"b', r'"ä\"b"'),  # that begins with the name
        ("b", 'a"b', 'x,"a""b",y'),  # CSV's
        ("amp", "a & b", "<td>a &amp; b</td>"),  # HTML's
        ("quot", 'a"b', "<td title='a&quot;b'>"),
    ],
)
def test_what_only_another_s_quoted_form_holds_is_not_it(own: str, other: str, text: str) -> None:
    assert not Finder.of(own, [own, other]).within(text)
    assert Finder.of(own, [own]).pattern.search(text)  # or it would say nothing


def test_bids_form_of_a_name_is_found() -> None:
    finder = Finder.of("S-07 ä", [])
    assert finder.within("sub-S07_task-lesson") and not finder.within("sub-S070_task")
    assert not Finder.of("ä", []).within("sub-_task")  # no letter of BIDS' own is left


def test_a_name_is_cut_wherever_it_stands_and_others_stay() -> None:
    finder = Finder.of("A", ["A", "A b", "Zoë"])
    assert finder.cut("A, A b and A: A") == "(removed), A b and (removed): (removed)"
    assert finder.cut("A", "…") == "…" and finder.cut("Zoë B") == "Zoë B"


def test_another_s_name_is_known_in_each_of_json_s_spellings() -> None:
    """Of older tables: session.toml takes no such signs."""
    finder = Finder.of("b\\", ["b\\", "b\\ë"])
    for text in (json.dumps("b\\ë"), json.dumps("b\\ë", ensure_ascii=False)):
        assert not finder.within(text)
    assert finder.within(json.dumps("b\\"))
