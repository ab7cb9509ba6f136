"""Do everything for a release except publishing: ``python tools/release.py [--out FOLDER] [--only NAME ...]``.

It builds a source distribution and a wheel of every distribution and checks their contents. Then, in publishing order,
it installs each wheel in a bare environment, with access only to those published before it, imports the package, runs
its commands and checks its algorithms with the conformance kit.

``--publish`` only uploads the files in FOLDER to the index, in that order. It needs no secret, since the index trusts
the workflow ``release.yml``.
"""

from __future__ import annotations

import argparse
import email
import graphlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from setting import ROOT, Setting, project, version

__all__ = ["bare_check", "build", "order", "problems"]

_SMOKE = """
import importlib, importlib.metadata, sys
name, package = sys.argv[1:]
if package:
    importlib.import_module(package)
print(*(point.name for point in importlib.metadata.distribution(name).entry_points if point.group == "mxcore.commands"))
"""


def projects() -> dict[str, Path]:
    """Return the folder of every distribution, by name."""
    files = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/**/pyproject.toml"))]
    return {project(file.parent)["name"]: file.parent for file in files}


def order(folders: Mapping[str, Path]) -> list[str]:
    """Sort the names so that each comes after those that it requires.

    Raises:
        graphlib.CycleError: some require each other.
    """
    graph = {name: _required(project(folder)) & folders.keys() for name, folder in sorted(folders.items())}
    return list(graphlib.TopologicalSorter(graph).static_order())


def _required(project: Any) -> set[str]:
    return {Requirement(text).name for text in project["dependencies"]}


def build(folders: Mapping[str, Path], out: Path) -> None:
    """Build every distribution, each wheel from the source distribution, which proves that this is complete."""
    for name, folder in folders.items():
        print(f"building {name}", flush=True)
        _uv("build", "--quiet", "--out-dir", out, folder)


def files_of(name: str, out: Path) -> list[Path]:
    """Return the source distribution and the wheel of a distribution.

    Raises:
        FileNotFoundError: there is not exactly one of each; the message says what there is.
    """
    stem = name.replace("-", "_")
    found = [*out.glob(f"{stem}-*.tar.gz"), *out.glob(f"{stem}-*-py3-none-any.whl")]
    if [file.suffix for file in found] != [".gz", ".whl"]:
        there = [file.name for file in found] or "nothing"
        raise FileNotFoundError(f"{out} must contain an sdist and a wheel of {name}, but contains {there}")
    return found


def problems(name: str, folder: Path, out: Path) -> Iterator[str]:
    """Yield what is wrong with the files of a distribution."""
    source, wheel = files_of(name, out)
    licence = (ROOT / "LICENSE").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (info,) = {one.partition("/")[0] for one in names if ".dist-info/" in one}
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        if f"{info}/licenses/LICENSE" not in names or archive.read(f"{info}/licenses/LICENSE") != licence:
            yield f"{wheel.name} does not contain the licence"
    with tarfile.open(source) as archive_of_source:
        if "LICENSE" not in {one.partition("/")[2] for one in archive_of_source.getnames()}:
            yield f"{source.name} does not contain the licence"
    package = name.replace("-", "_")
    if (folder / package).is_dir() and f"{package}/py.typed" not in names:
        yield f"{wheel.name} is not marked as typed: {package}/py.typed is missing"
    urls = {f"{label}, {address}" for label, address in Setting.read().urls.items()}
    if set(metadata.get_all("Project-URL", [])) != urls:
        yield f"{wheel.name} must have the URLs {sorted(urls)}, but has {metadata.get_all('Project-URL')}"
    if not str(metadata.get_payload()).strip() or metadata["Description-Content-Type"] != "text/markdown":
        yield f"{wheel.name} has no description for the index"


def bare_check(name: str, folder: Path, out: Path, published: Path, trial: Path) -> None:
    """Install a wheel in a bare environment, together with what was published before it, and use it.

    A plugin gets what its extras name; those of the core exclude one another.

    Args:
        name: the distribution.
        folder: its project.
        out: the folder with its files.
        published: the folder with the wheels that come before it, to which its own is added.
        trial: the folder for the environment.

    Raises:
        subprocess.CalledProcessError: something does not work; its output is on stderr.
    """
    shutil.copy(files_of(name, out)[1], published)
    environment = trial / name
    _uv("venv", "--quiet", "--python", sys.executable, environment)
    extras = [] if folder == ROOT else project(folder).get("optional-dependencies", [])
    _uv("pip", "install", "--quiet", "--python", environment, "--find-links", published, f"{name}[{','.join(extras)}]")
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    package = name.replace("-", "_")
    used = [name, package if (folder / package).is_dir() else ""]
    commands = _run(programs / "python", "-W", "error", "-I", "-c", _SMOKE, *used).split()
    _run(programs / "mxcore", "list")
    for command in commands:
        _run(programs / "mxcore", command, "--help")
    if folder.parent.name in ("optimizers", "initializers", "lr_schedulers"):
        _run(programs / "mxcore", "check", name)
    shutil.rmtree(environment)


def publish(names: list[str], out: Path) -> None:
    """Upload the files to the index, each distribution after those that it requires."""
    for name in names:
        print(f"publishing {name}", flush=True)
        _uv("publish", "--trusted-publishing", "always", *files_of(name, out))


def _uv(*arguments: str | Path) -> None:
    _run(os.environ.get("UV") or "uv", *arguments)


def _run(*command: str | Path) -> str:
    """Return the output of a command that runs without this process's own environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MXCORE", "VIRTUAL_ENV"))}
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, encoding="utf-8", errors="replace", env=inherited, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        done.check_returncode()
    return done.stdout


def main(arguments: list[str]) -> int:
    """Run the command; the exit status tells whether everything is in order."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--out", type=Path, help="keep the files here; by default, in a temporary folder")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these, and what they require")
    parser.add_argument("--tag", help="the tag of the release, which must be v and the version")
    parser.add_argument("--publish", action="store_true", help="upload the files in --out to the index")
    options = parser.parse_args(arguments)
    folders = projects()
    names = order(_with_required(options.only or list(folders), folders))
    if options.tag and options.tag != f"v{version()}":
        parser.error(f"the tag is {options.tag!r}, but the version is {version()!r}: tag it v{version()}")
    if options.publish:
        if options.out is None:
            parser.error("--publish needs --out, the folder with the built and checked files")
        publish(names, options.out)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return _rehearse({name: folders[name] for name in names}, options.out or Path(folder, "dist"), Path(folder))


def _with_required(names: list[str], folders: Mapping[str, Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    while names:
        name = names.pop()
        if name not in folders:
            raise SystemExit(f"there is no distribution {name!r}: choose from {', '.join(folders)}")
        if name not in found:
            found[name] = folders[name]
            names += _required(project(folders[name])) & folders.keys()
    return found


def _rehearse(folders: Mapping[str, Path], out: Path, trial: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    build(folders, out)
    wrong = [one for name, folder in folders.items() for one in problems(name, folder, out)]
    if wrong:
        print(*wrong, sep="\n")
        return 1
    _uv(
        "tool",
        "run",
        "--quiet",
        "twine",
        "check",
        "--strict",
        *(file for name in folders for file in files_of(name, out)),
    )
    (published := trial / "published").mkdir()
    for number, (name, folder) in enumerate(folders.items(), 1):
        print(f"checking {name} in a bare environment ({number} of {len(folders)})", flush=True)
        bare_check(name, folder, out, published, trial)
    print(f"{len(folders)} distributions are ready, in this order: {', '.join(folders)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
