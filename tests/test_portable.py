"""What would break on Windows or macOS, looked for in the source: nobody runs these tests there.

It finds known traps, not all of them: on neither was the whole ever tried (docs/reliability.md).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [
    p
    for package in ("calibration", "headpose", "sessions", "gaze")
    for p in sorted((ROOT / package).rglob("*.py"))
    if "research" not in p.parts
]
UNIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "crypt"}
UNIX_CALLS = {
    "fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "setsid", "killpg", "getpgid",
    "mkfifo", "chown", "nice", "getloadavg", "sched_getaffinity", "SIGKILL", "SIGHUP", "SIGALRM",
    "SIGUSR1", "alarm", "setitimer",
}  # fmt: skip
TEXT = {"read_text", "write_text"}
MODES = {"r", "w", "a", "x", "rt", "wt", "r+", "w+", "a+"}


def traps(source: str) -> Iterator[tuple[int, str]]:
    """Lines of a text, and what in them would break. Inside ``try``, under ``if`` and behind
    ``getattr`` or ``hasattr`` a call that only Unix has is guarded."""
    tree = ast.parse(source)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Try | ast.If | ast.IfExp | ast.BoolOp) or _suppresses(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in guarded:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            yield from ((node.lineno, f"import {n}") for n in names if n in UNIX_ONLY)
        elif isinstance(node, ast.Attribute) and id(node) not in guarded:
            of_os = isinstance(node.value, ast.Name) and node.value.id in ("os", "signal")
            if of_os and node.attr in UNIX_CALLS:
                yield node.lineno, f"{ast.unparse(node)} is Unix' alone"
            if node.attr in ("symlink", "symlink_to"):
                yield node.lineno, "links need a right on Windows"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in ("/tmp", "/dev/shm") or node.value.startswith(("/tmp/", "/dev/shm/")):
                yield node.lineno, f"a folder of one system: {node.value}"
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _of_call(node))


def _suppresses(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any("suppress(" in ast.unparse(i) for i in node.items)


def _of_call(node: ast.Call) -> Iterator[str]:
    given = {k.arg for k in node.keywords}
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    shell = next((k.value for k in node.keywords if k.arg == "shell"), None)
    if isinstance(shell, ast.Constant) and shell.value:
        yield "a shell"
    if name in TEXT and "encoding" not in given and None not in given:
        positional = len(node.args) - (name == "write_text")
        if positional < 1:
            yield f"{name} in the system's own encoding"
    if isinstance(node.func, ast.Name) and name == "open" and "encoding" not in given:
        mode = next((k.value for k in node.keywords if k.arg == "mode"), None)
        mode = node.args[1] if len(node.args) > 1 else mode
        if not (isinstance(mode, ast.Constant) and "b" in str(mode.value)):
            yield "open() in the system's own encoding"
    first = node.args[0] if node.args else None
    by_mode = isinstance(first, ast.Constant) and first.value in MODES
    if isinstance(node.func, ast.Attribute) and name == "open" and "encoding" not in given:
        yield from ["open() in the system's own encoding"] * by_mode
    if "text" in given and name in ("run", "Popen", "check_output") and "encoding" not in given:
        yield "a program's words in the system's own encoding"
    if name in ("get_context", "set_start_method") and isinstance(first, ast.Constant):
        yield from ["processes by fork"] * (first.value == "fork")


def test_nothing_known_to_break_elsewhere() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in FILES
        for line, what in traps(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    ["import os\nos.fork()", "import fcntl", "import os\nx = os.geteuid()", "open('a')",
     "from pathlib import Path\nPath('a').read_text()", "p.write_text('x')", "open('a', 'w')",
     "run('ls', shell=True)", "x = '/tmp/a'", "get_context('fork')",
     "import signal\nsignal.SIGKILL", "p.open('w', newline='')", "run(['ls'], text=True)",
     "p.symlink_to(q)"],
)  # fmt: skip
def test_the_search_would_notice(source: str) -> None:
    assert list(traps(source))


@pytest.mark.parametrize(
    "source",
    ["open('a', 'rb')", "open('a', encoding='utf-8')", "p.write_text('x', 'utf-8')",
     "p.read_text(encoding='utf-8')", "run(['ls'], shell=False)", "get_context('spawn')",
     "p.open('wb')", "Session.open(folder)", "run(['ls'], text=True, encoding='utf-8')",
     "table.rename(columns={})", "p.replace(q)",
     "try:\n    import fcntl\nexcept ImportError:\n    pass",
     "x = os.geteuid() if hasattr(os, 'geteuid') else 0"],
)  # fmt: skip
def test_what_is_well_is_left_alone(source: str) -> None:
    assert not list(traps(source))
