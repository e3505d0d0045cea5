"""What is true of a command's work when it is interrupted, or the disk is full: one table for the
command line and the app."""

from __future__ import annotations

from typing import Literal

Kept = Literal["goes_on", "anew", "unproven"]

KEPT: dict[str, Kept] = {
    "analyze": "goes_on",
    "benchmark_run": "goes_on",
    "demo": "goes_on",
    "simulate": "goes_on",
    "validate": "goes_on",
    "forget": "unproven",
}


def kept(command: str) -> Kept:
    """Of a command by its name; those that are not in the table leave nothing half-written."""
    return KEPT.get(command, "anew")
