"""How Sphinx builds the site: `uv run --group docs sphinx-build -W --keep-going -n docs docs/_build/html`."""

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import mxcore

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from page_head import SETTING

project = "mxcore"
author = copyright = "The mxcore developers"
version = release = mxcore.__version__

extensions = [
    "api_pages",
    "bench_summary",
    "bench_tables",
    "gallery_pictures",
    "mxcore_sphinx",
    "myst_parser",
    "page_head",
    "search_entries",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "examples", "gallery/*.ipynb", "gallery/*.py", "gallery/*.md5"]

mxcore_pages = "reference"
mxcore_guides = {
    "optimizer": "guides/choosing",
    "initializer": "guides/initialisation",
    "lr_scheduler": "guides/schedules",
}
mxcore_source = f"{SETTING['repository']}/blob/main"

# Adapters are not installed here, nor are the libraries that they are for.
sys.path += map(str, Path(mxcore.__file__).parent.parent.glob("plugins/clients/*"))
autodoc_mock_imports = [
    "autograd", "jax", "optax", "pennylane", "qiskit_algorithms", "river", "sigpy", "thinc", "torch"
]  # fmt: skip

# The modules with a page in the API reference, beside those that are attributes of mxcore.
api_modules = [
    "mxcore.curves",
    "mxcore.declarations",
    "mxcore.fans",
    "mxcore.validators",
    "mxcore.hookspecs",
    "mxcore.testing",
    "mxcore.testing.functions",
    "mxcore.commands.choice",
]

html_theme = "furo"
html_title = f"mxcore {release}"
html_baseurl = SETTING["site"]
html_theme_options = {"source_edit_link": "filled in for each page by page_head"}
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["mxcore.css"]
html_extra_path = ["../CITATION.cff"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 100

bibtex_bibfiles = ["references.bib"]

# No network: the inventories are in the repository.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", "_inventories/python.inv"),
    "numpy": ("https://numpy.org/doc/stable/", "_inventories/numpy.inv"),
}
# Names in annotations that are nobody's to call.
nitpick_ignore_regex = [
    ("py:class", r"numpy\._typing\..*"),
    ("py:class", r"(.*\.)?(T|C|Given|OptimizerT|Run|Job|Layout|_Savable|executor\.Executor)"),
    (
        "py:class",
        r"(.*\.)?(Index|Host|Worker|Step|Schedule|Figure|EpochCallback|Metric|Network|Node|Output|Path|_Symbol)",
    ),
    ("py:class", r"pluggy\..*|torch\..*|numpy\.random\._generator\.Generator"),
]

# The prompts of doctests, and what they print, are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "thumbnail_size": (440, 308),
    "image_scrapers": ("gallery_pictures.described",),
    "reset_modules": ("matplotlib", "gallery_pictures.use_style"),
    "remove_config_comments": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_memory": False,
    "show_signature": False,
}

mathjax_path = "mathjax/tex-chtml.js"


def copy_mathjax(app: Any, error: Exception | None) -> None:
    """Let the site serve MathJax and its fonts itself."""
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if error or app.builder.format != "html" or found is None or found.origin is None:
        return
    source, target = Path(found.origin).parent / "static/mathjax", Path(app.outdir) / "_static/mathjax"
    fonts = "output/chtml/fonts/woff-v2"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "tex-chtml.js", target)
    shutil.copytree(source / fonts, target / fonts, dirs_exist_ok=True)


def setup(app: Any) -> None:
    """Take part in the build."""
    app.connect("build-finished", copy_mathjax)
