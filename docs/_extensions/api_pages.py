"""The pages of the API reference, one for each public module, written from the code before Sphinx reads anything.

Where a module would make too long a page, each of its classes has a page of its own.

Public are ``mxcore``, the modules that ``dir(mxcore)`` names, the namespaces of plugins among them, and what
``api_modules`` in ``conf.py`` lists. A thing that several modules offer is documented in the first of them, under the
name that people type; its other names, the one that it is defined under among them, lead there too.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

import mxcore

FOLDER = "reference/api"
_MARK = ".. Written by api_pages at each build: changes are lost."
_ORDER = ("class", "function", "data", "exception")
_LONGEST = 300  # lines of documentation: about 8000 pixels


@attrs.frozen
class Module:
    """A public module.

    Args:
        name: what people type.
        module: the module itself.
        aliases: its other names.
        distribution: what brings it, if that is not the core.
    """

    name: str
    module: ModuleType
    aliases: tuple[str, ...] = ()
    distribution: str = ""

    def public(self) -> dict[str, Any]:
        """The public names, and what each is; modules have pages of their own."""
        names = getattr(self.module, "__all__", None) or [
            name
            for name, value in vars(self.module).items()
            if callable(value) and getattr(value, "__module__", None) == self.module.__name__
        ]
        found = {name: getattr(self.module, name) for name in names if not name.startswith("_") or name[:2] == "__"}
        return {name: thing for name, thing in found.items() if not inspect.ismodule(thing)}


@attrs.frozen
class Member:
    """A public name of a module.

    Args:
        name: the name, with that of its module.
        thing: what it is.
        kind: "class", "function", "data" or "exception".
        documented: the name under which it is documented.
    """

    name: str
    thing: Any
    kind: str
    documented: str


@cache
def modules(extra: tuple[str, ...] = ()) -> list[Module]:
    """Every public module: the core's, the namespaces of plugins, and further ones."""
    origin = {record.name: record.distribution for record in mxcore.catalogue.records("namespace")}
    offered = sorted(dir(mxcore), key=lambda name: (name in origin, name))
    found = {"mxcore": mxcore, **{f"mxcore.{name}": getattr(mxcore, name) for name in offered}}
    found |= {name: importlib.import_module(name) for name in extra}
    names: dict[ModuleType, list[str]] = {}
    for name, thing in found.items():
        if inspect.ismodule(thing):
            names.setdefault(thing, []).append(name)
    return [_module(thing, all_names, origin) for thing, all_names in names.items()]


def _module(thing: ModuleType, names: list[str], origin: dict[str, str]) -> Module:
    """A module under the one of its names that it calls itself, else the first."""
    last = thing.__name__.rpartition(".")[2]
    name = next((one for one in names if one.rpartition(".")[2] == last), names[0])
    others = {*names, thing.__name__} - {name}
    return Module(name, thing, tuple(sorted(others)), origin.get(names[0].rpartition(".")[2], ""))


def members(public: list[Module]) -> dict[str, list[Member]]:
    """The public names of each module, in the order in which they are shown."""
    first: dict[object, str] = {}
    found = {}
    for module in public:
        listed = []
        for name, thing in module.public().items():
            full, kind = f"{module.name}.{name}", _kind(name, thing)
            shared = kind != "data" or type(thing).__module__.partition(".")[0] == "mxcore"
            listed.append(Member(full, thing, kind, first.setdefault(id(thing) if shared else full, full)))
        found[module.name] = sorted(listed, key=lambda one: (_ORDER.index(one.kind), one.name.lower()))
    return found


def _kind(name: str, thing: Any) -> str:
    if inspect.isclass(thing) and thing.__name__ == name:
        return "exception" if issubclass(thing, BaseException) else "class"
    return "function" if inspect.isroutine(thing) else "data"


@cache
def _analyzed(module: str) -> ModuleAnalyzer | None:
    try:
        found = ModuleAnalyzer.for_module(module)
        found.analyze()
    except PycodeError:
        return None
    return found


def defining(thing: Any, name: str) -> str:
    """The module of our own whose source defines something; a class may say that it comes from another."""
    ours = sorted(one for one in sys.modules if one.partition(".")[0].startswith("mxcore"))
    for module in ours:
        if sys.modules[module].__name__ != module:  # imported by another name, too
            continue
        same = getattr(sys.modules[module], name, None) is thing
        if same and (code := _analyzed(module)) and (name in code.tags or ("", name) in code.attr_docs):
            return module
    return ""


