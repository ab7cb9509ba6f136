"""Include the template, which is next to the plugins in a checkout and in this folder in a source distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Adds ``cookiecutter-template`` to the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the template; an editable installation finds it in the checkout."""
        if version == "editable":
            return
        packed, checkout = (Path(self.root, where, "cookiecutter-template") for where in ("", "../../.."))
        target = "mxcore_new/cookiecutter-template" if self.target_name == "wheel" else "cookiecutter-template"
        build_data["force_include"][str(packed if packed.is_dir() else checkout.resolve())] = target
