"""Configuration of the documentation: `uv run --group docs sphinx-build docs build/docs`."""

import importlib.metadata

project = "{{ cookiecutter.__distribution }}"
author = copyright = "{{ cookiecutter.author }}"
version = release = importlib.metadata.version(project)
extensions = ["mxcore_sphinx", "myst_parser"]
html_theme = "furo"
# With `-b epub`, Sphinx would warn about its own cache in the output folder.
suppress_warnings = ["epub.unknown_project_files"]
