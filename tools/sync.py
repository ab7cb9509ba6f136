"""Write, or check, all lists that can be derived from the tree: ``python tools/sync.py [--check]``.

From the folders below ``plugins`` it derives

* ``mxcore/builtins.json``: the distribution of each name, and its folder, so that errors can say what to install;
* ``plugins/all/pyproject.toml``: the requirements of the metapackage;
* the members of the workspace in the root ``pyproject.toml``;
* the tables of speed and of algorithms in ``README.md``, and of checks in ``docs/guides/conformance.md``;
* the version of every plugin and of ``CITATION.cff``, which is the core's;
* the project's URLs and installation commands, in metadata, README files, the pages of the site, error messages and
  the template, from the setting in the root ``pyproject.toml`` (see ``setting.py``);
* the stubs of the three protocols, with every built-in class (see ``stubs.py``);
* the files that plugins share with scaffolded projects, from the template (see ``boilerplate.py``);
* ``properties.json`` of each algorithm, which ``mxcore list --where`` reads, from its classes.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from boilerplate import boilerplate
from setting import ROOT, Setting, project, version
from speed import speed
from stubs import stubs

from mxcore.catalogue.properties import FILE
from mxcore.testing import CHECKS
from mxcore.testing.properties import as_json

KINDS = {
    "mxcore.optimizers": "Optimizers",
    "mxcore.initializers": "Initializers",
    "mxcore.lr_schedulers": "Learning-rate schedulers",
}


def plugins() -> dict[str, Path]:
    """Return every distribution below ``plugins`` except the metapackage, by name, with its pyproject.toml."""
    files = sorted(ROOT.glob("plugins/**/pyproject.toml"))
    named = {project(file.parent)["name"]: file for file in files}
    return {name: file for name, file in sorted(named.items()) if name != "mxcore-all"}


def builtins(published: bool) -> str:
    """Return the content of ``mxcore/builtins.json``."""
    files = {**plugins(), "mxcore-all": ROOT / "plugins/all/pyproject.toml"}
    known: dict[str, Any] = {
        name: {
            "folder": f"./{file.parent.relative_to(ROOT).as_posix()}",
            "entry-points": project(file.parent).get("entry-points", {}),
        }
        for name, file in files.items()
    }
    known["mxcore"] = {"folder": ".", "entry-points": {}}
    return json.dumps({"published": published, "distributions": known}, indent=1, sort_keys=True) + "\n"


def root(text: str) -> str:
    """Return the root ``pyproject.toml`` with every plugin in the workspace."""
    apart = {ROOT / folder for folder in tomllib.loads(text)["tool"]["uv"]["workspace"]["exclude"]}
    names = [name for name, file in plugins().items() if file.parent not in apart]
    sources = "".join(f"{name} = {{ workspace = true }}\n" for name in ["mxcore", "mxcore-all", *names])
    return re.sub(r"(?<=\[tool\.uv\.sources\]\n).*?(?=\n\[)", sources, text, count=1, flags=re.DOTALL)


def requirements(text: str) -> str:
    """Return the metapackage's ``pyproject.toml``, which requires every plugin that is not declared large."""
    small = [name for name, file in plugins().items() if not _settings(file).get("large")]
    lines = "".join(f'  "{name}=={version()}",\n' for name in ["mxcore[jit]", *small])
    return re.sub(r"(?<=^dependencies = \[\n).*?(?=^\])", lines, text, count=1, flags=re.DOTALL | re.MULTILINE)


def _settings(file: Path) -> Any:
    """Return the settings for this program in a plugin's ``pyproject.toml``."""
    return tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("mxcore", {})


def tables(text: str) -> str:
    """Return the ``README.md`` with the speed of a step, and every algorithm by kind, name and aliases."""
    rows: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for file in plugins().values():
        own = project(file.parent)
        for group, offered in own.get("entry-points", {}).items():
            if group in rows:
                names = sorted(offered, key=lambda name: name != file.parent.name)
                folder, linked = file.parent.relative_to(ROOT).as_posix(), ", ".join(f"`{name}`" for name in names)
                rows[group].append(f"| [{linked}]({folder}) | {own['description'].removesuffix(', for mxcore')} |\n")
    made = "\n".join(f"| {KINDS[group]} | |\n|---|---|\n{''.join(found)}" for group, found in rows.items())
    return between_marks(between_marks(text, speed(), "speed, "), made)


