"""The gallery's pictures: each described by its example, and all in one style."""

import re
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest
from sites import ROOT, Site

import mxcore as mx

EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "docs/_extensions")!r})
extensions += ["gallery_pictures", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["examples"]
sphinx_gallery_conf = {{
    "examples_dirs": "examples", "gallery_dirs": "gallery", "remove_config_comments": True,
    "thumbnail_size": (440, 308), "image_scrapers": ("gallery_pictures.described",),
    "reset_modules": ("matplotlib", "gallery_pictures.use_style"),
}}
"""
EXAMPLE = '''"""
One line
========
"""

# %%
# A line.
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
(line,) = left.plot([0, 1])
right.set_facecolor("#ff0000")
# sphinx_gallery_panel = 1
# sphinx_gallery_thumbnail_number = 2
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


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_thumbnail_of_an_example_is_one_panel_of_its_first_picture(file: Path) -> None:
    first = next(
        block for block in re.split(r"^# %%", file.read_text("utf-8"), flags=re.MULTILINE) if "plt.show()" in block
    )
    assert re.search(r"^# sphinx_gallery_panel = \d+\n# sphinx_gallery_thumbnail_number = 2$", first, re.MULTILINE)


def test_a_picture_has_its_description_and_the_style_of_the_project(
    tmp_path: Path, small_site: Callable[..., Site]
) -> None:
    folder = tmp_path / "source/examples"
    folder.mkdir(parents=True)
    (folder / "GALLERY_HEADER.rst").write_text("Gallery\n=======\n", "utf-8")
    (folder / "plot_line.py").write_text(EXAMPLE, "utf-8")
    site = small_site(conf=CONF, index="# One\n\n```{toctree}\ngallery/index\n```")
    page = site.page("gallery/plot_line.html")
    (image,) = page.select("img.sphx-glr-single-img")
    assert image["alt"] == "A line that rises from 0 to 1."
    assert f"colour {mx.plot.COLOURS[0]}" in page.get_text()
    assert "sphinx_gallery_" not in page.get_text()
    (thumbnail,) = site.page("gallery/index.html").select(".sphx-glr-thumbcontainer img")
    file = (site.folder / "gallery" / thumbnail["src"]).resolve()
    shown = matplotlib.image.imread(file)
    red = (shown[..., 0] > 0.9) & (shown[..., 1] < 0.1) & (shown[..., 2] < 0.1)
    assert shown.shape[:2] == (308, 440)
    assert file.stat().st_size < 20_000
    assert red.mean() > 0.5  # the right panel fills it
