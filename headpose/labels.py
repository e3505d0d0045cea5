"""Labels of angle classes (full text follows)."""

from __future__ import annotations

import numpy as np


def soft_label_maker(kind, classes):
    return lambda a: a
