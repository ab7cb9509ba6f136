"""System-specific features are used only behind a check, and files have the same encoding everywhere."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import mypy
import pytest

ROOT = Path(__file__).resolve().parent.parent
TYPESHED = Path(mypy.__file__).parent / "typeshed/stdlib"
MODULES = ("asyncio", "ctypes", "mmap", "os", "select", "signal", "socket", "sys", "threading", "time")
FOLDERS = ("mxcore", "plugins", "tools", "tests", "docs", "conftest.py")
SOURCES = [
    file
    for folder in FOLDERS
    for file in ([ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*.py")))
    if not {"_build", "gallery", "device_free", "gpu", "distributions"} & set(file.relative_to(ROOT).parts)
]
# A program for systems with timers and signals, as its beginning says.
ASKS = re.compile(r"hasattr|sys\.platform|importorskip|ImportError|AttributeError|fcntl")
ENDS = (ast.Return, ast.Raise, ast.Continue)


@functools.cache
def not_everywhere() -> frozenset[str]:
    """Return the attributes and modules of the standard library that a system lacks, according to typeshed."""
    found = set()
    for module in MODULES:
        stub = TYPESHED / f"{module}.pyi"
        tree = ast.parse((stub if stub.exists() else TYPESHED / module / "__init__.pyi").read_text("utf-8"))
        found |= {f"{module}.{name}" for name in _names(tree.body, conditional=False)}
    return frozenset(found | {file.stem for file in TYPESHED.glob("*.pyi") if _is_alone(file)})


def _is_alone(stub: Path) -> bool:
    """Return whether everything that a module defines exists only on some systems."""
    body = [
        node for node in ast.parse(stub.read_text("utf-8")).body if not isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return len(body) == 1 and isinstance(body[0], ast.If) and "sys.platform" in ast.unparse(body[0].test)


def _names(body: list[ast.stmt], conditional: bool) -> set[str]:
    """Return the names that the statements define only on some systems."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.If):
            inner = conditional or "sys.platform" in ast.unparse(node.test)
            found |= _names(node.body, inner) ^ _names(node.orelse, inner)  # names in both branches exist everywhere
        elif conditional and isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif conditional and isinstance(node, ast.AnnAssign | ast.Assign):
            found |= set(map(ast.unparse, node.targets if isinstance(node, ast.Assign) else [node.target]))
        elif conditional and isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def unguarded(tree: ast.Module) -> list[str]:
    """Return where something that is not available everywhere is used without a check."""
    marks = {ast.unparse(one.targets[0]) for one in tree.body if isinstance(one, ast.Assign) and _asks(one.value)}
    if "pytestmark" in marks or any(
        isinstance(one, ast.Expr | ast.Assign) and "importorskip" in ast.unparse(one) for one in tree.body
    ):
        return []
    return list(_uses(tree, marks))


def _asks(node: ast.AST) -> bool:
    return bool(ASKS.search(ast.unparse(node)))


