"""Docstrings say `name : what it is` under a ruled heading; as Markdown a list. For mkdocs."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Words(griffe.Extension):
    """Makes Markdown of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            text = re.sub(r"^(\w+)\n-{3,}$", r"\n**\1**\n", obj.docstring.value, flags=re.M)
            obj.docstring.value = re.sub(r"^([\w*][\w*, ]*) : ", r"- `\1`: ", text, flags=re.M)
