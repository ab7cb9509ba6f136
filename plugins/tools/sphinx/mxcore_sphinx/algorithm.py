"""The directive ``mxcore-algorithm``: all that there is to say about one algorithm, from its class and its metadata."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import mxcore
from mxcore import catalogue
from mxcore.catalogue.properties import properties
from mxcore.declarations import Described, describe
from mxcore_sphinx.docstring import Docstring, read
from mxcore_sphinx.domain import Documented, MxcoreDomain
from mxcore_sphinx.links import links
from mxcore_sphinx.nodes import admonition, paragraph, parse, section, table
from mxcore_sphinx.pages import offers
from mxcore_sphinx.pictures import path_picture, schedule_picture, values_picture
from mxcore_sphinx.place import file_of, source_of

__all__ = ["AlgorithmDirective"]

_logger = logging.getLogger(__name__)

# Where each kind has its algorithm: the first of these that the class defines.
_CODE = {
    "optimizer": ("rule", "update", "update_multi_precision", "update_all"),
    "initializer": ("values", "law", "_init_weight"),
    "lr_scheduler": ("rate", "__call__"),
}

_WHEN = "When to use it"

# What the paths of optimizers are compared with.
_HOSTS = {"optax": "optax", "torch": "torch", "keras": "Keras"}
_PEERS = ("sgd", "adam")


class AlgorithmDirective(SphinxDirective):
    """Document an algorithm, by its name or as ``kind:name`` or ``kind:distribution:name``."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        key = self.arguments[0].lower()
        try:
            record, *others = catalogue.find_all(key)
            if others:
                choices = " or ".join(f"{one.kind}:{one.name}" for one in (record, *others))
                raise self.error(f"{key!r} is of several kinds: say {choices}")
            cls = getattr(mxcore, record.kind).registry.load(record)
        except catalogue.PluginError as error:
            return [self._target(key, str(error)), self._broken(str(error))]
        self._depend_on(cls)
        if key.partition(":")[0] not in catalogue.ALGORITHMS:
            key = f"{record.kind}:{key}"
        target = self._target(key)
        if original := _original(record, cls):
            link = f":mxcore:algorithm:`{record.kind}:{original}`"
            return [target, *parse(self, f"Another name of {link}, from {record.distribution} {record.version}.", key)]
        return [target, *_Page(self, record, cls, key).content()]

    def _target(self, key: str, error: str = "") -> nodes.Node:
        """The place that links to the algorithm lead to."""
        target = nodes.target("", "", ids=[nodes.make_id(f"mxcore-{key}")])
        domain = self.env.domains["mxcore"]
        assert isinstance(domain, MxcoreDomain)
        domain.algorithms[key] = Documented(self.env.docname, target["ids"][0], error)
        return target

    def _broken(self, cause: str) -> nodes.Node:
        self.env.note_reread()  # it may be mended before the next build
        return admonition("This plugin cannot be used", cause)

    def _depend_on(self, cls: type) -> None:
        """Read the page again when the class changes, or what makes pages of classes."""
        classes = [Path(source) for one in cls.__mro__ if (source := file_of(one))]
        for file in (*classes, *Path(__file__).parent.glob("*.py")):
            self.env.note_dependency(file)


def _original(record: catalogue.Record, cls: type) -> str:
    """The name that a class goes by in its distribution, if the record is an alias of it; else nothing."""
    names = [
        other.name
        for other in catalogue.records(record.kind)
        if other.distribution == record.distribution and other.class_name == cls.__name__
    ]
    return "" if record.name in names or not names else names[0]


