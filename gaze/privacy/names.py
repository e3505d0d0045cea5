"""Students' names in text: found and cut out as whole words. What may be said is decided here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finder:
    """Finds one student's name in text, as a word of its own.

    S-07 is neither in S-070 nor in XS-07 nor, where there is such a student, in ``S-07 b``; BIDS'
    form of it (``sub-S07``) counts.
    """

    student: str
    longer: tuple[str, ...] = ()

    @classmethod
    def of(cls, student: str, everybody: Iterable[str]) -> Finder:
        longer = {o for o in everybody if student in o and o != student}
        return cls(student, tuple(sorted(longer, key=len, reverse=True)))

    @property
    def pattern(self) -> re.Pattern[str]:
        # not \w: in bytes read as Latin-1 every other byte would be a letter
        label = re.sub(r"[^A-Za-z0-9]", "", self.student)
        bids = rf"|(?<![A-Za-z0-9])sub-{label}(?![A-Za-z0-9])" if label else ""
        word = rf"(?<![A-Za-z0-9\-]){re.escape(self.student)}(?![A-Za-z0-9\-])"
        return re.compile(word + bids)

    def without_others(self, text: str) -> str:
        for other in self.longer:
            text = text.replace(other, "\0" * len(other))
        return text

    def within(self, text: str) -> bool:
        return self.pattern.search(self.without_others(text)) is not None

    def cut(self, text: str, instead: str = "(removed)") -> str:
        """The text with the name replaced."""
        found = [m.span() for m in self.pattern.finditer(self.without_others(text))]
        for start, end in reversed(found):
            text = text[:start] + instead + text[end:]
        return text
