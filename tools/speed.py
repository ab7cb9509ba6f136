"""The four rows about speed in ``README.md`` and on the site's start page, from ``docs/benchmarks.json``."""

from __future__ import annotations

import json
from typing import Any

from setting import ROOT

MODELS = {
    "mlp": "MLP, 4 arrays",
    "thousand": "1000 small arrays",
    "resnet50": "ResNet-50, 161 arrays",
    "gpt2": "GPT-2 small, 148 arrays",
}
PEERS = {"best torch": "torch, fused", "NumPy out=": "NumPy, `out=`"}
TIE = 1.1  # smaller ratios are within the noise of a shared machine


def speed() -> str:
    """Return the table for a step of Adam in float32: the time of mxcore, and the ratios of the others."""
    measured = json.loads((ROOT / "docs/benchmarks.json").read_text("utf-8"))["experiments"]
    lines = [f"| one step of Adam | mxcore | {' | '.join(PEERS.values())} |", "|---|--:|--:|--:|"]
    for workload, title in MODELS.items():
        (one,) = (
            found
            for found in measured
            if (found["workload"], found["optimizer"], found["dtype"]) == (workload, "adam", "float32")
        )
        ours = _fastest(one["results"])
        others = [_times(1 / ours["ratios"][peer]) for peer in PEERS]
        lines.append(f"| {title} | {_milliseconds(ours['median_s'])} | {' | '.join(others)} |")
    return "\n".join(lines) + "\n"


def _fastest(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of mxcore called with lists, with the fastest number of threads."""
    rows = [row for row in results if row["contestant"] in ("mxcore llvm 1T", "mxcore llvm 2T")]
    return min(rows, key=lambda row: float(row["median_s"]))


def _times(ratio: float) -> str:
    if 1 / TIE <= ratio <= TIE:
        return "a tie"
    return f"{ratio:.1f} ×" if ratio < 9.5 else f"{ratio:.0f} ×"


def _milliseconds(seconds: float) -> str:
    figure = f"{seconds * 1e3:.2g}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"
    return f"{figure}\u00a0ms"