def explained(member: Member) -> list[str]:
    """The lines of what is said of something: its docstring, or for data the comment or text at its assignment."""
    name = member.name.rpartition(".")[2]
    if member.kind != "data":
        return (inspect.getdoc(member.thing) or "").splitlines()
    code = _analyzed(defining(member.thing, name))
    return code.attr_docs["", name] if code else []


def first_sentence(lines: list[str]) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join("\n".join(lines).strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z])|: *$|::$", paragraph, maxsplit=1)[0]


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _summary(rows: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """The table at the top of a page: links, each with the first sentence of a docstring."""
    yield from (".. list-table::", "   :class: api-summary", "   :widths: 35 65", "")
    for link, said in rows:
        yield f"   * - {link}"
        yield f"     - {first_sentence(said)}"
    yield ""


def _entry(member: Member, module: Module, documented: set[int]) -> list[str]:
    """The documentation of one public name."""
    if member.kind == "data":
        said = [f"   {line}".rstrip() for line in explained(member)]
        name = member.name.removeprefix(f"{module.name}.")
        return [f".. py:data:: {name}", f"   :module: {module.name}", "", *said, ""]
    if member.kind == "function":
        return [f".. autofunction:: {member.name}", ""]
    elsewhere = {base.__name__ for base in member.thing.__mro__[1:] if id(base) in documented or not _ours(base)}
    options = {"members": "", "inherited-members": ", ".join(sorted(elsewhere))}
    if fields := getattr(member.thing, "_fields", ()):  # of a named tuple, which the docstring explains
        options["exclude-members"] = ", ".join(fields)
    if member.kind == "exception":
        options["show-inheritance"] = ""
    return [f".. auto{member.kind}:: {member.name}", *(f"   :{key}: {text}" for key, text in options.items()), ""]


def _ours(thing: Any) -> bool:
    return str(thing.__module__).partition(".")[0].startswith("mxcore")


def _length(member: Member) -> int:
    """About how many lines the documentation of something takes."""
    said = [explained(member)]
    if member.kind in ("class", "exception"):
        parts = inspect.getmembers(member.thing)
        said += [(inspect.getdoc(part) or "").splitlines() for name, part in parts if _shown(member.thing, name)]
    return sum(len(lines) + 3 for lines in said if lines)


def _shown(cls: type, name: str) -> bool:
    return name[0] != "_" and any(name in vars(base) and _ours(base) for base in cls.__mro__)


def _pages(module: Module, listed: list[Member], documented: set[int]) -> Iterator[tuple[str, str]]:
    """The names of the pages of a module, and what each holds, in reStructuredText."""
    own = [one for one in listed if one.documented == one.name]
    long = sum(map(_length, own)) + 2 * len(listed) > _LONGEST
    apart = [one for one in own if one.kind == "class" and long]
    for member in apart:
        lines = [*_heading(member.name, "="), f".. py:currentmodule:: {module.name}", ""]
        yield member.name, "\n".join([_MARK, "", *lines, *_entry(member, module, documented)])
    said = inspect.cleandoc(module.module.__doc__ or "").splitlines()
    typed = [f"``{name}``" for name in module.aliases if name.startswith("mxcore.")]
    origin = [f"Comes with the distribution ``{module.distribution}``."] * bool(module.distribution)
    origin += [f"Also reached as {' and '.join(typed)}."] * bool(typed)
    rows = ((f":py:obj:`{one.name} <{one.documented}>`", explained(one)) for one in listed)
    lines = [
        _MARK, "", *_heading(module.name, "="), f".. py:module:: {module.name}", "", *said, "", " ".join(origin), "",
        *_summary(rows), *_toctree([member.name for member in apart]),
        *(line for member in own if member not in apart for line in _entry(member, module, documented)),
    ]  # fmt: skip
    yield module.name, "\n".join(lines)


def _toctree(names: list[str]) -> list[str]:
    return [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in names), ""] if names else []


