"""Whatever a student is called, in whatever spelling: it goes, and nobody else does."""

from __future__ import annotations

import json
import tempfile
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from gaze.privacy.forget import forget
from sessions.config import SessionConfig
from sessions.names import composed
from tests.gaze.lessons import gaze_table, write_lesson

ANY = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12)
WRITTEN = st.from_regex(r"[\w][\w .\-]{0,10}[\w]", fullmatch=True)  # as session.toml may have it
FORM = st.sampled_from(["NFC", "NFD", "as it is"])


def spelt(name: str, form: Any) -> str:
    return name if form == "as it is" else unicodedata.normalize(form, name)


@settings(
    max_examples=30, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a lesson each: shrinking would take minutes
)  # fmt: skip
@given(name=ANY | WRITTEN, written=FORM, asked=FORM)
@example("Zoë", "NFD", "NFC")
@example("Łukasz", "NFC", "NFD")
@example("Ольга Й.", "NFC", "NFD")
@example("👩‍🏫", "NFC", "NFC")
@example('say "hi"', "NFC", "NFC")
@example("back\\slash\\u00eb", "NFC", "NFC")
@example("back\\", "NFC", "NFC")  # JSON's and TOML's quoted forms of the others start with it
@example('back\\"', "NFC", "NFC")
@example('a"', "NFC", "NFC")  # and CSV's
@example("a\\\\", "NFC", "NFC")
@example("&", "NFC", "NFC")
@example("'", "NFC", "NFC")
@example('"0', "NFC", "NFC")
@example("x&amp", "NFC", "NFC")
@example("&euml;<b>", "NFC", "NFC")
@example("a,b;c\td", "NFC", "NFC")
@example("=1+1", "NFC", "NFC")
@example("S-0", "NFC", "NFC")
@example("../up", "NFC", "NFC")
@example("null", "NFC", "NFC")
@example("[bold]", "NFC", "NFC")
def test_any_name_goes_and_nobody_else(name: str, written: str, asked: str) -> None:
    if not name.strip():
        return
    own = spelt(name, written)
    others = [n for n in ("S-01", own + "x", "x" + own, own + " b") if composed(n) != composed(own)]
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there) / "lesson"
        run = make(folder, own, others)
        said = forget(folder, spelt(name, asked))
        for table in ("gaze", "students"):
            left = pq.read_table(run / f"{table}.parquet")["student"].to_pylist()
            assert set(map(str, left)) == set(others)
        quality = json.loads((run / "quality.json").read_text(encoding="utf-8"))
        assert {s["student"] for s in quality["seats"]} == set(others)
        assert set(quality["identity"]["pair_cost"]) == set(others)
        targets = pd.read_csv(folder / "targets.csv", dtype=str, keep_default_na=False)
        assert set(targets["student"]) == {*others, ""}
        config = tomllib.loads((folder / "session.toml").read_text(encoding="utf-8"))
        SessionConfig.model_validate(config)
        ids = {s["id"] for s in config.get("students", ())}
        assert not any(composed(i) == composed(own) for i in ids)
        if said.proven and not said.lost:
            assert spelt(own, "NFC") not in words(run / "quality.json")


def words(path: Path) -> set[str]:
    """Every key and text in a JSON file, in NFC; an independent reader."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.add(composed(key))
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str):
            found.add(composed(value))

    walk({k: v for k, v in json.loads(path.read_text(encoding="utf-8")).items()
          if k in ("seats", "warnings")})  # fmt: skip
    return found - {"student", "row", "coverage", "rows"}


def make(folder: Path, own: str, others: list[str]) -> Path:
    """A lesson of tables, with the name wherever one can stand."""
    t = np.arange(20) * 0.5
    names = [others[0], own, *others[1:]]
    gaze = pd.concat([
        gaze_table(t, np.full(20, n), np.full(20, "ok"), np.tile([2.0, 0.5], (20, 1)), 0.2,
                   np.tile([0.5 * i, 0.2, 3.0], (20, 1))) for i, n in enumerate(names)
    ])  # fmt: skip
    quality = {"seats": [{"student": n} for n in names],
               "identity": {"pair_cost": dict.fromkeys(names, 1.0)},
               "warnings": [f"{own} was seen by one camera"]}  # fmt: skip
    run = write_lesson(folder, gaze, quality=quality)
    targets = pd.DataFrame({"start_s": 0, "end_s": 5, "student": [*names, ""], "target": "T1",
                            "x_m": 1.0, "y_m": 0.5})  # fmt: skip
    targets.to_csv(folder / "targets.csv", index=False)
    toml = folder / "session.toml"
    comment = f"\n# {own} sits here\n" if own.isprintable() else "\n"
    seats = "".join(
        f"[[students]]\nid = {json.dumps(n, ensure_ascii=False)}\nseat_m = [{0.5 * i}, 3.0]\n"
        for i, n in enumerate(names)
        if valid(n)
    )
    toml.write_text(toml.read_text() + comment + seats, encoding="utf-8")
    return run


def valid(name: str) -> bool:
    """Whether session.toml may have this name."""
    from pydantic import ValidationError

    from sessions.config import Student

    try:
        Student(id=name)
    except ValidationError:
        return False
    return True
