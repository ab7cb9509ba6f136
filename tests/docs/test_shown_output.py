"""What the docs show of a command's output is what the command prints."""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sites import ROOT

PAGES = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/*/*/README.md")]
BLOCK = re.compile(r"^```\w*\n\$ (mxcore[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = [(page, *found) for page in PAGES for found in BLOCK.findall(page.read_text("utf-8"))]
BROKEN = "[mxcore.optimizers]\nsnipe = broken_snipe:Snipe\n"


@pytest.fixture
def broken_snipe(tmp_path: Path) -> Path:
    """A folder of packages with the plugin that the page about `mxcore doctor` talks about."""
    (tmp_path / "broken_snipe.py").write_text("import a_module_that_is_nowhere\n", "utf-8")
    info = tmp_path / "broken_snipe-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken-snipe\nVersion: 1.2.3\nRequires-Dist: mxcore\n", "utf-8"
    )
    (info / "entry_points.txt").write_text(BROKEN, "utf-8")
    return tmp_path


def pattern(line: str) -> str:
    """Return what a shown line stands for: `…` for anything, versions and paths for those of this machine."""
    parts = re.split(r"(…|/home/ada/\S+|\d+\.\d+\.\d+|\b\d+ threads?\b)", " ".join(line.split()))
    kinds = {"…": ".*?", "/": r"\S+", "t": r"\d+ threads?"}
    made = []
    for number, part in enumerate(parts):
        kind = kinds.get(part[:1]) or kinds.get("t" if "thread" in part else "") or r"\d+(\.\d+)+"
        made.append(kind if number % 2 else re.escape(part))
    return "".join(made)


def missing(shown: str, printed: str) -> list[str]:
    """Return the lines that are shown and not printed, or not in that order."""
    printed, place, absent = " ".join(printed.split()), 0, []
    for line in filter(str.strip, shown.splitlines()):
        if "cupy" in line and find_spec("cupy"):
            continue
        found = re.compile(pattern(line)).search(printed, place)
        place = found.end() if found else place
        absent += [] if found else [line]
    return absent


def test_some_output_is_shown() -> None:
    assert len(SHOWN) >= 3


@pytest.mark.parametrize(("page", "command", "shown"), SHOWN, ids=[f"{one[0].stem}: {one[1]}" for one in SHOWN])
def test_what_is_shown_is_what_is_printed(page: Path, command: str, shown: str, broken_snipe: Path) -> None:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    if "broken-snipe" in shown:  # beside it, only what is shown: the doctor tries each plugin in a process of its own
        environment |= {"PYTHONPATH": str(broken_snipe), "MXCORE_PLUGINS": "mxcore-optimizer-sgd,broken-snipe"}
    program = Path(sys.executable).with_name("mxcore")
    done = subprocess.run(
        [str(program), *shlex.split(command)[1:]],
        cwd=broken_snipe,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=environment,
    )
    assert missing(shown, done.stdout + done.stderr) == []


def test_a_line_that_is_not_printed_is_noticed() -> None:
    assert missing("adam  0.1.0  ok", "adam 0.2.0 ok") == []
    assert missing("adam\nsgd", "sgd adam") == ["sgd"]
    assert missing("kernel llvm", "kernel numpy") == ["kernel llvm"]
