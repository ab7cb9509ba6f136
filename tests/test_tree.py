"""The tree keeps its promises: who imports what and when, and no list is maintained by hand."""

import ast
import graphlib
import importlib.metadata
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import mxcore

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/**/pyproject.toml"))
ALGORITHMS = [folder for folder in PLUGINS if folder.parent.name in ("initializers", "lr_schedulers", "optimizers")]


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]  # type: ignore[no-any-return]


def imports(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the modules that a file imports, wherever in it, with the names taken from each."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module), [alias.name for alias in node.names]


def test_the_core_imports_no_plugin() -> None:
    imported = {module for file in (ROOT / "mxcore").rglob("*.py") for module, _ in imports(file)}
    assert imported
    assert not [module for module in imported if module.startswith("mxcore_")]


def modules() -> dict[str, Path]:
    """Return every module of the core and of the plugins, by name."""
    packages = [ROOT / "mxcore", *ROOT.glob("plugins/**/mxcore_*")]
    found = [(package, file) for package in packages for file in package.rglob("*.py")]
    names = [".".join(file.relative_to(package.parent).with_suffix("").parts) for package, file in found]
    return {name.removesuffix(".__init__"): file for name, (_, file) in zip(names, found, strict=True)}


def test_no_two_files_import_each_other_not_even_in_a_circle_or_for_typing() -> None:
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, file in known.items():
        # A name imported from a package is one of its modules, or else in the package's own file.
        names = [(module, one) for module, taken in imports(file) for one in taken or [""]]
        found = {f"{module}.{one}" if f"{module}.{one}" in known else module for module, one in names}
        graph[name] = (found & known.keys()) - {name}
    assert len(graph) > 150
    graphlib.TopologicalSorter(graph).prepare()  # a CycleError names the circle


def test_files_and_functions_are_short() -> None:
    files = {name: file.read_text("utf-8") for name, file in modules().items()}
    assert {name: lines for name, text in files.items() if (lines := len(text.splitlines())) > 400} == {}
    functions = [
        (name, node.name, node.end_lineno - node.lineno + 1)
        for name, text in files.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]
    assert len(functions) > 1000
    assert [one for one in functions if one[2] > 70] == []


def lines_of_code(text: str) -> int:
    """Return the number of lines of code, without comments, docstrings and blank lines."""
    tree = ast.parse(text)
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    documentation = {line for node in strings for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    unseen = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in unseen]
    code = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(code - documentation)


def test_the_core_is_small() -> None:
    files = {name: file for name, file in modules().items() if name.split(".")[0] == "mxcore"}
    assert len(files) > 90
    own = [file for name, file in files.items() if not name.startswith("mxcore.testing")]
    assert 4000 < sum(lines_of_code(file.read_text("utf-8")) for file in own) < 11150


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_imports_its_declared_dependencies_and_public_names_of_the_core(folder: Path) -> None:
    declared = {Requirement(text).name.replace("-", "_").lower() for text in project(folder)["dependencies"]}
    declared = {{"scikit_learn": "sklearn", "tensorboardx": "tensorboardX"}.get(name, name) for name in declared}
    own = project(folder)["name"].replace("-", "_")
    for file in sorted((folder / own).rglob("*.py")):
        for module, names in imports(file):
            top = module.partition(".")[0]
            assert top in declared | {own} or top in sys.stdlib_module_names, f"{file.name} imports {module}"
            private = [name for name in [*module.split("."), *names] if top == "mxcore" and name.startswith("_")]
            assert not private, f"{file.name} imports {private} from the core"


@pytest.mark.parametrize("folder", ALGORITHMS, ids=lambda folder: folder.name)
def test_an_algorithm_is_a_distribution_of_one_shape(folder: Path) -> None:
    kind = folder.parent.name.removesuffix("s")
    distribution = f"mxcore-{kind.replace('_', '-')}-{folder.name}"
    package = distribution.replace("-", "_")
    assert project(folder)["name"] == distribution
    assert folder.name in project(folder)["entry-points"][f"mxcore.{kind}s"]
    assert (folder / package / "py.typed").exists()
    assert (folder / package / "__init__.py").exists()
    assert list((folder / "tests").glob("test_*.py"))
    assert mxcore.catalogue.install_command(distribution) in (folder / "README.md").read_text("utf-8")


def test_every_derived_list_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/sync.py", "--check"], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def boilerplate(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, str]]:
    """Return the files of a plugin's folder that come from the template, by name."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    made = importlib.import_module("boilerplate").boilerplate
    setting = importlib.import_module("setting").Setting.read()
    return lambda folder: {file.name: text for file, text in made(folder, mxcore.__version__, setting).items()}


def changed_adam(parent: Path, file: str, before: str, after: str) -> Path:
    """Return a copy of Adam's folder with one change."""
    folder = Path(shutil.copytree(ROOT / "plugins/optimizers/adam", parent / "optimizers/adam"))
    (found,) = folder.rglob(file)
    found.write_text(found.read_text("utf-8").replace(before, after, 1), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("pyproject.toml", 'requires-python = ">=3.11"', 'requires-python = ">=3.12"'),
        ("README.md", "as a plugin of mxcore", "as an extension of mxcore"),
        ("LICENSE", "Version 2.0", "Version 3.0"),
        ("py.typed", "", "partial"),
    ],
)
def test_what_plugins_have_in_common_is_the_template_s(
    file: str, before: str, after: str, tmp_path: Path, boilerplate: Callable[[Path], dict[str, str]]
) -> None:
    folder = changed_adam(tmp_path, file, before, after)
    wanted = boilerplate(folder)
    assert [name for name, text in wanted.items() if next(folder.rglob(name)).read_text("utf-8") != text] == [file]
    assert wanted == boilerplate(ROOT / "plugins/optimizers/adam")


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("pyproject.toml", '"numpy>=2.0"', '"numpy>=2.0", "scipy>=1.14"'),
        ("pyproject.toml", "\nadam = ", '\nadaptive = "mxcore_optimizer_adam:Adam"\nadam = '),
        ("README.md", "beta1=0.8", "beta1=0.7"),
    ],
)
def test_what_is_a_plugin_s_own_stays(
    file: str, before: str, after: str, tmp_path: Path, boilerplate: Callable[[Path], dict[str, str]]
) -> None:
    folder = changed_adam(tmp_path, file, before, after)
    assert boilerplate(folder)[file] == (folder / file).read_text("utf-8")


