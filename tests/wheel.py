"""Build the wheel and use it where nothing else of ours is: an environment of its own.

    python tests/wheel.py [--borrow]        (make wheel)

The wheel and its dependencies (constraints.txt) are installed; then, in another folder than the
repository, `gaze --help` is asked for and two seconds of the committed lesson are analysed. Prints
what it took. ``--borrow`` takes the dependencies of the running environment instead of downloading
them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, folder: Path) -> None:
    """A command that must succeed, and the seconds it took."""
    began = time.perf_counter()
    alone = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([str(c) for c in command], cwd=folder, env=alone, check=True)
    told = " ".join(Path(c).name for c in map(str, command))
    print(f"{time.perf_counter() - began:6.1f} s  {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--borrow", action="store_true")
    borrow = parser.parse_args().borrow
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"  # setuptools leaves build/ behind
        shutil.copytree(
            ROOT, source, ignore=shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "tests")
        )
        build = ("--no-deps", "--no-build-isolation") if borrow else ("--no-deps",)
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
        run(*pip, "wheel", *build, "-w", folder, source, folder=folder)
        (wheel,) = folder.glob("*.whl")
        print(f"{wheel.stat().st_size / 1e6:6.1f} MB {wheel.name}")
        bare = folder / "bare"
        venv.create(bare, with_pip=True)
        python = bare / ("Scripts" if os.name == "nt" else "bin") / "python"
        site = next(bare.glob("lib*/**/site-packages"))
        if borrow:
            (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
            install: tuple[str | Path, ...] = ("--no-deps", "--force-reinstall", wheel)
        else:
            install = ("-c", ROOT / "constraints.txt", wheel)
        run(python, *pip[1:], "install", *install, folder=folder)
        size = sum(f.stat().st_size for f in bare.rglob("*") if f.is_file())
        print(f"{size / 1e6:6.0f} MB installed" + (", without what is borrowed" if borrow else ""))
        lesson = folder / "lesson"
        shutil.copytree(ROOT / "tests" / "data" / "lesson", lesson)
        shutil.copy(lesson / "truth" / "rig.json", lesson / "rig.json")
        where = "import gaze, headpose; print(gaze.__file__); assert 'bare' in gaze.__file__"
        run(python, "-c", where, folder=folder)
        gaze = python.with_name("gaze")
        run(gaze, "--help", folder=folder)
        run(gaze, "analyze", lesson, "--stop", "2", "--run", "two-seconds", folder=folder)
        report = lesson / "runs" / "two-seconds" / "report.html"
        assert report.is_file(), f"no report at {report}"


if __name__ == "__main__":
    main()