class _Page:
    """The parts of an algorithm's documentation."""

    def __init__(self, directive: AlgorithmDirective, record: catalogue.Record, cls: Any, key: str) -> None:
        self.directive, self.record, self.cls, self.key = directive, record, cls, key
        self.docstring = read(directive, cls)

    def content(self) -> list[nodes.Node]:
        """All of it."""
        return [
            *self._signature(),
            *self.docstring.body[:1],
            links(self.directive, self.record, self.cls),
            *self.docstring.body[1:],
            *self._picture(),
            *self._part(_WHEN),
            *self._hyperparameters(),
            *self._part("State"),
            *self._errors(),
            *self._elsewhere(),
            *self._code(),
            *(part for name in self.docstring.parts if name not in ("State", _WHEN) for part in self._part(name)),
            *self._similar(),
            *self._origin(),
        ]

    def _section(self, title: str, content: Iterable[nodes.Node]) -> nodes.section:
        return section(nodes.make_id(f"{self.key}-{title}"), title, content)

    def _part(self, name: str) -> Iterator[nodes.Node]:
        if content := self.docstring.parts.get(name):
            yield self._section(name, content)

    def _signature(self) -> list[nodes.Node]:
        """The class as Python's domain knows it: under the name that users write, and the one it is defined as."""
        module, name = self.cls.__module__, self.cls.__qualname__
        usable = self.key.count(":") == 1  # nobody else has the name
        if usable:
            module, name = f"mxcore.{self.record.kind}", self.cls.__name__
        canonical = f"   :canonical: {self.cls.__module__}.{self.cls.__qualname__}\n" if usable else ""
        text = f".. py:class:: {name}{self._arguments()}\n   :module: {module}\n{canonical}"
        return parse(self.directive, text, self.key)

    def _arguments(self) -> str:
        """The signature; where the docstring leaves some to "kwargs", so does this."""
        signature = inspect.signature(self.cls)
        if "kwargs" not in self.docstring.arguments:
            return " ".join(str(signature).split())
        own = [
            one.replace(kind=one.POSITIONAL_OR_KEYWORD)
            for one in signature.parameters.values()
            if one.name in self.docstring.arguments
        ]
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        return " ".join(str(signature.replace(parameters=[*own, rest])).split())

    def _picture(self) -> list[nodes.Node]:
        """Where the algorithm goes on a test function beside well-known ones, or its curve, or the values it draws."""
        try:
            if self.record.kind == "optimizer":
                return [path_picture(self.directive, {self.record.name: _descending(self.cls), **_peers(self.cls)})]
            examples = [self.cls(**arguments) for arguments in self.cls.examples]
            named = zip(self.cls.examples, examples, strict=True)
            called = {_call(self.record.name, how): one for how, one in named}
            if self.record.kind == "lr_scheduler":
                return [schedule_picture(self.directive, called)]
            return [values_picture(self.directive, called if len(called) > 1 else {self.record.name: examples[0]})]
        except Exception as error:  # whatever the author's code raises
            _logger.warning(
                "cannot draw %s: %s: %s; let 'examples' of %s hold arguments that it can be drawn with, or add "
                "'mxcore.picture' to suppress_warnings in conf.py",
                self.key, type(error).__name__, error, self.cls.__name__,
                location=self.directive.get_location(), type="mxcore", subtype="picture",
            )  # fmt: skip
        return []

    def _hyperparameters(self) -> list[nodes.Node]:
        """The class's own, and those that it inherits, each with the class that declares it."""
        bases = [one for one in self.cls.__mro__[1:] if one.__module__.partition(".")[0] not in sys.stdlib_module_names]
        said = {self.cls: self.docstring, **{one: read(self.directive, one) for one in bases}}
        rows: dict[type, list[Described]] = {one: [] for one in said}
        for row in describe(self.cls):
            owner = next((one for one in said if row.name in said[one].arguments or _declares(one, row.name)), self.cls)
            rows[owner].append(row)
        content: list[nodes.Node] = []
        for owner, own in rows.items():
            if own and owner is self.cls:
                content.append(self._table(own, said[owner]))
            elif own:
                content.append(self._inherited(owner, self._table(own, said[owner])))
        return [self._section("Hyper-parameters", content)] if content else []

    def _inherited(self, owner: type, rows: nodes.table) -> nodes.Node:
        """A box that is opened by those who want to know."""
        of_the_core = owner.__module__.partition(".")[0] == "mxcore"
        kind = f"every {self.record.kind.replace('lr_', 'learning-rate ')}" if of_the_core else owner.__name__
        title = nodes.title("", f"Those of {kind}")
        return nodes.admonition("", title, rows, classes=["mxcore-inherited"], collapsible=True, open=False)

    def _table(self, rows: Iterable[Described], said: Docstring) -> nodes.table:
        cells = [
            [
                [paragraph(nodes.literal(row.name, row.name))],
                [paragraph(nodes.literal(row.default, row.default))],
                [
                    *said.arguments.get(row.name, []),
                    *_requirement(row, said.arguments.get(row.name, [])),
                ],
            ]
            for row in rows
        ]
        return table(["Name", "Default", "Meaning"], cells, classes=["mxcore-hyperparameters"])

    def _errors(self) -> Iterator[nodes.Node]:
        if self.docstring.errors:
            items = [
                nodes.definition_list_item(
                    "", nodes.term("", "", nodes.literal(name, name)), nodes.definition("", *said)
                )
                for name, said in self.docstring.errors
            ]
            yield self._section("Errors", [nodes.definition_list("", *items)])

    def _elsewhere(self) -> Iterator[nodes.Node]:
        """What an optimizer is to other libraries."""
        if conventions := getattr(self.cls, "conventions", {}):
            rows = [
                [[paragraph(_HOSTS.get(host, host))], [paragraph(*_convention(self.record.name, convention))]]
                for host, convention in conventions.items()
            ]
            yield self._section(
                "In other libraries", [table(["Library", "The optimizer of this name there"], rows, [])]
            )

    def _code(self) -> Iterator[nodes.Node]:
        """The algorithm as it is written."""
        own = [name for name, one in vars(self.cls).items() if inspect.isfunction(one) and not name.startswith("_")]
        defined = [name for name in _CODE[self.record.kind] if name in vars(self.cls)][:1] or own
        also = [name for name in ("evaluation",) if name in vars(self.cls)]
        sources = [source for name in (*defined, *also) if (source := source_of(getattr(self.cls, name)))]
        if source := "\n".join(sources):
            yield self._section("In code", [nodes.literal_block(source, source, language="python")])

    def _similar(self) -> Iterator[nodes.Node]:
        """The others of its family."""
        family = properties(self.record).get("family", "other")
        kin = [
            offer
            for offer in offers(self.record.kind)
            if properties(offer.record).get("family") == family and self.record.name not in offer.names
        ]
        if kin and family != "other" and self.directive.config.mxcore_pages:  # or they may have no pages to link to
            links = ", ".join(f":mxcore:algorithm:`{offer.record.name} <{offer.key}>`" for offer in kin)
            yield self._section("See also", parse(self.directive, links, self.key))

    def _origin(self) -> Iterator[nodes.Node]:
        record = self.record
        install = catalogue.install_command(record.distribution)
        where = catalogue.how_to_install(record.distribution).removeprefix(install)
        yield self._section(
            "Where it comes from",
            [
                paragraph(f"{record.distribution} {record.version}: {record.summary}."),
                paragraph(f"To install it{where}:"),
                nodes.literal_block(install, install, language="sh"),
            ],
        )


