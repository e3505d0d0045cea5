"""Mutation run: small faults put into the core, one at a time; do the module's own tests notice?

    python tests/benchmarks/mutants.py --known        # faults that once went unnoticed
    python tests/benchmarks/mutants.py gaze/room/fusion.py --most 20 --seed 1

Works on a copy in the temporary folder; the working tree is not touched. A mutant is one change of
one node of the syntax tree: + and − exchanged, × and ÷, < and >, maximum and minimum, `and` and
`or`, a minus or `not` left out, a number doubled (0 becomes 1). Some say the same as the original
(a tolerance doubled): survivors are to be read, not only counted. docs/reliability.md has the last
results.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("calibration", "gaze", "headpose", "sessions", "tests", "pyproject.toml")
TIMEOUT_S = 600
SOLVE = [
    "tests/calibration/solve/test_bundle.py",
    "tests/calibration/test_calibrate.py",
    "--deselect=tests/calibration/test_calibrate.py::test_nonsense_corners_end_in_a_sentence_or_a_verdict",
]
FORGET = ["tests/gaze/privacy/test_forget.py", "tests/gaze/privacy/test_as_if_never_there.py"]
TESTS = {
    "gaze/room/geometry.py": ["tests/gaze/room/test_geometry.py"],
    "gaze/room/fusion.py": ["tests/gaze/room/test_fusion.py"],
    "gaze/room/position.py": ["tests/gaze/room/test_position.py"],
    "gaze/people/costs.py": ["tests/gaze/people/test_identify.py"],
    "gaze/people/evidence.py": ["tests/gaze/people/test_identify.py"],
    "gaze/people/identify.py": ["tests/gaze/people/test_identify.py"],
    "gaze/people/matching.py": ["tests/gaze/people/test_identify.py"],
    "gaze/people/tracks.py": ["tests/gaze/people/test_tracks.py"],
    "gaze/gain/axis_fit.py": ["tests/gaze/gain/test_fit.py"],
    "gaze/gain/fit.py": ["tests/gaze/gain/test_fit.py"],
    "gaze/gain/model.py": ["tests/gaze/gain/test_fit.py"],
    "gaze/privacy/names.py": ["tests/gaze/privacy/test_names.py", *FORGET],
    "gaze/privacy/search.py": FORGET,
    "gaze/privacy/forget.py": FORGET,
    "gaze/privacy/rewrite.py": FORGET,
    "calibration/solve/bundle.py": SOLVE,
    "calibration/solve/pair.py": SOLVE,
    "calibration/solve/uncertainty.py": SOLVE,
    "gaze/lesson/resume.py": ["tests/gaze/lesson/test_resume.py"],
    "sessions/config_values.py": ["tests/sessions/test_bad_config.py"],
}

# Faults that all tests once let live: file, what stood there, what was put there.
KNOWN = (
    ("gaze/room/geometry.py", "cov = cov + np.asarray(rig_covariance_m2)", "cov = cov + 0"),
    ("gaze/room/geometry.py", "np.arctan2(R[..., 0, 1]", "np.arctan2(-R[..., 0, 1]"),
    ("gaze/room/position.py", "np.maximum(*off)", "np.minimum(*off)"),
    ("gaze/room/fusion.py", "S2 = turn @ covariance_rad2[both, 1] @ np.swapaxes(turn, -1, -2)",
     "S2 = covariance_rad2[both, 1]"),
    ("gaze/room/fusion.py", "covariance[both] = back @ fused @ np.swapaxes(back, -1, -2)",
     "covariance[both] = fused"),
    ("gaze/room/fusion.py", "COMMON = (0.65, 0.0, 0.0)", "COMMON = (0.0, 0.0, 0.0)"),
    ("gaze/room/fusion.py", "CONTRADICTION_DEG = 25.0", "CONTRADICTION_DEG = 5.0"),
    ("gaze/people/costs.py", "cost[pairs.in_room < 0.5] = np.inf\n    return cost\n\n\n@register",
     "return cost\n\n\n@register"),
    ("gaze/people/evidence.py", "np.hypot(sigma, settings.epipolar_floor_deg)",
     "np.hypot(0 * sigma, settings.epipolar_floor_deg)"),
    ("gaze/people/matching.py", "for _ in range(3):  # polish", "for _ in range(0):  # polish"),
    ("gaze/people/evidence.py", "least_share: float = 0.3", "least_share: float = 0.02"),
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A file with one fault. what : the change, with its line."""

    file: str
    what: str
    source: str


def known() -> Iterator[Mutant]:
    """The faults of KNOWN."""
    for file, old, new in KNOWN:
        source = (ROOT / file).read_text(encoding="utf-8")
        if source.count(old) < 1:
            raise SystemExit(f"{file} no longer holds {old!r}: correct KNOWN")
        line = source[: source.index(old)].count("\n") + 1
        change = f"{line}: {old.splitlines()[0]} -> {new.splitlines()[0]}"
        yield Mutant(file, change, source.replace(old, new, 1))


SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE,
    ast.And: ast.Or, ast.Or: ast.And, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
NAMES = {"maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max",
         "any": "all", "all": "any", "cos": "sin", "sin": "cos"}  # fmt: skip


def mutants(file: str) -> Iterator[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for k, node in enumerate(ast.walk(tree)):
        if not _changed(copy.copy(node)):
            continue
        again = copy.deepcopy(tree)
        twin = next(n for i, n in enumerate(ast.walk(again)) if i == k)
        before = ast.unparse(twin)
        _changed(twin)
        line = getattr(node, "lineno", 0)
        yield Mutant(file, f"{line}: {before} -> {ast.unparse(twin)}", ast.unparse(again))


def _changed(node: ast.AST) -> bool:
    """Put the fault into a node; whether there is one for it."""
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops = [SWAPS[type(node.ops[0])](), *node.ops[1:]]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node.op = ast.UAdd()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        node.attr = NAMES[node.attr]
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        node.value = 2 * node.value or 1
    else:
        return False
    return True


def survives(mutant: Mutant, place: Path) -> bool:
    """Whether the module's tests still pass."""
    path = place / mutant.file
    path.write_text(mutant.source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *TESTS[mutant.file]],
            cwd=place,
            env=environment,
            capture_output=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        shutil.copyfile(ROOT / mutant.file, path)
    return done.returncode == 0


def main() -> None:
    """Run mutants, tell each, and say how many were noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", choices=[[], *TESTS], help="files of the core")
    parser.add_argument("--known", action="store_true", help="the faults that once lived")
    parser.add_argument("--most", type=int, default=10_000, help="at most so many, at random")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chosen = list(known()) if given.known else [m for f in given.files for m in mutants(f)]
    random.Random(given.seed).shuffle(chosen)
    chosen = chosen[: given.most]
    living = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        skip = shutil.ignore_patterns("__pycache__", "*.pt", "data")
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place / name, ignore=skip)
            else:
                shutil.copyfile(ROOT / name, place / name)
        for mutant in chosen:
            lives = survives(mutant, place)
            living += lives
            print("SURVIVES" if lives else "killed  ", mutant.file, mutant.what, flush=True)
    print(f"{len(chosen) - living} of {len(chosen)} killed")


if __name__ == "__main__":
    main()
