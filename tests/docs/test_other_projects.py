"""The extension in other people's projects: whatever their classes and docstrings are like, and whatever is built."""

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sites import Site, built, install, plugin, scaffold, sphinx

KINDS = ("optimizer", "initializer", "lr_scheduler")
RULE = """
    slots = ()

    @staticmethod
    def rule(weight, grad, *, lr):
        return weight - lr * grad
"""


def optimizer(name: str, docstring: str = "It goes down.", code: str = RULE) -> str:
    """The code of a plugin; its docstring begins in line 5."""
    return f'import mxcore as mx\n\n\nclass {name.capitalize()}(mx.optimizer.Optimizer):\n    """{docstring}"""\n{code}'


@pytest.fixture
def documented(tmp_path: Path) -> Callable[..., tuple[int, str, Site]]:
    """Build a page about optimizers, by their names: the exit status, what was printed, and the site."""
    source, installed = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    installed.mkdir()

    def build(codes: dict[str, str], *options: str, conf: str = "", page: str = "") -> tuple[int, str, Site]:
        for name, code in codes.items():
            plugin(installed, f"{name}-gull", name, code)
            page += f"## {name}\n\n```{{mxcore-algorithm}} optimizer:{name}\n```\n"
        extensions = "extensions = ['mxcore_sphinx', 'myst_parser']"
        (source / "conf.py").write_text(f"{extensions}\nhtml_theme = 'basic'\n{conf}\n", encoding="utf-8")
        if page:
            (source / "index.md").write_text(f"# One\n\n{page}", encoding="utf-8")
        status, printed = sphinx(source, tmp_path / "out", "-q", *options, path=installed)
        assert "Traceback" not in printed
        return status, printed, Site(tmp_path / "out", printed)

    return build


EVERYTHING = """Go down |slope| [1]_, as `Ada <https://example.org/ada>`_ did [Lovelace1843]_; see `the notes`_.

    .. |slope| replace:: the steepest slope
    .. _the notes: https://example.org/notes

    .. _swift-details:

    Details are in :ref:`the details <swift-details>`, and auto-numbered [#note]_.

    Parameters
    ----------
    kwargs : dict
        Those of every optimizer [1]_.
    *others, more : int
        Nothing else.

    Raises
    ------
    ValueError
        A hyper-parameter is out of its range.

    Notes
    -----
    It is fast.

    References
    ----------
    .. [1] A. Lovelace: Notes.
    .. [#note] An auto-numbered note.
    .. [Lovelace1843] Sketch of the Analytical Engine.

    A heading of its own
    --------------------
    With a text.
    """


def test_footnotes_links_substitutions_and_sections_of_a_docstring_are_what_they_are_elsewhere(
    documented: Callable[..., tuple[int, str, Site]],
) -> None:
    status, printed, site = documented({"swift": optimizer("swift", EVERYTHING)})
    assert status == 0, printed
    page = site.page("index.html")
    assert "Go down the steepest slope" in page.text
    links = {link.text: link["href"] for link in page.select("a")}
    assert (links["Ada"], links["the notes"]) == ("https://example.org/ada", "https://example.org/notes")
    assert page.find(id=links["the details"].removeprefix("#"))
    notes = [one["id"] for one in page.select("aside.footnote, div.citation")]
    assert len(set(notes)) == 3
    assert {link["href"] for link in page.select("a.footnote-reference")} <= {f"#{note}" for note in notes}
    assert f"#{page.select_one('div.citation')['id']}" in [link["href"] for link in page.select("a")]
    heads = [head.text.rstrip("¶") for head in page.select("h2, h3, h4")]
    assert {"Errors", "Notes", "References", "A heading of its own"} <= set(heads)


def test_two_docstrings_of_one_page_have_footnotes_of_their_own(
    documented: Callable[..., tuple[int, str, Site]],
) -> None:
    said = "See [1]_.\n\n    .. [1] The note of {}.\n    "
    status, printed, site = documented({name: optimizer(name, said.format(name)) for name in ("swift", "tern")})
    assert status == 0, printed
    page = site.page("index.html")
    references = [link["href"].removeprefix("#") for link in page.select("a.footnote-reference")]
    assert [page.find(id=one).p.text for one in references] == ["The note of swift.", "The note of tern."]