def _index(public: list[Module]) -> str:
    rows = ((f":py:mod:`{one.name}`", (inspect.getdoc(one.module) or "").splitlines()) for one in public)
    lines = [
        _MARK, "", *_heading("Python API", "="),
        "Each public module has a page with a summary of its names at the top. Examples import ``mxcore`` as ``mx``.",
        "", *_summary(rows), *_toctree([module.name for module in public]),
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def write(app: Any) -> None:
    """Write every page that is not there yet, and remove those of modules that are gone."""
    public = modules(tuple(app.config.api_modules))
    listed = members(public)
    documented = {id(one.thing) for names in listed.values() for one in names}
    written = (page for module in public for page in _pages(module, listed[module.name], documented))
    pages = {f"{name}.rst": text for name, text in written}
    pages["index.rst"] = _index(public)
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.rst"):
        if file.name not in pages:
            file.unlink()
    for name, text in pages.items():
        # What is the same is left alone, so that Sphinx need not read it again.
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text:
            (folder / name).write_text(text, "utf-8")


def add_aliases(app: Any, env: Any) -> None:
    """Let every other name of a public thing, and of its members, lead to where it is documented."""
    objects = env.domains.python_domain.objects
    for alias, documented in _aliases(modules(tuple(app.config.api_modules))):
        for name, entry in list(objects.items()):
            if name == documented or name.startswith(f"{documented}."):
                objects.setdefault(alias + name.removeprefix(documented), entry._replace(aliased=True))


def _aliases(public: list[Module]) -> Iterator[tuple[str, str]]:
    """Each other name of something that is documented, and the name under which it is."""
    named = [member for names in members(public).values() for member in names]
    classes = {member.thing: member.documented for member in named if member.kind in ("class", "exception")}
    for cls, name in classes.items():  # what is inherited is documented at the base class
        yield from ((name, classes[base]) for base in cls.__mro__[1:] if base in classes)
    for member in named:
        if member.name != member.documented:
            yield member.name, member.documented
        elif member.kind != "data" and not inspect.ismethod(member.thing):
            yield f"{member.thing.__module__}.{member.thing.__qualname__}", member.documented
            yield f"{defining(member.thing, member.thing.__name__)}.{member.thing.__name__}", member.documented
    for module in public:
        yield from ((other, module.name) for other in module.aliases)


def follow(app: Any, name: str, attribute: str) -> str | None:
    """Where viewcode finds the source of something that a module only hands on."""
    first = attribute.partition(".")[0]
    for module in modules(tuple(app.config.api_modules)):
        if module.name == name and first in module.public():
            return defining(getattr(module.module, first), first) or None
    return None


def link_back(app: Any, page: str, _: str, context: dict[str, Any], _doctree: Any) -> None:
    """Let the pages of sources link to where things are documented, whatever the names that viewcode expects."""
    if not page.startswith("_modules/"):
        return
    objects = app.env.domains.python_domain.objects
    module = page.removeprefix("_modules/").replace("/", ".")

    def link(match: re.Match[str]) -> str:
        entry = objects.get(f"{module}.{match['name']}")
        anchor = match["to"].partition("#")[0] if entry is None else _address(app, page, entry)
        return match[0].replace(match["to"], anchor)

    back = r'<div class="viewcode-block" id="(?P<name>[^"]+)">\s*<a class="viewcode-back" href="(?P<to>[^"]+)">'
    context["body"] = re.sub(back, link, context.get("body", ""))


def _address(app: Any, page: str, entry: Any) -> str:
    return f"{app.builder.get_relative_uri(page, entry.docname)}#{entry.node_id}"


def forget_sources(app: Any, _env: Any, added: set[str], _changed: set[str], removed: set[str]) -> list[str]:
    """Have viewcode write its pages again when there are other pages: they have the sidebar."""
    if added or removed:
        shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)
    return []


def show_defaults(_app: Any, what: str, _name: str, thing: Any, _options: Any, signature: str, returned: str) -> Any:
    """Put the default of each field of attrs in the signature, where its generated code has a look-up."""
    if what != "class" or not attrs.has(thing) or not signature:
        return None
    fields = attrs.fields_dict(thing)
    found = re.sub(r"attr_dict\['(\w+)'\]\.default", lambda match: repr(fields[match[1]].default), signature)
    for field in fields.values():
        if field.init and isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
            found = found.replace("NOTHING", f"{getattr(field.default.factory, '__name__', '…')}()", 1)
    return found, returned


def source_of(name: str) -> Path:
    """The file that says what a page of the reference does."""
    thing = pkgutil.resolve_name(name)
    if not inspect.ismodule(thing):
        thing = sys.modules[defining(thing, name.rpartition(".")[2])]
    return Path(inspect.getsourcefile(thing) or "")


def forget_signature(_app: Any, obj: Any, _bound_method: bool) -> None:
    """Take back the signature that autodoc has noted in a bound method, without its first argument.

    Each module with such a method, as those of the protocols have ``register``, would lose another argument.
    """
    if inspect.ismethod(obj):
        vars(obj.__func__).pop("__signature__", None)


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.viewcode")
    app.add_config_value("api_modules", (), "env", types=(list, tuple))
    app.connect("builder-inited", write)
    app.connect("env-updated", add_aliases)
    app.connect("env-get-outdated", forget_sources)
    app.connect("html-page-context", link_back)
    app.connect("viewcode-follow-imported", follow)
    app.connect("autodoc-process-signature", show_defaults)
    app.connect("autodoc-before-process-signature", forget_signature, priority=600)  # after autodoc's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
