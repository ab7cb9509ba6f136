"""`mxcore train` with every installed optimizer, using the command in its README."""

import csv
import re
import shlex
from pathlib import Path

import pytest
from commands import invoke

import mxcore as mx
from mxcore.commands.cli import main

PLUGINS = Path(__file__).resolve().parent.parent / "plugins"
OPTIMIZERS = sorted({record.distribution: record.name for record in mx.catalogue.records("optimizer")}.values())


def claim(name: str) -> tuple[list[str], float]:
    """Return the arguments of the command in an optimizer's README, and the accuracy that it claims."""
    readme = (PLUGINS / "optimizers" / name / "README.md").read_text("utf-8")
    line = re.search(rf"^mxcore (train --optimizer '?{name}\b.*)$", readme, re.MULTILINE)
    percent = re.search(r"to an accuracy above (\d\d) % on held-out rows with seeds 1 to 3", readme)
    assert line, f"the README of {name} shows no mxcore train --optimizer {name}"
    assert percent, f"the README of {name} does not say what that leads to"
    return shlex.split(line[1]), int(percent[1]) / 100


@pytest.mark.sampled(12)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_digits_are_learned_with_what_the_readme_says(name: str, seed: int, tmp_path: Path) -> None:
    arguments, promised = claim(name)
    done = invoke(main, [*arguments, "--seed", seed, "--out", tmp_path / "run"])
    assert done.exit_code == 0, done.output
    with (tmp_path / "run/metrics.csv").open(newline="", encoding="utf-8") as file:
        *_, last = csv.DictReader(file)
    assert float(last["validation_accuracy"]) > promised > 0.9
