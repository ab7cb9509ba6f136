"""Run all benchmarks and store the results: ``python tests/benchmarks/record.py FOLDER [SECONDS]``.

Each group of experiments runs in its own process, and writes ``GROUP.json`` and ``GROUP.svg`` to the folder. For a
single group, use ``mxcore bench --workload GROUP``; the group ``start`` times ``import mxcore``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mxcore_bench.suite import GROUPS


def main(folder: Path, seconds: str = "10") -> None:
    """Run every group."""
    folder.mkdir(parents=True, exist_ok=True)
    for group in GROUPS:
        files = [f"--{kind}={folder / group}.{ending}" for kind, ending in (("json", "json"), ("plot", "svg"))]
        options = ["--workload", group, "--seconds", seconds, *files]
        subprocess.run([sys.executable, "-m", "mxcore_bench", *options], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
