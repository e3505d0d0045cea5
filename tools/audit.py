"""Known vulnerabilities of the packages in constraints.txt: who has one, and who was not asked.

    python -m tools.audit

pip-audit by itself ends well where nobody answered: a package that its database does not know is
skipped, and the last line reads "No known vulnerabilities found".
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).parents[1] / "constraints.txt"


def told(report: dict[str, Any]) -> tuple[list[str], bool]:
    """Lines for people, of pip-audit's JSON; whether every package was asked about and has none."""
    packages = report["dependencies"]
    asked = [p for p in packages if "skip_reason" not in p]
    lines = [
        f"{p['name']} {p['version']}: {v['id']}"
        + (f", mended in {', '.join(v['fix_versions'])}" if v["fix_versions"] else "")
        for p in asked
        for v in p["vulns"]
    ]
    bad = sum(bool(p["vulns"]) for p in asked)
    n = f"{len(asked)} of {len(packages)} packages"
    lines.append(f"{n} were asked about, {bad} have known holes")
    others = [p["name"] for p in packages if "skip_reason" in p]
    if others:
        lines.append("NOT asked about, so nothing is known of: " + ", ".join(others))
    return lines, bool(packages) and not others and not bad


def main() -> int:
    """Ask pip-audit; 0: all were asked about and none has a hole, 1: else, 2: it did not run."""
    ask = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run([*ask, "-r", str(PINS)], capture_output=True, text=True, check=False)
    try:
        lines, good = told(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        print(done.stderr.strip() or "pip-audit said nothing", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