def _uses(node: ast.AST, marks: set[str]) -> Iterator[str]:
    if _is_guarded(node, marks):
        for decorator in getattr(node, "decorator_list", []):  # they run even where a test is skipped
            yield from _uses(decorator, marks)
        return
    names = [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
    names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
    names += (
        [str(node.module), *(f"{node.module}.{one.name}" for one in node.names)]
        if isinstance(node, ast.ImportFrom)
        else []
    )
    yield from (f"{getattr(node, 'lineno', 0)}: {name}" for name in names if name in not_everywhere())
    for _, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _uses(child, marks)
            if isinstance(child, ast.If) and _asks(child.test) and _leaves(child.body[-1]):
                break  # the following code runs only where it exists


def _leaves(node: ast.stmt) -> bool:
    return isinstance(node, ENDS) or "pytest.skip" in ast.unparse(node)


def _is_guarded(node: ast.AST, marks: set[str]) -> bool:
    """Return whether a statement or expression checks first, or handles the absence."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        return _asks(node.test)
    if isinstance(node, ast.BoolOp):
        return _asks(node.values[0])
    if isinstance(node, ast.Try):
        return any(handler.type and _asks(handler.type) for handler in node.handlers)
    if isinstance(node, ast.With):
        return any("suppress" in ast.unparse(item) and _asks(item) for item in node.items)
    decorators = getattr(node, "decorator_list", [])
    return any(_asks(one) or ast.unparse(one) in marks for one in decorators)


def without_encoding(tree: ast.Module) -> Iterator[str]:
    """Calls that use the encoding of the machine for text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in given or None in given or not _is_text(name, node, given):
            continue
        yield f"{node.lineno}: {ast.unparse(node)[:80]}"


def _is_text(name: str, node: ast.Call, given: dict[str | None, ast.expr]) -> bool:
    """Return whether a call reads or writes text without a positional encoding."""
    if name in ("read_text", "write_text"):
        return len(node.args) < {"read_text": 1, "write_text": 2}[name]
    if name in ("open", "fdopen"):
        on_path = isinstance(node.func, ast.Attribute) and name == "open"
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        mode = given.get("mode", (node.args[0 if on_path else 1 :] or [ast.Constant("r")])[0])
        text = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and "b" not in mode.value
        return text and owner not in ("os", "tarfile", "zipfile", "webbrowser", "Image")
    return name in ("run", "Popen", "check_output") and bool({"text", "universal_newlines"} & set(given))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_what_one_system_lacks_is_asked_for_first(file: Path) -> None:
    assert unguarded(ast.parse(file.read_text("utf-8"))) == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_text_has_the_same_encoding_everywhere(file: Path) -> None:
    assert list(without_encoding(ast.parse(file.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("import os\nos.fork()", ["2: os.fork"]),
        ("import fcntl", ["1: fcntl"]),
        ("from os import geteuid", ["1: os.geteuid"]),
        (
            "import signal\n@mark(signal.SIGKILL)\n@skipif(not hasattr(signal, 'SIGKILL'))\ndef f(): ...",
            ["2: signal.SIGKILL"],
        ),
        ("import os\nif os.name:\n    os.mkfifo('pipe')", ["3: os.mkfifo"]),
        ("import os\nif hasattr(os, 'fork'):\n    os.fork()", []),
        ("import os\ncores = os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else [0]", []),
        ("import os\nroot = hasattr(os, 'geteuid') and os.geteuid() == 0", []),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", []),
        ("import os\nwith suppress(AttributeError):\n    os.fchown(1, 2, 3)", []),
        ("import os\ndef f():\n    if not hasattr(os, 'fork'):\n        return\n    os.fork()", []),
        ("import os\n@skipif(not hasattr(os, 'fork'))\ndef f():\n    os.fork()", []),
        ("import os\nos.replace('a', 'b')\nos.kill(1, 2)", []),
    ],
)
def test_a_question_is_seen_and_so_is_none(program: str, found: list[str]) -> None:
    assert unguarded(ast.parse(program)) == found


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("open('x')", True),
        ("open('x', 'w')", True),
        ("path.open('w')", True),
        ("path.read_text()", True),
        ("path.write_text('x')", True),
        ("subprocess.run(command, text=True)", True),
        ("open('x', 'rb')", False),
        ("path.open('xb')", False),
        ("path.open(encoding='utf-8')", False),
        ("path.read_text('utf-8')", False),
        ("path.write_text('x', 'utf-8')", False),
        ("subprocess.run(command, encoding='utf-8')", False),
        ("subprocess.run(command)", False),
    ],
)
def test_a_missing_encoding_is_seen(call: str, found: bool) -> None:
    assert bool(list(without_encoding(ast.parse(call)))) is found


def test_the_list_of_what_is_not_everywhere_is_typeshed_s() -> None:
    known = not_everywhere()
    assert {"os.fork", "os.mkfifo", "signal.setitimer", "signal.SIGKILL", "fcntl", "resource", "pty", "winreg"} <= known
    assert not {"os.kill", "os.replace", "os.cpu_count", "signal.SIGINT", "select", "sys.stdout", "time.sleep"} & known
    assert len(SOURCES) > 300