MISTAKES = [
    ("See `nowhere`_.", 5, 'Unknown target name: "nowhere"'),
    ("See [9]_.", 5, 'Unknown target name: "9"'),
    ("It is |fast|.", 5, 'Undefined substitution referenced: "fast"'),
    ("It is *fast.", 5, "Inline emphasis start-string without end-string"),
    ("See :class:`mxcore.optimizer.Optimiser`.", 5, "mxcore has no 'mxcore.optimizer.Optimiser'"),
    ("Fast.\n\n    Args:\n        kwargs: of `every`_.\n", 8, 'Unknown target name: "every"'),
    ("Fast.\n\n    Parameters\n    ----------\n    kwargs : dict\n        Of `all`_.\n", 10, 'target name: "all"'),
    ("\n    Fast.\n\n    .. nothing:: at all\n", 8, 'Unknown directive type "nothing"'),
]


def test_a_mistake_in_a_docstring_is_a_warning_at_its_line(documented: Callable[..., tuple[int, str, Site]]) -> None:
    names = {f"gull{number}": mistake for number, mistake in enumerate(MISTAKES)}
    status, printed, site = documented({name: optimizer(name, text) for name, (text, _, _) in names.items()})
    assert status == 1
    for name, (_, line, said) in names.items():
        seen = [one for one in printed.splitlines() if f"{name}_gull.py:{line}: " in one]
        assert any(said in one for one in seen), (said, printed)
    assert site.page("index.html").text.count("Those of every optimizer") == len(MISTAKES)


CANNOT = {
    "sized": (
        "    def __init__(self, size, **kwargs):\n        super().__init__(**kwargs)\n        self.size = size\n"
        + RULE,
        "missing 1 required positional argument: 'size'",
    ),
    "bare": ("    examples = ()\n" + RULE, "index out of range"),
    "square": (RULE.replace("weight - lr", "weight @ weight.T - lr"), "Error"),
    "licensed": (
        "    def __init__(self, **kwargs):\n        raise OSError('no licence')\n" + RULE,
        "OSError: no licence",
    ),
    "unwritten": ("", "NotImplementedError"),
}
DRAWN = "".join(f"```{{mxcore-path}}\n:steps: 10\n\n{name}\n```\n" for name in CANNOT)


def test_what_cannot_be_drawn_is_a_warning_at_its_directive_that_can_be_switched_off(
    documented: Callable[..., tuple[int, str, Site]],
) -> None:
    status, printed, site = documented({name: optimizer(name, code=code) for name, (code, _) in CANNOT.items()})
    assert status == 1
    for number, (name, (_, cause)) in enumerate(CANNOT.items()):
        (warning,) = [line for line in printed.splitlines() if f"cannot draw optimizer:{name}: " in line]
        assert f"index.md:{5 + 4 * number}: WARNING" in warning
        assert cause in warning
        assert f"'examples' of {name.capitalize()}" in warning
    assert site.page("index.html").text.count("It goes down.") == len(CANNOT)
    status, printed, _ = documented({}, "-E", conf="suppress_warnings = ['mxcore.picture']")
    assert status == 0, printed


def test_a_picture_that_was_asked_for_and_cannot_be_drawn_is_an_error_at_its_directive(
    documented: Callable[..., tuple[int, str, Site]],
) -> None:
    codes = {name: optimizer(name, code=code) for name, (code, _) in CANNOT.items()}
    status, printed, _ = documented(codes, conf="suppress_warnings = ['mxcore.picture']", page=DRAWN)
    assert status == 1
    for number in range(len(CANNOT)):
        assert re.search(rf"index\.md:{3 + 5 * number}: (ERROR|WARNING)", printed), printed


INHERITING = '''
import mxcore as mx

class Counting(dict):
    """What is built into Python has no source file."""

@mx.hyperparameters
class Base(mx.optimizer.Optimizer):
    """The base.

    Args:
        size: how large, of the base.
    """

    size: int = mx.hyperparameter(3, mx.integer(1))
    slots = ()

    @staticmethod
    def rule(weight, grad, *, lr, size):
        return weight - lr * grad * size

@mx.hyperparameters
class Swift(Base, Counting):
    """It goes down."""

    speed: float = mx.hyperparameter(0.5, mx.positive)

    @staticmethod
    def rule(weight, grad, *, lr, size, speed):
        return weight - lr * grad * size * speed
'''


