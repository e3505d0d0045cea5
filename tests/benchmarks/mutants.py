"""Mutation run: small faults put into the core, one at a time; do the module's quick tests notice?

    python tests/benchmarks/mutants.py --known        # faults that once went unnoticed
    python tests/benchmarks/mutants.py gaze/room/fusion.py --most 30 --seed 1

One process imports the libraries once; each mutant is a fork of it that imports our code anew, the
module with its fault, and runs the tests of TESTS up to the first that fails. Nothing is written to
the working tree. A mutant is one change of one node of the syntax tree: + and − exchanged, × and ÷,
< and >, `in` and `not in`, maximum and minimum, `and` and `or`, a minus or `not` left out, a
condition turned about, a call left out whose result nobody takes, a number doubled (0 becomes 1).
Some say the same as the original (a tolerance doubled): they are listed in SAME with the reason,
and counted apart. docs/history/reliability.md has the last results.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("calibration", "gaze", "headpose", "sessions", "tests")
SLOWER = 8  # a mutant that takes so many times the tests' own CPU seconds is noticed as well
LEAST_S, WALL_S = 20, 900
QUIET = ["-q", "-p", "no:cacheprovider", "--no-header", "--hypothesis-seed=0"]

_PAIRS = ["tests/gaze/people/test_pairs.py"]
_PIECES = [
    "tests/gaze/people/test_pieces.py",
    "tests/gaze/people/test_identify.py",
    "-k", "pairs or pieces or joined[0] or names or wrong or seldom or share_a_place",
]  # fmt: skip
_SOLVE = ["tests/calibration/solve/test_small_scene.py"]
_WHOLE = ["tests/calibration/solve/test_estimate.py", "-k"]
_FORGET = ["tests/gaze/privacy/test_small_lessons.py"]
TESTS = {
    "gaze/room/geometry.py": ["tests/gaze/room/test_geometry.py"],
    "gaze/room/fusion.py": ["tests/gaze/room/test_fusion.py"],
    "gaze/room/position.py": ["tests/gaze/room/test_position.py"],
    "gaze/people/costs.py": [
        *_PAIRS,
        "tests/gaze/people/test_identify.py",
        "-k",
        "pairs or unknown",
    ],
    "gaze/people/evidence.py": [*_PAIRS, *_PIECES],
    "gaze/people/identify.py": _PIECES,
    "gaze/people/matching.py": _PAIRS,
    "gaze/people/tracks.py": ["tests/gaze/people/test_tracks.py"],
    "gaze/gain/axis_fit.py": ["tests/gaze/gain/test_axis_fit.py"],
    "gaze/gain/fit.py": [
        "tests/gaze/gain/test_fit.py",
        "-k",
        "fewest or left_out_or or too_few or no_benefit or newest or same_seed or save"
        " or by_student or sentence",
    ],
    "gaze/gain/model.py": [
        "tests/gaze/gain/test_model.py",
        "tests/gaze/gain/test_fit.py",
        "-k",
        "test_model or save or says_so",
    ],
    "gaze/privacy/names.py": ["tests/gaze/privacy/test_names.py"],
    "gaze/privacy/markup.py": ["tests/gaze/privacy/test_search.py"],
    "gaze/privacy/search.py": ["tests/gaze/privacy/test_search.py"],
    "gaze/privacy/vocabulary.py": ["tests/gaze/privacy/test_search.py"],
    "gaze/privacy/owned.py": ["tests/gaze/privacy/test_owned.py"],
    "gaze/privacy/forget.py": [*_FORGET, "-k", "not given_up and not written_with"],
    "gaze/privacy/rewrite.py": [
        *_FORGET,
        "-k",
        "marked_points or marks_is_named or never_deleted or lines_that_name or work_leave"
        " or from_pixels or beside_the_chunks or copy_of_a_validation or cannot_be_read_stays"
        " or fitted_again or lies_behind_a_link or exports or to_the_digit or stops_it"
        " or key_of_session",
    ],
    "gaze/privacy/work.py": ["tests/gaze/privacy/test_work.py"],
    "gaze/privacy/run_tables.py": ["tests/gaze/privacy/test_run_tables.py"],
    "gaze/privacy/made_again.py": ["tests/gaze/privacy/test_made_again.py"],
    "gaze/privacy/other_files.py": ["tests/gaze/privacy/test_other_files.py"],
    "calibration/solve/bundle.py": _SOLVE,
    "calibration/solve/changes.py": [
        "tests/calibration/solve/test_changes.py",
        *_SOLVE,
        "-k",
        "test_changes or any_point or with_the_moment or a_hundred_more or s_own_may",
    ],
    "calibration/solve/choose.py": ["tests/calibration/solve/test_choose.py"],
    "calibration/solve/covariance.py": [*_SOLVE, "tests/calibration/solve/test_covariance.py"],
    "calibration/solve/estimate.py": [
        "tests/calibration/solve/test_one_camera.py",
        "tests/calibration/solve/test_stages.py",
    ],
    "calibration/solve/final.py": [
        "tests/calibration/solve/test_final.py",
        "tests/calibration/solve/test_bundle.py",
        "tests/calibration/room/test_world.py",
        "-k",
        "jacobian_says or noted or weighs or no_covariance or exact_rig or honest"
        " or planar_solutions or tape_and or without_a_room",
    ],
    "calibration/solve/holdout.py": _SOLVE,
    "calibration/solve/intrinsics.py": _SOLVE,
    "calibration/solve/pair.py": _SOLVE,
    "calibration/solve/problem.py": _SOLVE,
    "calibration/solve/uncertainty.py": [
        *_WHOLE,
        "seats or noise or jacobian or spread or the_pair or without_sigma",
    ],
    "calibration/solve/views.py": [
        "tests/calibration/solve/test_views.py",
        *_WHOLE,
        "test_views or reversed or exchanged or mirrored or moments or off or corners or no_lens"
        " or cannot",
    ],
}

# Faults that all tests once let live: file, what stood there, what was put there.
KNOWN = (
    ("gaze/room/geometry.py", "cov + np.asarray(rig_", "cov + 0 * np.asarray(rig_"),
    ("gaze/room/geometry.py", "np.arctan2(R[..., 0, 1]", "np.arctan2(-R[..., 0, 1]"),
    ("gaze/room/position.py", "off = np.maximum(", "off = np.minimum("),
    ("gaze/room/fusion.py", "S2 = turn @ covariance_rad2[both, 1] @ np.swapaxes(turn, -1, -2)",
     "S2 = covariance_rad2[both, 1]"),
    ("gaze/room/fusion.py", "covariance[both] = back @ fused @ np.swapaxes(back, -1, -2)",
     "covariance[both] = fused"),
    ("gaze/room/fusion.py", "COMMON = (0.65, 0.0, 0.0)", "COMMON = (0.0, 0.0, 0.0)"),
    ("gaze/room/fusion.py", "CONTRADICTION_DEG = 25.0", "CONTRADICTION_DEG = 5.0"),
    ("gaze/people/costs.py", "cost[pairs.in_room < 0.5] = np.inf\n    return cost\n\n\n@register",
     "return cost\n\n\n@register"),
    ("gaze/people/evidence.py", "np.hypot(np.hypot(sigma[0][i], sigma[1][j]), settings.",
     "np.hypot(0 * np.hypot(sigma[0][i], sigma[1][j]), settings."),
    ("gaze/people/matching.py", "for _ in range(3):  # polish", "for _ in range(0):  # polish"),
    ("gaze/people/evidence.py", "least_share: float = 0.3", "least_share: float = 0.02"),
)  # fmt: skip

# Mutants that say the same as the original: file, the line, the change; and why.
SAME = {
    ("gaze/room/fusion.py",
     "np.isfinite(R_WS).all((-1, -2)) & np.isfinite(covariance_rad2).all((-1, -2))", "-2 -> +2"):
        "of four axes the last but one is the second",
    ("gaze/room/position.py", "rows = np.flatnonzero(np.isfinite(P).all(1))",
     "np.isfinite(P).all -> np.isfinite(P).any"): "so is a place",
    ("gaze/room/position.py",
     "toward_prior = np.where(with_prior[rows, None], prior[rows] - p, 0.0)", "0.0 -> 1"):
        "weighed with an information of 0 where there is no prior",
    ("gaze/room/position.py",
     "weight = np.where(seen, 1 / np.where(seen, sigma_px, 1.0) ** 2, 0.0)[rows]", "0.0 -> 1"):
        "weighs slopes that are 0 where nothing is seen",
    ("gaze/gain/axis_fit.py", "sigma2, w = float(np.radians(4.0) ** 2), np.ones(L)", "4.0 -> 8.0"):
        "where the fit begins, not where it ends",
    ("gaze/gain/axis_fit.py", "if step > 30 and moved < 1e-7:", "30 -> 60"):
        "goes on after nothing moves by 1e-7",
    ("gaze/gain/axis_fit.py", "if step > 30 and moved < 1e-7:", "1e-07 -> 2e-07"):
        "ends 1e-7 earlier",
    ("gaze/people/evidence.py",
     "parts += [spread(np.unique(seen.moment[rows]), 20) for rows in seen.by_track().values()]",
     "20 -> 40"): "looks at more moments of each track than are needed",
    ("gaze/people/identify.py",
     "known_seats = seats[np.isfinite(seats).all(1)] if len(seats) else seats",
     "np.isfinite(seats).all -> np.isfinite(seats).any"):
        "session.toml has both numbers of a seat or none",
    ("gaze/people/identify.py", "if np.isfinite(seats[k]).all():",
     "np.isfinite(seats[k]).all -> np.isfinite(seats[k]).any"):
        "a place is known in all its numbers or in none",
    ("gaze/people/identify.py",
     "placed = [k for k in set(owner.values()) if np.isfinite(seats[k]).all()]",
     "np.isfinite(seats[k]).all -> np.isfinite(seats[k]).any"): "so it is",
    ("gaze/people/identify.py", "along = (to_point * d).sum(-1, keepdims=True)", "-1 -> +1"):
        "of two axes the last is the second",
    ("gaze/people/identify.py", "take = spread(np.arange(len(i)), 200)", "200 -> 400"):
        "looks at more moments than are needed",
    ("gaze/people/identify.py", "count = int(student.max(initial=-1)) + 1", "-1 -> +1"):
        "room for students who are not there",
    ("gaze/people/identify.py", "count = int(student.max(initial=-1)) + 1", "1 -> 2"):
        "so it is",
    ("gaze/people/identify.py",
     "return float(other.sum() / max(min(len(a), len(b)), 1))", "1 -> 2"):
        "one moment of one, or of two, is more than any limit",
    ("gaze/people/identify.py", "seats.append(np.full(3, np.nan))", "3 -> 6"):
        "six numbers that are not known say what three do",
    ("gaze/people/identify.py",
     "_, n = np.unique(seen.track[(seen.camera == c) & (seen.track >= 0)], return_counts=True)",
     "seen.camera == c -> seen.camera != c"): "the poorer of two, whichever is counted first",
    ("gaze/people/identify.py",
     "key = (seen.moment[order].astype(np.int64) * max(count, 1) + student[order]) * 2", "2 -> 4"):
        "a number of its own for each student, moment and camera, all the same",
    ("gaze/people/identify.py",
     "key = (seen.moment[order].astype(np.int64) * max(count, 1) + student[order]) * 2", "1 -> 2"):
        "so it is",
    ("gaze/people/identify.py",
     "key = (seen.moment[order].astype(np.int64) * max(count, 1) + student[order]) * 2",
     "seen.moment[order].astype(np.int64) * max(count, 1) + student[order] -> seen.moment[order].astype(np.int64) * max(count, 1) - student[order]"):  # noqa: E501
        "so it is",
    ("gaze/privacy/rewrite.py", "found = [move_of(0.0, cell) for cell in row]", "0.0 -> 1"):
        "the time of a move that is asked for its name alone",
    ("gaze/people/matching.py", "heights = np.arange(-0.6, 2.0, 0.08)", "2.0 -> 4.0"):
        "tries heights at which nobody sits as well",
    ("gaze/people/matching.py", "sizes = np.exp(np.arange(np.log(0.13), np.log(0.32), 0.07))",
     "0.32 -> 0.64"): "tries sizes that no face has as well",
    ("gaze/people/matching.py", "for _ in range(3):  # polish: the class's own medians", "3 -> 6"):
        "goes on where nothing changes any more",
    ("calibration/solve/bundle.py", "damping = max(damping / 10, 1e-12)", "10 -> 20"):
        "other steps to the same end",
    ("calibration/solve/bundle.py", "damping *= 10", "10 -> 20"): "other steps to the same end",
    ("calibration/solve/bundle.py", "if quiet >= 2 or cost < 1e-18:", "2 -> 4"):
        "two steps more in which nothing moves",
    ("calibration/solve/bundle.py", "for _ in range(12):", "12 -> 24"):
        "where twelve tries lower nothing, nothing does",
    ("calibration/solve/bundle.py",
     "t_view: Array = field(default_factory=lambda: np.zeros((0, 3)))", "3 -> 6"):
        "of no views, no numbers",
    ("calibration/solve/bundle.py",
     "scaled = (2 * xy - low - high) / np.maximum(high - low, 1e-12)", "1e-12 -> 2e-12"):
        "no board is a millionth of a micrometre wide",
    ("calibration/solve/changes.py",
     "L = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)", "1e-12 -> 2e-12"):
        "no column that anything depends on is so small",
    ("calibration/solve/changes.py", "size = np.maximum(np.sqrt(np.diag(N)), 1e-12)",
     "1e-12 -> 2e-12"): "so it is",
    ("calibration/solve/changes.py",
     "return float(self.n * np.log(max(rss, 1e-12) / self.n) + unknowns * np.log(self.n))",
     "1e-12 -> 2e-12"): "no corners fit to a millionth of a pixel",
    ("calibration/solve/changes.py",
     "x = np.linalg.lstsq(N / np.outer(size, size), b / size, rcond=1e-12)[0]",
     "1e-12 -> 2e-12"): "so it is",
    ("calibration/solve/choose.py",
     "robust_px=self.robust_px, max_iterations=80, tolerance=1e-7,",
     "1e-07 -> 2e-07"): "ends 1e-7 earlier",
    ("calibration/solve/choose.py",
     "for key in ((best[0], fewer[-1], best[2]), (fewer[-1], best[0], best[2])):", "0 -> 1"):
        "where the two lenses are of one kind",
    ("calibration/solve/estimate.py",
     "seen = np.isfinite(np.stack([c for c in corners if c is not None])).all(-1)",
     "np.isfinite(np.stack([c for c in corners if c is not None])).all -> np.isfinite(np.stack([c for c in corners if c is not None])).any"):  # noqa: E501
        "a corner is known in both coordinates or in neither",
    ("calibration/solve/estimate.py",
     "problem, solution.state, with_warp=with_warp, robust_px=robust_px, max_iterations=300",
     "300 -> 600"): "ends where nothing moves, before",
    ("calibration/solve/estimate.py", "max_iterations=300,", "300 -> 600"):
        "ends where nothing moves, before",
    ("calibration/solve/covariance.py",
     "shared.reshape(V, 4 * N, -1), np.tile(kind, 2 * V), 2 * int(seen.sum()) - G - 6 * V,",
     "1 -> 2"): "any number below 0 stands for the size that is left",
    ("calibration/solve/covariance.py", "x = np.array([rss / max(dof, 1), *np.zeros(n)])",
     "max -> min"): "where the scoring begins; where it ends is the same to 1e-12",
    ("calibration/solve/covariance.py", "n = np.maximum(seen.sum(1), 1)[:, None, None]", "1 -> 2"):
        "no view has a single corner",
    ("calibration/solve/covariance.py",
     "scale = 1.0 / np.sqrt(np.maximum((lin.J**2).sum((0, 1)), 1e-30))", "2 -> 4"):
        "a scale against rounding, which is taken out again",
    ("calibration/solve/covariance.py",
     "kept = np.diag(K) > 1e-9 * max(float(np.diag(K).max()), 1e-30)", "1e-09 -> 2e-09"):
        "between columns that are seen and those that are not lie nine powers of ten",
    ("calibration/solve/holdout.py",
     "robust_px=robust_px, max_iterations=40, tolerance=1e-6,", "40 -> 80"):
        "ends where nothing moves, before",
    ("calibration/solve/final.py",
     "return min(w, (sigma_px / CLICK_SIGMA_PX) ** 2) if p.auxiliary.clicked else w",
     "sigma_px / CLICK_SIGMA_PX -> sigma_px * CLICK_SIGMA_PX"): "it is 1 px",
    ("calibration/solve/holdout.py",
     "def folds_of(n: int, k: int, seed: int = 0) -> list[Array]:", "0 -> 1"):
        "another draw of the parts",
    ("calibration/solve/holdout.py",
     "H += 1e-12 * np.eye(6) * np.trace(H, axis1=1, axis2=2)[:, None, None]",
     "1e-12 * np.eye(6) * np.trace(H, axis1=1, axis2=2)[:, None, None] -> 1e-12 * np.eye(6) / np.trace(H, axis1=1, axis2=2)[:, None, None]"):  # noqa: E501
        "a millionth of a millionth, against rounding",
    ("calibration/solve/holdout.py", "n = max(int((w[row] > 0).sum()), 1)", "1 -> 2"):
        "no view has a single corner",
    ("calibration/solve/holdout.py",
     "posed = bundle.solve(only, state, free=fixed, max_iterations=30, tolerance=1e-8)",
     "30 -> 60"): "ends where nothing moves, before",
    ("calibration/solve/intrinsics.py", "_NO_LENS = Lens(np.array([1.0, 1, 0, 0, 0, 0, 0, 0]))",
     "1 -> 2"): "the lens of a camera that is not there",
    ("calibration/solve/intrinsics.py",
     "if len(ends) > 1 and abs(ends[1][1].f_px / ends[0][1].f_px - 1) < 0.02:",
     "abs(ends[1][1].f_px / ends[0][1].f_px - 1) < 0.02 -> abs(ends[1][1].f_px / ends[0][1].f_px - 1) > 0.02"):  # noqa: E501
        "spares a second solve; the better end is taken either way",
    ("calibration/solve/intrinsics.py", "for rms, lens in ends[:2]:", "2 -> 4"):
        "solves from poorer starts as well",
    ("calibration/solve/intrinsics.py",
     "problem, state, free=all_of_it, robust_px=max(1.0, 1.5 * rms), max_iterations=60,",
     "max -> min"): "on the way; the end is solved without a loss",
    ("calibration/solve/pair.py", "for a in planar_poses(points_B, left, cameras.lenses[0])[:2]:",
     "2 -> 4"): "a flat board has two poses at most",
    ("calibration/solve/problem.py",
     "problem, end.state, with_warp=with_warp, robust_px=LOSS_SIGMAS * sigma, max_iterations=200,",
     "200 -> 400"): "ends where nothing moves, before",
    ("calibration/solve/uncertainty.py", "step = np.where(sigma > 0, rig.steps(1 / 5), 1e-6)",
     "sigma > 0 -> sigma < 0"): "the slope is the same by a smaller step",
    ("calibration/solve/uncertainty.py", "step = np.where(sigma > 0, rig.steps(1 / 5), 1e-6)",
     "5 -> 10"): "so it is",
    ("calibration/solve/uncertainty.py", "step = np.where(sigma > 0, rig.steps(1 / 5), 1e-6)",
     "0 -> 1"): "so it is",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A file with one fault. what : the change, with its line."""

    file: str
    what: str
    source: str

    @property
    def same(self) -> str | None:
        """Why it says the same as the original, if it does."""
        number, change = self.what.split(": ", 1)
        lines = (ROOT / self.file).read_text(encoding="utf-8").splitlines()
        return SAME.get((self.file, lines[int(number) - 1].strip(), change))


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
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
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
        before = ast.unparse(twin).splitlines()[0]
        _changed(twin)
        after = ast.unparse(twin).splitlines()[0]
        yield Mutant(file, f"{getattr(node, 'lineno', 0)}: {before} -> {after}", ast.unparse(again))