def checks(text: str) -> str:
    """Return ``docs/guides/conformance.md`` with every check by kind."""
    kinds = {
        "optimizer": "Optimizers",
        "initializer": "Initializers",
        "lr_scheduler": "Schedulers",
        "package": "Packages",
    }
    sections = [
        f"### {title}\n\n| | claim | why |\n|---|---|---|\n"
        + "".join(f"| `{one.name}` | {one.claim} | {one.why} |\n" for one in CHECKS if one.kind == kind)
        for kind, title in kinds.items()
    ]
    return between_marks(text, "\n".join(sections).replace("``", "`"))


def between_marks(text: str, made: str, mark: str = "") -> str:
    """Return the text with the derived part inserted."""
    begin, end = f"<!-- {mark}written by tools/sync.py -->\n", "<!-- until here -->"
    return re.sub(f"(?<={begin}).*?(?={end})", lambda _: made, text, count=1, flags=re.DOTALL)


def installing(setting: Setting) -> dict[Path, str]:
    """Return the pages with installation commands, and the ``README.md`` of each plugin that is not an algorithm."""
    pages = [file for file in [*ROOT.glob("docs/*/*.md"), *ROOT.glob("docs/*.md")] if file.is_file()]
    files = {file: setting.blocks("mxcore", ".") for file in [ROOT / "README.md", *pages]}
    for name, known in json.loads(builtins(setting.published))["distributions"].items():
        files[ROOT / known["folder"] / "README.md"] = setting.blocks(name, known["folder"])
    found = {}
    for file, blocks in files.items():
        text = file.read_text("utf-8")
        if "written by tools/sync.py -->" in text:
            for mark, made in blocks.items():
                text = between_marks(text, made, f"{mark}: ")
            found[file] = text
    return found


def template(text: str, setting: Setting) -> str:
    """Return ``cookiecutter.json`` with what a project must know about this one."""
    flag = json.dumps(setting.published)
    return re.sub(r'(?<="_published": )\w+', flag, text, count=1)


def numbered(text: str) -> str:
    """Return a ``pyproject.toml`` or ``CITATION.cff`` with the version of the core."""
    return re.sub(r'^version( = |: )".*"$', rf'version\1"{version()}"', text, count=1, flags=re.MULTILINE)


def stated(folder: Path) -> dict[Path, str]:
    """Return the ``properties.json`` of an algorithm's folder."""
    (targets,) = project(folder)["entry-points"].values()
    (package,) = {target.partition(":")[0] for target in targets.values()}
    module = importlib.import_module(package)
    names = [target.partition(":")[2] for target in targets.values()]
    return {folder / package / FILE: as_json({name: getattr(module, name) for name in names})}


def wanted(setting: Setting) -> dict[Path, str]:
    """Return every derived file, as it should be."""
    algorithms = [file.parent for file in plugins().values() if f"mxcore.{file.parent.parent.name}" in KINDS]
    everything, workspace = ROOT / "plugins/all/pyproject.toml", ROOT / "pyproject.toml"
    others = [file for file in [everything, *plugins().values()] if file.parent not in algorithms]
    files = {file: setting.with_urls(numbered(file.read_text("utf-8"))) for file in others}
    for folder in algorithms:
        files |= boilerplate(folder, version(), setting) | stated(folder)
    files |= installing(setting)
    readme, conformance = ROOT / "README.md", ROOT / "docs/guides/conformance.md"
    questions, citation = ROOT / "cookiecutter-template/cookiecutter.json", ROOT / "CITATION.cff"
    copies = [*(file.with_name("LICENSE") for file in others), questions.parent / "templates/licenses/Apache-2.0.txt"]
    return {
        **files,
        **stubs(),
        **dict.fromkeys(copies, (ROOT / "LICENSE").read_text("utf-8")),
        ROOT / "mxcore/builtins.json": builtins(setting.published),
        everything: requirements(files[everything]),
        workspace: setting.with_urls(root(workspace.read_text("utf-8"))),
        questions: template(questions.read_text("utf-8"), setting),
        readme: tables(files[readme]),
        citation: numbered(citation.read_text("utf-8")),
        conformance: checks(conformance.read_text("utf-8")),
    }


def main(check: bool) -> int:
    """Write files that differ, or with ``check`` only list them; the exit status tells whether any did."""
    files = wanted(Setting.read())
    differing = [file for file, text in files.items() if not file.exists() or file.read_text("utf-8") != text]
    for file in differing:
        print(f"{'out of date' if check else 'wrote'}: {file.relative_to(ROOT)}")
        if not check:
            file.write_text(files[file], "utf-8")
    return int(check and bool(differing))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
