"""Compare every installed optimizer for ``docs/comparison``: ``python tools/comparison.py [FOLDER]``.

It runs ``mxcore compare`` on three problems, which takes half an hour on two cores, or takes results from FOLDER, where
those of each problem are in a folder of its name.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setting import ROOT

OUT = ROOT / "docs/comparison"
COMMON = ("all", "sgd:momentum=0.9", "--lr-scheduler", "cosine", "--tune", "--seeds", "5")
PROBLEMS = {
    "digits": ("--epochs", "10"),
    "least-squares": ("--problem", "least-squares", "--epochs", "20"),
    "factorization": ("--problem", "factorization", "--epochs", "10"),
}


def main(folder: Path | None) -> None:
    """Write a table and a picture for each problem."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        for name, options in PROBLEMS.items():
            results = (folder or Path(made)) / name
            if not folder:
                subprocess.run(["mxcore", "compare", *COMMON, *options, "--out", results], check=True)
            shutil.copy(results / "compare.svg", OUT / f"{name}.svg")
            with (results / "summary.csv").open(newline="", encoding="utf-8") as text:
                rows = [_row(row) for row in csv.DictReader(text)]
            with (OUT / f"{name}.csv").open("w", newline="", encoding="utf-8") as text:
                csv.writer(text, lineterminator="\n").writerows(rows)


def _row(found: dict[str, str]) -> list[str]:
    """Return the cells of an optimizer: its name, its best rate, the result there, and how many rates are as good."""
    if not found["best_rate"]:
        return [found["optimizer"], "–", "diverged", "–"]
    score = "accuracy" if "accuracy" in found else "error"
    value, spread = float(found[score]), float(found[f"{score}_sd"])
    said = f"{value:.1%} ± {spread:.1%}" if score == "accuracy" else f"{value:.4g} ± {spread:.1g}"
    return [found["optimizer"], found["best_rate"], said, f"{found['good_rates']} of {found['rates']}"]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
