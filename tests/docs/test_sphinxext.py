"""The extension documents whatever is installed: a scaffolded plugin by its page, a faulty one by its cause."""

import importlib
import pkgutil
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import mxcore_sphinx as sphinxext
import pytest
from sites import ROOT, Site, built, install, plugin, scaffold, small, sphinx

KINDS = ("optimizer", "initializer", "lr_scheduler")
RIVAL = '''
from mxcore.optimizer import Optimizer

class Swift(Optimizer):
    """Another FTML."""

    slots = ()

    @staticmethod
    def rule(weight, grad, *, lr):
        return weight - lr * grad
'''
FAULTY = """
class Swift:
    pass
"""


def test_every_public_name_of_the_extension_exists_and_is_documented() -> None:
    modules = [importlib.import_module(f"mxcore_sphinx.{one.name}") for one in pkgutil.iter_modules(sphinxext.__path__)]
    for module in (sphinxext, *modules):
        assert module.__doc__
        assert all(getattr(module, name).__doc__ for name in module.__all__)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site where some plugins are in use, a scaffolded one and faulty ones among them."""
    folder = tmp_path_factory.mktemp("crowded")
    installed = folder / "installed"
    install(scaffold(folder, "optimizer"), installed)
    plugin(installed, "broken-gull", "gull", "import a_module_that_is_nowhere")
    plugin(installed, "no-optimizer", "tern", FAULTY)
    plugin(installed, "rival-ftml", "ftml", RIVAL)
    plugin(installed, "from-the-future", "future", "raise SystemExit('imported')", "mxcore>=7")
    pages = {f"reference/{kind}s": (ROOT / f"docs/reference/{kind}s.md").read_text("utf-8") for kind in KINDS}
    pages["index"] = "# All\n\n```{toctree}\n:glob:\n\nreference/*\n```\n"
    used = ["mxcore-optimizer-adam", "mxcore-optimizer-ftml", "mxcore-optimizer-sgd", "mxcore-optimizer-swift"]
    used += ["broken-gull", "no-optimizer", "rival-ftml", "from-the-future"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MXCORE_PLUGINS", ",".join(used))
        return small(folder, installed, "html_theme = 'furo'\nmxcore_pages = 'reference'", **pages)


def test_a_scaffolded_plugin_that_is_installed_has_its_page(crowded: Site) -> None:
    text = crowded.text("reference/optimizers/swift.html")
    assert "mxcore-optimizer-swift 0.1.0" in text
    assert "Hyper-parameters" in text
    assert crowded.page("reference/optimizers/swift.html").select("img.mxcore-picture")
    (link,) = [one for one in crowded.page("reference/optimizers.html").select("article a") if one.text == "swift"]
    assert link["href"].startswith("optimizers/swift.html")


@pytest.mark.parametrize(
    ("page", "distribution", "cause"),
    [
        ("gull", "broken-gull", "No module named 'a_module_that_is_nowhere'"),
        ("tern", "no-optimizer", "it is not a subclass of mxcore's Optimizer"),
        ("future", "from-the-future", "requires mxcore>=7, this is mxcore"),
        ("rival-ftml-ftml", "rival-ftml", "also offered by mxcore-optimizer-ftml"),
    ],
)
def test_a_plugin_that_cannot_be_used_appears_with_the_cause(
    crowded: Site, page: str, distribution: str, cause: str
) -> None:
    rows = crowded.page("reference/optimizers.html").select("table.mxcore-catalogue tbody tr")
    (row,) = [row for row in rows if row.find_all("td")[-1].text.strip() == f"{distribution} 1.0"]
    quotes = str.maketrans("‘’", "''")
    assert cause in row.text.translate(quotes)
    text = crowded.text(f"reference/optimizers/{page}.html").translate(quotes)
    assert cause in text or "Hyper-parameters" in text  # of two that offer a name, each can be shown


def test_a_catalogue_imports_nothing(tmp_path: Path, small_site: Callable[..., Site]) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    plugin(installed, "loud-gull", "gull", "raise SystemExit('imported')")
    listing = "# All\n\n```{mxcore-catalogue} optimizers\n```\n"
    seen = small_site(installed, index=listing, conf=SEE_WHAT_IS_IMPORTED)
    assert "loud-gull 1.0" in seen.page("index.html").text
    assert (tmp_path / "html/imported.txt").read_text(encoding="utf-8") == ""


SEE_WHAT_IS_IMPORTED = """
import sys
from pathlib import Path

