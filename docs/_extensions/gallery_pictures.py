"""Pictures of the gallery: in the style of ``mx.plot``, and with an alt text that describes them.

An example describes a picture in comments of the block that draws it, which the page leaves out::

    # sphinx_gallery_alt = "On the left the paths of three optimizers,"
    # sphinx_gallery_alt = "on the right the value at each step."
"""

from __future__ import annotations

import re
from typing import Any

import matplotlib as mpl
from mxcore_plot.style import style
from sphinx_gallery.scrapers import matplotlib_scraper


def use_style(_conf: Any, _file: str) -> None:
    """Draw what follows in the style of the project, until matplotlib is reset for the next example."""
    with style():
        changed = {name: value for name, value in mpl.rcParams.items() if value != mpl.rcParamsDefault[name]}
    mpl.rcParams.update(changed)


def described(block: Any, block_vars: dict[str, Any], conf: Any) -> str:
    """What sphinx-gallery writes for the pictures of a block, with the alt text from its comments."""
    alt = " ".join(re.findall(r'^# sphinx_gallery_alt = "(.*)"$', block.content, re.MULTILINE))
    written = matplotlib_scraper(block, block_vars, conf)
    return re.sub("(?<=:alt: ).*", lambda _: alt, written) if alt else written
