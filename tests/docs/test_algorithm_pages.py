"""What the page of an algorithm says of it: its title, its links, and each requirement once."""

from collections.abc import Callable
from importlib.metadata import metadata

import attrs
import pytest
from mxcore_sphinx import algorithm
from mxcore_sphinx.pages import Offer
from sites import Site

import mxcore as mx

SGD = mx.catalogue.find("optimizer", "sgd")


@pytest.mark.parametrize(
    ("summary", "name", "title"),
    [
        ("Adam, with moments, for mxcore", "adam", "Adam"),
        ("DC-ASGD: for delays, for mxcore", "dcasgd", "DC-ASGD"),
        ("nesterov's accelerated gradient, for mxcore", "nag", "Nesterov's accelerated gradient (nag)"),
        ("", "swift", "SGD (swift)"),
        ("A sentence that goes on and on without ever getting to a comma or to its end", "sgd", "SGD"),
    ],
)
def test_a_title_is_what_the_summary_begins_with(summary: str, name: str, title: str) -> None:
    record = attrs.evolve(SGD, summary=summary, name=name)
    assert Offer(record, (name,), ambiguous=False).title == title
    rival = Offer(record, (name,), ambiguous=True).title
    assert rival.endswith("mxcore-optimizer-sgd)")


@pytest.mark.parametrize(
    ("requirement", "text", "said"),
    [
        ("must be None or a number of at least 0", "The learning rate, at least 0.", True),
        ("must be None or a number of at least 0", "The learning rate.", False),
        ("must be an integer of at least 1", "The update that ends it, at least 1.", True),
        ("must be in [0, 1)", "The decay, in [0, 1).", True),
        ("must be in [0, 1)", "The decay, in [0, 1].", False),
        ("must be one of 'avg', 'in', 'out'", '"avg", "in" or "out".', True),
        ("must be one of 'avg', 'in', 'out'", '"avg" or "in".', False),
        ("must be True or False", "Whether to scale.", True),
        ("must be a finite number", "The bias.", False),
    ],
)
def test_a_requirement_is_added_where_the_docstring_does_not_say_it(requirement: str, text: str, said: bool) -> None:
    assert algorithm._is_said(requirement, text) == said


def test_the_source_of_a_class_of_another_project_is_the_one_that_its_distribution_names(
    small_site: Callable[..., Site],
) -> None:
    conf = "mxcore_source = 'https://example.org/mine/blob/main'\nmxcore_guides = {'optimizer': 'index'}"
    site = small_site(conf=conf, index="# One\n\n```{mxcore-algorithm} optimizer:sgd\n```")
    (line,) = site.page("index.html").select(".mxcore-links")
    guide, source = line.find_all("a")
    assert guide.get_text() == "One"
    assert f"Repository, {source['href']}" in (metadata("mxcore-optimizer-sgd").get_all("Project-URL") or [])


def test_where_nothing_is_set_there_is_no_guide_and_no_title_of_one(small_site: Callable[..., Site]) -> None:
    site = small_site(index="# One\n\n```{mxcore-algorithm} initializer:zero\n```")
    (line,) = site.page("index.html").select(".mxcore-links")
    assert line.get_text().startswith('mx.initializer.create("zero") or "zeros"')
    assert [link.get_text() for link in line.find_all("a")] == ["Source"]
