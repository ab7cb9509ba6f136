"""Configuration of the documentation: `uv run --group docs sphinx-build docs build/docs`."""

project = "{{ cookiecutter.__distribution }}"
extensions = ["mxcore_sphinx", "myst_parser"]
html_theme = "furo"
