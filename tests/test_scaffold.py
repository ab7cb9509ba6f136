"""Projects from `mxcore new` pass their own tests, are fused, and their tests detect any change of the algorithm."""

import ast
import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import invoke
from environments import uv
from mxcore_new import command as new

import mxcore as mx
from mxcore.commands import cli

KINDS = json.loads((new.template() / "cookiecutter.json").read_text("utf-8"))["kind"]
ALGORITHMS = ("rule", "values", "rate")
CHANGED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


class Scaffold:
    """A project, installed into a separate folder for its metadata; the code that runs is the project's."""

    def __init__(self, kind: str, folder: Path) -> None:
        result = invoke(cli.main, ["new", kind, "swift", "--out", folder])
        assert result.exit_code == 0, result.output
        self.kind, self.site = kind, folder / "site"
        self.project = folder / f"mxcore-{kind.replace('_', '-')}-swift"
        self.package = self.project.name.replace("-", "_")
        self.module = self.project / self.package / "__init__.py"
        uv("pip", "install", "-q", "--no-deps", "--python", sys.executable, "--target", self.site, self.project)

    def run(self, module: str, *arguments: str) -> tuple[int, str]:
        """Run a module of this environment in the project, and return the exit status and output."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.project,
            capture_output=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, "PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module", params=KINDS)
def scaffold(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scaffold:
    return Scaffold(request.param, tmp_path_factory.mktemp(request.param))


def test_its_own_tests_pass_and_its_types_hold(scaffold: Scaffold, tmp_path: Path) -> None:
    own = ("tests/test_swift.py", "README.md", scaffold.package)
    status, printed = scaffold.run("pytest", "-p", "no:xdist", *own)
    assert status == 0, printed
    assert "5 passed" in printed
    cache = tmp_path.parent / "mypy"  # other code is read only once
    status, printed = scaffold.run("mypy", "--cache-dir", str(cache), scaffold.package, "tests/test_swift.py")
    assert status == 0, printed


# --- changed algorithms ----------------------------------------------------------------------------------------------


def algorithm(tree: ast.Module) -> list[ast.AST]:
    """Return the parts of the algorithm that compute."""
    (function,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in ALGORITHMS]
    return [node for node in ast.walk(function) if isinstance(node, ast.BinOp) or is_number(node)]


def is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def mutants(source: str) -> Iterator[str]:
    """Yield the source with one operator or one number of its algorithm changed, for each of them."""
    tree = ast.parse(source)
    for place in range(len(algorithm(tree))):
        changed = copy.deepcopy(tree)
        node = algorithm(changed)[place]
        if isinstance(node, ast.BinOp):
            node.op = CHANGED[type(node.op)]()
        elif isinstance(node, ast.Constant):
            node.value += 1
        yield ast.unparse(changed)


def mutants_of(scaffold: Scaffold) -> list[str]:
    return [*mutants(scaffold.module.read_text("utf-8"))]


def survives(scaffold: Scaffold, mutant: str) -> bool:
    before = scaffold.module.read_text("utf-8")
    try:
        scaffold.module.write_text(mutant, "utf-8")
        status, printed = scaffold.run("pytest", "-x", "-q", "-p", "no:xdist", "tests/test_swift.py")
    finally:
        scaffold.module.write_text(before, "utf-8")
    assert status in (0, 1), printed
    return status == 0


def test_its_tests_see_a_changed_algorithm(scaffold: Scaffold) -> None:
    first, *_, last = mutants_of(scaffold)
    assert not survives(scaffold, first)
    assert not survives(scaffold, last)


@pytest.mark.nightly
def test_its_tests_see_every_change_of_the_algorithm(scaffold: Scaffold) -> None:
    assert [mutant for mutant in mutants_of(scaffold) if survives(scaffold, mutant)] == []


# --- a scaffolded optimizer is as fast as a built-in -----------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[mx.optimizer.Optimizer]]:
    """The class of a scaffolded optimizer, installed."""
    scaffold = Scaffold("optimizer", tmp_path)
    monkeypatch.syspath_prepend(scaffold.site)
    mx.catalogue.refresh()
    yield mx.catalogue.load("optimizer", "swift")
    del sys.modules[scaffold.package]
    monkeypatch.undo()
    mx.catalogue.refresh()


def test_an_optimizer_is_fused_without_its_author_doing_anything(
    installed: type[mx.optimizer.Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, rule = [], installed.rule
    assert rule is not None

    def counted(weight, grad, mean, *, lr, beta, nu):  # type: ignore[no-untyped-def]
        calls.append(type(weight))
        return rule(weight, grad, mean, lr=lr, beta=beta, nu=nu)

    monkeypatch.setattr(installed, "rule", staticmethod(counted))
    weights = [np.ones(shape, np.float32) for shape in ((3, 4), (5,), (70_000,))]
    update = mx.optimizer.get_updater(mx.optimizer.create("swift", learning_rate=0.5, beta=0.5, nu=0.5))
    for _ in range(4):
        update([0, 1, 2], [np.ones_like(weight) for weight in weights], weights)
    assert np.ndarray not in calls
    assert len(calls) == 2, "it is traced, twice to compare, and one pass serves every parameter and every step"
    assert {weight.ravel()[0] for weight in weights} == {weights[0][0, 0]}