def _is_said(requirement: str, text: str) -> bool:
    """Whether a text says what a value must be: its bounds, or each of the values to choose from.

    That a switch is True or False is said by its default.
    """
    if choices := re.findall("'([^']*)'", requirement):
        return all(re.search(rf"\b{re.escape(one)}\b", text) for one in choices)
    bounds = re.sub(
        r"^must be (None or )?(a list of )?(an? )?((finite )?number|integer)?( of)? ?|, (?=[a-z]).*", "", requirement
    )
    return requirement == "must be True or False" or (bool(bounds) and bounds in text)


def _declares(cls: type, name: str) -> bool:
    """Whether a class itself has an argument, as a hyper-parameter or in a constructor of its own."""
    if attributes := vars(cls).get("__attrs_attrs__"):
        return any(one.alias == name and not one.inherited for one in attributes)
    return "__init__" in vars(cls) and name in inspect.signature(vars(cls)["__init__"]).parameters


def _literal(text: str) -> nodes.literal:
    return nodes.literal(text, text)


def _call(name: str, arguments: Any) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def _convention(name: str, convention: Any) -> list[nodes.Node]:
    """Say with which arguments an optimizer is another library's, or how that one differs."""
    if isinstance(convention, str):
        return [nodes.Text(f"is another formula: {convention}.")]
    return [nodes.Text("is "), _literal(_call(name, convention)), nodes.Text(".")]


def _descending(cls: Any) -> Any:
    """An optimizer with the arguments that its class declares for test functions."""
    return cls(**{**cls.examples[0], **cls.descent})


def _peers(cls: type) -> dict[str, Any]:
    """What the picture of an optimizer compares it with, as far as it is installed."""
    installed = {record.name: record for record in catalogue.records("optimizer") if record.status == "ok"}
    found = {name: catalogue.load_record(installed[name]) for name in _PEERS if name in installed}
    return {name: _descending(peer) for name, peer in found.items() if peer is not cls}


def _requirement(row: Described, said: Iterable[nodes.Node]) -> list[nodes.Node]:
    """What a value must be, as a sentence, unless that has been said; words in quotes are code."""
    if not row.requirement or _is_said(row.requirement, " ".join(one.astext() for one in said)):
        return []
    words = re.split("('[^']*')", f"{row.requirement[:1].upper()}{row.requirement[1:]}.")
    return [paragraph(*(_literal(word) if word.startswith("'") else word for word in words))]
