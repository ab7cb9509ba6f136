"""Pictures of the gallery: in the style of ``mx.plot``, and with an alt text that describes them.

An example describes a picture in comments of the block that draws it, which the page leaves out::

    # sphinx_gallery_alt = "On the left the paths of three optimizers,"
    # sphinx_gallery_alt = "on the right the value at each step."

What a picture of several panels shows cannot be read at the size of a thumbnail, so an example names one of them::

    # sphinx_gallery_panel = 1
    # sphinx_gallery_thumbnail_number = 2

The panel is saved after the pictures of its block, and is on no page. All files are reduced to 256 colours, which makes
them several times smaller.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from mxcore_plot.style import style
from PIL import Image
from sphinx_gallery.scrapers import matplotlib_scraper


def use_style(_conf: Any, _file: str) -> None:
    """Draw what follows in the style of the project, until matplotlib is reset for the next example."""
    with style():
        changed = {name: value for name, value in mpl.rcParams.items() if value != mpl.rcParamsDefault[name]}
    mpl.rcParams.update(changed)


def _panel(number: int, width: int) -> bytes:
    """One panel of the last figure, so many pixels wide, before sphinx-gallery closes the figure."""
    figure, buffer = plt.gcf(), io.BytesIO()
    for legend in figure.legends:  # of the whole figure, which would lie over the panel
        legend.set_visible(False)
    figure.canvas.draw()
    box = figure.axes[number].get_tightbbox().padded(3).transformed(figure.dpi_scale_trans.inverted())
    figure.savefig(buffer, format="png", bbox_inches=box, dpi=width / box.width)
    for legend in figure.legends:
        legend.set_visible(True)
    return buffer.getvalue()


def described(block: Any, block_vars: dict[str, Any], conf: Any) -> str:
    """What sphinx-gallery writes for the pictures of a block, with the alt text from its comments."""
    alt = " ".join(re.findall(r'^# sphinx_gallery_alt = "(.*)"$', block.content, re.MULTILINE))
    number = re.search(r"^# sphinx_gallery_panel = (\d+)$", block.content, re.MULTILINE)
    panel = _panel(int(number[1]), conf["thumbnail_size"][0]) if number else b""
    written = matplotlib_scraper(block, block_vars, conf)
    if panel:
        Path(next(block_vars["image_path_iterator"])).write_bytes(panel)
    return re.sub("(?<=:alt: ).*", lambda _: alt, written) if alt else written


def shrink(app: Any) -> None:
    """Reduce the colours of the pictures that sphinx-gallery has written; those that are done stay as they are."""
    for file in (Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"] / "images").rglob("*.png"):
        with Image.open(file) as image:
            if image.mode != "P":
                opaque = Image.new("RGBA", image.size, "white")
                opaque.alpha_composite(image.convert("RGBA"))
                fewer = opaque.convert("RGB").quantize(256, dither=Image.Dither.NONE)
                fewer.save(file, optimize=True)


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.connect("builder-inited", shrink, priority=900)  # after sphinx-gallery has run the examples
    return {"parallel_read_safe": True, "parallel_write_safe": True}
