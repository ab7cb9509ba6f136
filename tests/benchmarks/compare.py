"""Show what has become faster or slower: ``python tests/benchmarks/compare.py BEFORE AFTER``, two folders of record.py.

The machine itself may have been faster or slower the second time, so the comparison is between ratios to a reference
that was timed side by side: the limit if there is one, or else a peer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

Key = tuple[str, ...]


def ratios(folder: Path) -> Iterator[tuple[Key, float]]:
    """Yield every contestant's ratio to the first reference that took part."""
    for file in sorted(folder.glob("*.json")):
        for experiment in json.loads(file.read_text("utf-8"))["experiments"]:
            what = [str(experiment[name] or "") for name in ("workload", "optimizer", "dtype")]
            for row in experiment["results"]:
                for reference, ratio in [*row["ratios"].items()][:1]:
                    yield (*what, row["contestant"], reference), ratio


def main(before: Path, after: Path) -> None:
    """Print both ratios of every contestant, largest changes first."""
    old, new = dict(ratios(before)), dict(ratios(after))
    for key in sorted(old.keys() & new.keys(), key=lambda key: new[key] / old[key]):
        *what, contestant, reference = key
        name = f"{' '.join(filter(None, what))}: {contestant}"
        print(f"{name:60} {old[key]:9.3f} -> {new[key]:9.3f} × {reference}  ({new[key] / old[key] - 1:+.0%})")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
