"""Students' names in text: found and cut out as whole words. What may be said is decided here."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sessions.names import composed


@dataclass(frozen=True)
class Finder:
    """Finds one student's name in text, as a word of its own.

    S-07 is neither in S-070 nor in XS-07 nor, where there is such a student, in ``S-07 b``; BIDS'
    form of it (``sub-S07``) counts, and so does the name as JSON or HTML write it (``Zo\\u00eb``,
    ``Zo&euml;``) and in Unicode's other forms.
    """

    student: str
    longer: tuple[str, ...] = ()

    def is_it(self, name: object) -> bool:
        """Whether a whole name is the student's."""
        return isinstance(name, str) and composed(name) == composed(self.student)

    @classmethod
    def of(cls, student: str, everybody: Iterable[str]) -> Finder:
        own = composed(student)
        others = {composed(o) for o in everybody} - {own}
        forms = {f for o in others for f in _written(o)} - set(_forms(own))
        longer = (f for f in forms if any(o in f for o in _forms(own)))
        return cls(student, tuple(sorted(longer, key=len, reverse=True)))

    @property
    def pattern(self) -> re.Pattern[str]:
        # not \w: in bytes read as Latin-1 every other byte would be a letter
        label = re.sub(r"[^A-Za-z0-9]", "", self.student)
        bids = rf"|(?<![A-Za-z0-9])sub-{label}(?![A-Za-z0-9])" if label else ""
        forms = "|".join(map(re.escape, _forms(self.student)))
        word = rf"(?<![A-Za-z0-9\-])(?:{forms})(?![A-Za-z0-9\-\u0300-\u036f])"  # no accent follows
        return re.compile(word + bids)

    def without_others(self, text: str) -> str:
        for other in self.longer:
            text = text.replace(other, "\0" * len(other))
        return text

    def within(self, text: str) -> bool:
        letters = (*_forms(self.student), "sub-")  # a pattern is slow in a large file
        return any(
            any(some in read for some in letters)
            and self.pattern.search(self.without_others(read)) is not None
            for read in _readings(text)
        )

    def cut(self, text: str, instead: str = "(removed)") -> str:
        """The text with the name replaced."""
        found = [m.span() for m in self.pattern.finditer(self.without_others(text))]
        for start, end in reversed(found):
            text = text[:start] + instead + text[end:]
        return text


def _forms(name: str) -> list[str]:
    """A name as it is, and in Unicode's composed and decomposed forms."""
    return sorted({name, *(unicodedata.normalize(f, name) for f in ("NFC", "NFD"))})


def _written(name: str) -> set[str]:
    """A name in every way in which a file of ours may write it: quoted as JSON, TOML, CSV and HTML
    quote it. Else ``a\\`` is found in JSON's ``"a\\\\b"``, which is somebody else."""
    quoted = set()
    for form in _forms(name):
        quoted |= {json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}
        quoted |= {form, form.replace('"', '""'), html.escape(form), html.escape(form, quote=False)}
    return quoted


def _readings(text: str) -> Iterable[str]:
    """A text as it stands, and, where that differs, without JSON's and HTML's escapes, in NFC."""
    yield text
    plain = html.unescape(text) if "&" in text else text
    if "\\u" in plain:
        plain = re.sub(r"(?:\\u[0-9a-fA-F]{4})+", lambda m: json.loads(f'"{m[0]}"'), plain)
    plain = composed(plain)
    if plain != text:
        yield plain
