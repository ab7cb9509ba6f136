"""How Sphinx builds the documentation: `uv run --group docs sphinx-build docs build/docs`."""

project = "{{ cookiecutter.__distribution }}"
author = "{{ cookiecutter.author }}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
html_theme = "furo"