def test_one_version_number_for_all() -> None:
    assert {project(folder)["version"] for folder in PLUGINS} == {mxcore.__version__}


def test_no_plugin_of_this_tree_is_missing_from_the_environment() -> None:
    installed = {one.name for one in importlib.metadata.distributions()}
    everything = {Requirement(text).name for text in project(ROOT / "plugins/all")["dependencies"]}
    assert len(everything) > 30
    assert everything - {"mxcore"} <= installed


@pytest.mark.parametrize("kind", mxcore.catalogue.ALGORITHMS)
def test_no_name_or_alias_reads_like_that_of_another_class(kind: str) -> None:
    targets: dict[str, set[str]] = {}
    for record in mxcore.catalogue.records(kind):
        for name in (record.name, record.class_name.lower()):
            targets.setdefault(name.replace("_", ""), set()).add(record.target)
    assert len(targets) > 3
    assert {name: found for name, found in targets.items() if len(found) > 1} == {}


# --- what is imported when -------------------------------------------------------------------------------------------

OPTIONAL = (
    "cupy",
    "llvmlite",
    "matplotlib",
    "click",
    "rich",
    "sklearn",
    "safetensors",
    "pluggy",
    "packaging",
    "sphinx",
)


def test_importing_mxcore_imports_nothing_optional(run_python: Any) -> None:
    loaded = run_python("import sys, mxcore; print(*sys.modules)").split()
    assert "numpy" in loaded
    assert not [name for name in OPTIONAL if name in loaded]
    assert not [name for name in loaded if name.startswith("mxcore_")]


def test_updating_bare_arrays_imports_one_plugin(run_python: Any) -> None:
    program = (
        "import sys, numpy as np, mxcore as mx; "
        "mx.optimizer.get_updater(mx.optimizer.create('sgd'))(0, np.ones(2), np.ones(2)); print(*sys.modules)"
    )
    loaded = run_python(program).split()
    assert [name for name in loaded if name.startswith("mxcore_")] == ["mxcore_optimizer_sgd"]
    assert not [name for name in ("cupy", "matplotlib", "click", "rich", "sklearn") if name in loaded]


def make_plugins(folder: Path, count: int) -> None:
    """Installed distributions, with metadata only, of modules that must not be imported."""
    for number in range(count):
        name = f"many_{number}"
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')", encoding="utf-8")
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: number {number}\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(
            f"[mxcore.optimizers]\nswift{number} = {name}:Swift\n[mxcore.commands]\nrun{number} = {name}:run\n",
            encoding="utf-8",
        )


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["--help"]])
def test_listing_forty_plugins_imports_none(command: list[str], tmp_path: Path, run_python: Any) -> None:
    make_plugins(tmp_path, 40)
    program = (
        "import sys; from mxcore.commands.cli import main; "
        "main(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
    )
    printed = run_python(program, *command, PYTHONPATH=str(tmp_path))
    assert "swift39" in printed or "run39" in printed
    loaded = printed.splitlines()[-1].split()
    assert "mxcore.commands.cli" in loaded
    assert not [name for name in loaded if name.startswith(("many_", "mxcore_"))]


# --- the package -----------------------------------------------------------------------------------------------------


def test_every_public_name_exists() -> None:
    for file in sorted((ROOT / "mxcore").rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        assert [public for public in getattr(module, "__all__", []) if not hasattr(module, public)] == []


def test_no_machine_and_no_registry_is_named() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout.split()
    assert "uv.lock" not in tracked
    hosts = re.compile("files\\.python" + "hosted|pypi\\." + "org")
    for name in tracked:
        if name.endswith((".py", ".toml", ".md", ".cfg", ".rst")):
            assert not hosts.search((ROOT / name).read_text("utf-8")), name


@pytest.mark.parametrize(("arguments", "said"), [(["-otestpaths=tests/test_page.py"], 1), (["tests/test_page.py"], 0)])
def test_a_plain_run_says_in_one_line_what_it_leaves_out(arguments: list[str], said: int) -> None:
    command = [sys.executable, "-m", "pytest", "-n0", "--collect-only", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    lines = [line for line in done.stdout.splitlines() if "tests/{docs,device_free,gpu}" in line]
    assert len(lines) == said


def test_only_one_cupy_can_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert [{"extra": "cupy12"}, {"extra": "cupy13"}] in project["tool"]["uv"]["conflicts"]
    assert {"cupy12", "cupy13"} <= set(project["project"]["optional-dependencies"])