def _changed(node: ast.AST) -> bool:
    """Put the fault into a node; whether there is one for it."""
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops = [SWAPS[type(node.ops[0])](), *node.ops[1:]]
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not _turned_by_itself(node.test):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node.op = ast.UAdd()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        node.attr = NAMES[node.attr]
    elif isinstance(node, ast.Name) and node.id in NAMES:
        node.id = NAMES[node.id]
    elif (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        node.value = 2 * node.value or 1
    else:
        return False
    return True


def _turned_by_itself(test: ast.expr) -> bool:
    """Whether a condition has a mutant of its own that says much the same as its negation."""
    compared = isinstance(test, ast.Compare) and type(test.ops[0]) in SWAPS
    return compared or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))


class Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = mutant.file.removesuffix(".py").replace("/", ".")
        self.path, self.source = str(ROOT / mutant.file), mutant.source

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.path, "exec"), module.__dict__)


def run_tests(tests: Sequence[str], mutant: Mutant | None) -> int:
    """Pytest's exit code, in this process; ours is imported anew."""
    for name in [n for n in sys.modules if n.split(".")[0] in OURS]:
        del sys.modules[name]
    if mutant is not None:
        sys.meta_path.insert(0, Faulty(mutant))
    return int(pytest.main([*QUIET, "-x", *tests]))