def tell(app, error):
    plugins = [name for name in sys.modules if name.startswith(("mxcore_", "loud_"))]
    plugins = [name for name in plugins if name.partition(".")[0] not in ("mxcore_sphinx", "mxcore_plot")]
    Path(app.outdir, "imported.txt").write_text(" ".join(plugins))

def setup(app):
    app.connect("build-finished", tell)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_documentation_of_a_scaffolded_project_builds(kind: str, tmp_path: Path) -> None:
    project, installed = scaffold(tmp_path, kind), tmp_path / "installed"
    install(project, installed)
    site = built(project / "docs", tmp_path / "html", path=installed)
    assert "Hyper-parameters" in site.text("index.html")
    assert site.page("index.html").select("img.mxcore-picture")


def test_pictures_are_drawn_once_and_again_when_something_changes(
    tmp_path: Path, small_site: Callable[..., Site]
) -> None:
    def pictures(arguments: str) -> dict[str, int]:
        schedule = f"```{{mxcore-schedule}}\nfactor:{arguments}\n```"
        small_site(index=f"# One\n\n{schedule}\n\n```{{mxcore-path}}\n:steps: 20\n\nsgd\n```\n")
        return {file.name: file.stat().st_mtime_ns for file in (tmp_path / "html/.doctrees/mxcore").iterdir()}

    first = pictures("step=10,factor=0.5")
    (tmp_path / "source/index.md").touch()
    assert pictures("step=10,factor=0.5") == first
    assert {file.rpartition(".")[2] for file in first} == {"pdf", "svg"}
    assert len(first) == 4
    changed = pictures("step=10,factor=0.25")
    assert len(changed) == 6
    assert first.items() <= changed.items()


def test_pictures_have_the_same_bytes_in_each_build(tmp_path: Path, small_site: Callable[..., Site]) -> None:
    page = "# One\n\n```{mxcore-path} beale\n:steps: 20\n:alt: Two paths.\n\nadam\nsgd:momentum=0.5\n```\n"
    drawn = []
    for _ in range(2):
        site = small_site(index=page)
        (image,) = site.page("index.html").select("img")
        assert image["alt"] == "Two paths."
        drawn.append((tmp_path / "html" / image["src"]).read_bytes())
        shutil.rmtree(tmp_path / "html")
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```{mxcore-catalogue} optimisers\n```", "there is no catalogue of 'optimisers': choose from optimizers"),
        ("```{mxcore-schedule}\ncosin\n```", "cannot find lr_scheduler 'cosin': did you mean 'cosine'"),
        ("```{mxcore-path} rosen\nsgd\n```", "there is no function 'rosen': choose from"),
        ("```{mxcore-path}\nsgd:momentun=1\n```", "has no argument 'momentun' (did you mean 'momentum'?)"),
        ("{mxcore:algorithm}`optimizer:adm`", "optimizer:adm"),
    ],
)
def test_a_mistake_of_the_author_is_a_warning_that_says_so(page: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text("extensions = ['mxcore_sphinx', 'myst_parser']\n", encoding="utf-8")
    (tmp_path / "index.md").write_text(f"# One\n\n{page}\n", encoding="utf-8")
    status, printed = sphinx(tmp_path, tmp_path / "html")
    assert status == 1
    assert said in re.sub(r"\s+", " ", printed)
