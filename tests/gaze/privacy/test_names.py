"""A name is found however it is written, and nothing else is taken for it."""

from __future__ import annotations

import html
import json
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gaze.privacy.names import Finder, same_name

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
    assume(same_name(one) != same_name(other))
    finder = Finder.of(one, [one, other])
    assert not finder.is_it(other)
    if same_name(one) in same_name(other):
        assert not finder.within(f'"{other}"')


@pytest.mark.parametrize("other", ["S-070", "XS-07", "Zoe\u0308", "sub-S070"])
def test_longer_words_are_others(other: str) -> None:
    assert not Finder.of("S-07", []).within(other) and not Finder.of("Zoe", []).within(other)
