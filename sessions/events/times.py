"""Times as people and programs write them."""

from __future__ import annotations

import math
import re

CLOCK = re.compile(r"^(?:(\d+):)?(\d+):([0-5]?\d(?:[.,]\d+)?)$")


def seconds(text: str) -> float | None:
    """``12.5``, ``12,5``, ``5:30`` (min:s) or ``00:12:30.250`` as seconds; None: neither."""
    text = text.strip()
    clock = CLOCK.match(text)
    if clock:
        h, m, s = clock.groups()
        if h is not None and int(m) > 59:
            return None
        return 3600 * int(h or 0) + 60 * int(m) + float(s.replace(",", "."))
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