def forked(tests: Sequence[str], mutant: Mutant | None, cpu_s: float) -> tuple[bool, float]:
    """Whether the tests pass in a fork of this process, and its CPU seconds."""
    sys.stdout.flush()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 2))
            signal.alarm(WALL_S)
            code = run_tests(tests, mutant)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return status == 0, spent


def main() -> None:
    """Run mutants, tell each, and say how many were noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="files of the core (those of TESTS)")
    parser.add_argument("--known", action="store_true", help="the faults that once lived")
    parser.add_argument("--most", type=int, default=10_000, help="of each file, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only changes that hold this text")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.dont_write_bytecode = True
    for file, line, change in SAME:
        if line not in map(str.strip, (ROOT / file).read_text(encoding="utf-8").splitlines()):
            raise SystemExit(f"{file} no longer holds {line!r}: correct SAME ({change})")
    by_file: dict[str, list[Mutant]] = {}
    if given.known:
        for mutant in (m for m in known() if given.only in m.what):
            by_file.setdefault(mutant.file, []).append(mutant)
    for file in given.files:
        if file not in TESTS:
            parser.error(f"{file}: not one of " + ", ".join(TESTS))
        every = [m for m in mutants(file) if given.only in m.what]
        random.Random(given.seed).shuffle(every)
        by_file[file] = every[: given.most]
    for file, chosen in by_file.items():
        tell(file, chosen)


def tell(file: str, chosen: Sequence[Mutant]) -> None:
    """Run a file's mutants, and say each."""
    start = time.monotonic()
    with open(os.devnull, "w") as quiet:
        out, sys.stdout = sys.stdout, quiet
        pytest.main([*QUIET, "--collect-only", *TESTS[file]])
        sys.stdout = out
    good, cpu_s = forked(TESTS[file], None, 10_000)
    if not good:
        raise SystemExit(f"{file}: its tests fail without any fault")
    print(f"{file}: {len(chosen)} mutants; the tests take {cpu_s:.1f} s of CPU", flush=True)
    killed, same, spent = 0, 0, cpu_s
    for mutant in chosen:
        if mutant.same:
            same += 1
            continue
        lives, took = forked(TESTS[file], mutant, max(LEAST_S, SLOWER * cpu_s))
        spent += took
        killed += not lives
        print("SURVIVES" if lives else "killed  ", mutant.file, mutant.what, flush=True)
    print(
        f"{file}: {killed} of {len(chosen) - same} killed, {same} say the same; "
        f"{spent:.0f} s of CPU, {time.monotonic() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
