"""What a plugin of this tree has in common with every project that ``mxcore new`` makes: both come from one template.

What is particular to a plugin is read from where it is written by hand: its kind and name are its folder's; summary,
entry points and dependencies stand in its ``pyproject.toml``; and its README begins to be its own with its example.
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
# The files that are the template's, and where the part begins that is not: the settings of a project's tools are the
# workspace's here, and an example is written by hand.
OWN_PART = {"LICENSE": None, "README.md": "\n```python\n", "pyproject.toml": "\n[dependency-groups]\n"}


def boilerplate(plugin: Path, version: str, setting: Setting) -> dict[Path, str]:
    """Every file of an algorithm's folder that the template says, as it should be.

    Args:
        plugin: the folder, such as ``plugins/optimizers/adam``.
        version: the version number.
        setting: where the project lives, and how it is installed.
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
    """The template's part of a file, without marks, and behind it the part that is the file's own."""
    rendered = re.sub(r".*Edit here \(.*\n+", "", rendered)
    if begin is None:
        return rendered
    _, found, own = file.read_text("utf-8").partition(begin) if file.exists() else ("", "", "")
    return rendered.partition(begin)[0] + found + own
