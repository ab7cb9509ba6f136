"""The gallery's pictures: each described by its example, and all in one style."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sites import ROOT, Site

import mxcore as mx

EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "docs/_extensions")!r})
extensions += ["sphinx_gallery.gen_gallery"]
exclude_patterns = ["examples"]
sphinx_gallery_conf = {{
    "examples_dirs": "examples", "gallery_dirs": "gallery", "remove_config_comments": True,
    "image_scrapers": ("gallery_pictures.described",), "reset_modules": ("matplotlib", "gallery_pictures.use_style"),
}}
"""
EXAMPLE = '''"""
One line
========
"""

# %%
# A line.
import matplotlib.pyplot as plt

(line,) = plt.plot([0, 1])
# sphinx_gallery_alt = "A line that rises"
# sphinx_gallery_alt = "from 0 to 1."
plt.show()
print("colour", line.get_color())
'''


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_describes_each_of_its_pictures(file: Path) -> None:
    for block in re.split(r"^# %%", file.read_text("utf-8"), flags=re.MULTILINE):
        described = re.findall(r'^# sphinx_gallery_alt = "(.*)"\n(?:plt\.show\(\))?', block, re.MULTILINE)
        assert ("plt.show()" in block) == bool(described)
        assert not described or described[-1].endswith(".")


def test_a_picture_has_its_description_and_the_style_of_the_project(
    tmp_path: Path, small_site: Callable[..., Site]
) -> None:
    folder = tmp_path / "source/examples"
    folder.mkdir(parents=True)
    (folder / "GALLERY_HEADER.rst").write_text("Gallery\n=======\n", "utf-8")
    (folder / "plot_line.py").write_text(EXAMPLE, "utf-8")
    page = small_site(conf=CONF, index="# One\n\n```{toctree}\ngallery/index\n```").page("gallery/plot_line.html")
    (image,) = page.select("img.sphx-glr-single-img")
    assert image["alt"] == "A line that rises from 0 to 1."
    assert f"colour {mx.plot.COLOURS[0]}" in page.get_text()
    assert "sphinx_gallery_alt" not in page.get_text()
