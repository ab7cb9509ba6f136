"""Configuration of the documentation: `uv run --group docs sphinx-build docs build/docs`."""

import importlib.metadata

metadata = importlib.metadata.metadata("{{ cookiecutter.__distribution }}")
project, version = metadata["Name"], metadata["Version"]
author = copyright = metadata.get("Author", project)
release = version
extensions = ["mxcore_sphinx", "myst_parser"]
html_theme = "furo"
# With `-b epub`, Sphinx would warn about its own cache in the output folder.
suppress_warnings = ["epub.unknown_project_files"]
