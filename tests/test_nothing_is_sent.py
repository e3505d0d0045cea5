"""No dependency calls home: with the network refused, nobody tries, and nothing is left at home."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from gaze.catalog.catalog import Catalog
from tests.gaze.lessons import one_dot, write_lesson

ROOT = Path(__file__).parents[1]

PROXY = "http://127.0.0.1:9"  # the environment names it, and asking it is a way out as well
# Every way out of a Python process but loopback is refused and written down; so are processes.
GUARD = """
import ipaddress, os, socket, subprocess, sys
tries = []

def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        if host not in (None, "", "localhost", "127.0.0.1", "::1"):
            tries.append((event, host))
            raise OSError("no network here")
    if event in ("socket.connect", "socket.sendto"):
        host, port = args[1][:2] if isinstance(args[1], tuple) else ("127.0.0.1", 0)
        if port == 9 or not ipaddress.ip_address(host).is_loopback:
            tries.append((event, f"{host}:{port}"))
            raise OSError("no network here")
    if event in ("subprocess.Popen", "os.posix_spawn", "os.fork"):
        tries.append((event, str(args)[:200])) if "openvino_telemetry" in str(args) else None

sys.addaudithook(watch)
"""
CONVERT = """
import tempfile
from pathlib import Path
import torch
from headpose.runtimes.openvino_ import import_openvino
ov = import_openvino()
model = ov.convert_model(torch.nn.Linear(4, 2), example_input=torch.zeros(1, 4))
with tempfile.TemporaryDirectory() as folder:
    ov.save_model(model, Path(folder) / "m.xml")
compiled = ov.Core().compile_model(model, "CPU")
assert compiled([torch.zeros(1, 4).numpy()])[0].shape == (1, 2)
"""
END = """
import threading, time
time.sleep(0.5)
print("threads", [t.name for t in threading.enumerate() if "elemetry" in t.name])
print("tries", tries)
"""


def alone(code: str, home: Path) -> str:
    """What a fresh process prints, in a home of its own."""
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT),
           "OMP_NUM_THREADS": "1", "http_proxy": PROXY, "https_proxy": PROXY,
           "ALL_PROXY": PROXY}  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", GUARD + code + END], env=env, capture_output=True, text=True,
        cwd=home,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_converting_a_model_sends_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    assert alone(CONVERT, tmp_path) == "threads []\ntries []\n"
    assert list(tmp_path.iterdir()) == []


def test_the_guard_would_notice(tmp_path: Path) -> None:
    said = alone(
        "import urllib.request\n"
        "direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
        "for read in (urllib.request.urlopen, direct.open):\n"
        "    try: read('http://example.org')\n    except OSError: pass\n"
        "try: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass\n",
        tmp_path,
    )
    assert all(way in said for way in ("example.org", "192.0.2.1", "127.0.0.1:9"))


def test_duckdb_downloads_no_extension(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    write_lesson(tmp_path / "lesson", one_dot(1.0, 0.5))
    with Catalog.open(tmp_path) as catalog:
        answer = catalog.sql(
            "SELECT name, value FROM duckdb_settings() WHERE name IN "
            "('autoinstall_known_extensions', 'autoload_known_extensions')"
        )
    assert len(answer) == 2 and set(answer["value"]) == {"false"}


@pytest.mark.parametrize("package", ["calibration", "headpose", "sessions", "gaze"])
def test_openvino_is_imported_in_one_place(package: str) -> None:
    found = []
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [path.name for n in names if n.split(".")[0] == "openvino"]
    assert found == (["openvino_.py"] if package == "headpose" else [])