def test_hyperparameters_stand_with_the_class_that_declares_them(
    documented: Callable[..., tuple[int, str, Site]],
) -> None:
    status, printed, site = documented({"swift": INHERITING})
    assert status == 0, printed
    own, *boxes = site.page("index.html").select("table.mxcore-hyperparameters")
    assert [row.td.text for row in own.select("tbody tr")] == ["speed"]
    assert "Must be a number above 0" in own.text
    titles = [box.find_parent(class_="admonition").select_one(".admonition-title").text for box in boxes]
    assert titles == ["Those of Base", "Those of every optimizer"]
    assert [row.td.text for row in boxes[0].select("tbody tr")] == ["size"]
    assert "How large, of the base." in boxes[0].text
    assert "wd" in [row.td.text for row in boxes[1].select("tbody tr")]


def inventory(path: Path) -> None:
    """What another site has: a class of the core, and an algorithm."""
    lines = (
        b"mxcore.optimizer.Optimizer py:class 1 api.html#$ -\n"
        b"optimizer:sgd mxcore:algorithm 1 sgd.html#mxcore-optimizer-sgd sgd\n"
    )
    head = b"# Sphinx inventory version 2\n# Project: mxcore\n# Version: 1\n# The remainder is compressed using zlib.\n"
    path.write_bytes(head + zlib.compress(lines))


@pytest.mark.parametrize("first", ["mxcore_sphinx", "sphinx.ext.intersphinx"])
def test_references_go_through_intersphinx_in_any_order_of_extensions(
    first: str, documented: Callable[..., tuple[int, str, Site]], tmp_path: Path
) -> None:
    inventory(tmp_path / "objects.inv")
    extensions = sorted(["mxcore_sphinx", "sphinx.ext.intersphinx", "myst_parser"], key=lambda one: one != first)
    mapping = {"mxcore": ("https://example.org/", str(tmp_path / "objects.inv"))}
    text = "See :class:`mxcore.optimizer.Optimizer`, :func:`mxcore.in_range`, :mxcore:algorithm:`optimizer:sgd`."
    conf = f"extensions = {extensions}\nintersphinx_mapping = {mapping}"
    status, printed, site = documented({"swift": optimizer("swift", text)}, conf=conf)
    assert status == 0, printed
    links = {link.text: link["href"] for link in site.page("index.html").select("a.external")}
    assert links["mxcore.optimizer.Optimizer"] == "https://example.org/api.html#mxcore.optimizer.Optimizer"
    assert links["sgd"] == "https://example.org/sgd.html#mxcore-optimizer-sgd"
    assert "mxcore.in_range()" in site.page("index.html").text  # is there, and the other site does not have it


@pytest.mark.parametrize("nitpicky", [True, False])
def test_a_reference_to_the_core_that_is_misspelt_is_reported_once(
    nitpicky: bool, documented: Callable[..., tuple[int, str, Site]]
) -> None:
    text = "See :meth:`mxcore.optimizer.Optimizer.updat` and :attr:`mxcore.optimizer.Optimizer.wd`."
    conf = "def setup(app):\n    app.config.nitpicky = " + str(nitpicky)
    status, printed, _ = documented({"swift": optimizer("swift", text)}, conf=conf)
    assert status == 1
    assert printed.count("updat'") == 1
    assert "Optimizer.wd" not in printed


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaffolded_project_builds_as_text_latex_epub_and_man(kind: str, tmp_path: Path) -> None:
    project, installed = scaffold(tmp_path, kind), tmp_path / "installed"
    install(project, installed)
    for builder in ("text", "latex", "epub", "man"):
        built(project / "docs", tmp_path / builder, "-b", builder, path=installed)
    text = (tmp_path / "text/index.txt").read_text("utf-8")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert max(map(len, table)) < 90
    assert min(len(cell) for line in table for cell in line.split("|")[1:-1]) >= 12
    (latex,) = (tmp_path / "latex").glob("mxcore-*.tex")
    pictures = re.findall(r"\\sphinxincludegraphics\{\{([\w-]+)\}\.pdf\}", latex.read_text("utf-8"))
    assert pictures
    for picture in pictures:
        assert (tmp_path / f"latex/{picture}.pdf").read_bytes()[:5] == b"%PDF-"
    assert list((tmp_path / "epub").glob("*.epub"))
    assert ".SH HYPER-PARAMETERS" in next((tmp_path / "man").glob("*.1")).read_text("utf-8")
