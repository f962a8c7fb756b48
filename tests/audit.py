"""Known vulnerabilities among the pinned packages, as pip-audit knows them; part of `make lint`.

Where no index can be asked about them, one line says so, and nothing fails.
"""

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
NOT_ASKED = "pip-audit: not done, as no index could be asked about vulnerabilities"


def report(output: str) -> tuple[int, str]:
    """Return the exit code and the lines to print for what pip-audit has written, in JSON."""
    try:
        packages = [package for package in json.loads(output)["dependencies"] if "skip_reason" not in package]
    except ValueError:
        return 0, NOT_ASKED
    if not packages:
        return 0, NOT_ASKED
    lines = [
        f"{package['name']} {package['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'none'}"
        for package in packages
        for known in package["vulns"]
    ]
    return min(len(lines), 1), "\n".join([*lines, f"pip-audit: {len(packages)} packages, {len(lines)} vulnerabilities"])


def main() -> int:
    """Audit what constraints.txt pins."""
    options = ["--no-deps", "--disable-pip", "--timeout", "10", "--progress-spinner", "off", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(CONSTRAINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    status, text = report(done.stdout)
    print(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
