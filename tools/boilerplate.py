"""The files that plugins in this tree share with projects from ``mxcore new``: both come from the same template.

What is specific to a plugin is read from where it is maintained: kind and name from its folder; summary, entry points
and dependencies from its ``pyproject.toml``; and its README from the example on.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from cookiecutter.generate import generate_files
from cookiecutter.prompt import prompt_for_config
from setting import ROOT, Setting, project

__all__ = ["boilerplate"]

TEMPLATE = ROOT / "cookiecutter-template"
# The files from the template, and where the part that is not from it starts: here, tools are configured in the
# workspace, and examples are written by hand.
OWN_PART = {"LICENSE": None, "README.md": "\n```python\n", "pyproject.toml": "\n[dependency-groups]\n"}


def boilerplate(plugin: Path, version: str, setting: Setting) -> dict[Path, str]:
    """Return the files of an algorithm's folder that come from the template, as they should be.

    Args:
        plugin: the folder, such as ``plugins/optimizers/adam``.
        version: the version number.
        setting: the project's location, and how it is installed.
    """
    answers = _answers(plugin, version, setting)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(generate_files(TEMPLATE, {"cookiecutter": answers}, folder, accept_hooks=False))
        rendered = {name: (made / name).read_text("utf-8") for name in OWN_PART}
    files = {plugin / name: _joined(text, plugin / name, OWN_PART[name]) for name, text in rendered.items()}
    return {**files, plugin / answers["__package"] / "py.typed": ""}


def _answers(plugin: Path, version: str, setting: Setting) -> dict[str, Any]:
    core, own = (project(folder) for folder in (ROOT, plugin))
    (targets,) = own["entry-points"].values()
    answers = {
        "kind": plugin.parent.name.removesuffix("s"),
        "name": plugin.name,
        "summary": own["description"].removesuffix(", for mxcore"),
        "author": core["authors"][0]["name"],
        "license": core["license"],
        "__targets": targets,
        "__urls": setting.urls,
        "_published": setting.published,
        "_folder": f"./plugins/{plugin.parent.name}/{plugin.name}",
        "_version": version,
        "_dependencies": own["dependencies"],
    }
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
    return dict(prompt_for_config({"cookiecutter": {**questions, **answers}}, no_input=True))


def _joined(rendered: str, file: Path, begin: str | None) -> str:
    """Combine the template's part of a file, without marks, with the file's own part."""
    rendered = re.sub(r".*Edit here \(.*\n+", "", rendered)
    if begin is None:
        return rendered
    _, found, own = file.read_text("utf-8").partition(begin) if file.exists() else ("", "", "")
    return rendered.partition(begin)[0] + found + own
