"""What a check finds; apart from the checks, which cost the app's page process 200 MB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "ok"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    severity : ``error`` (the work cannot be done or its result would be wrong), ``warning`` (it
        will be worse than it could be), ``ok``. what : a sentence. where : the file or key, as in
        the session folder. action : what to do, "" where nothing is.
    """

    severity: Severity
    what: str
    where: str = ""
    action: str = ""
