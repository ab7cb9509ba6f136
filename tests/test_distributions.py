"""Real wheels in a bare environment: plugins are found, and each faulty one fails alone and with a clear error."""

import tarfile
import zipfile
from pathlib import Path

import pytest
from environments import ROOT, Environment, uv

import mxcore as mx

CREATE = "print(type(mx.optimizer.create('{}')).__module__)"


def test_installing_a_plugin_is_all_it_takes(wheels: Path, tmp_path: Path) -> None:
    bare = Environment(tmp_path / "env", wheels)
    bare.install("mxcore")
    listed = bare.run("mxcore", "list")[1]
    assert [row.split()[0] for row in listed.splitlines()[1:-1]] == ["check", "doctor", "list", "show"]
    how = mx.catalogue.how_to_install
    assert listed.splitlines()[-1] == f"no plugin is installed. To get them all: {how('mxcore-all')}"
    assert bare.python("print({record.distribution for record in mx.catalogue.records()})") == "{'mxcore'}"
    said = f"NotInstalledError optimizer 'sgd' is not installed: {how('mxcore-optimizer-sgd')}"
    assert bare.python(CREATE.format("sgd")) == said
    assert bare.run("mxcore", "train")[0] == 2
    assert f"command 'train' is not installed: {how('mxcore-module')}" in bare.run("mxcore", "train")[1]

    bare.install("mxcore-optimizer-sgd")
    assert bare.python(CREATE.format("sgd")) == "mxcore_optimizer_sgd"
    missing = f"is not installed: {how('mxcore-optimizer-adam')}"
    assert missing in bare.python(CREATE.format("adam"))
    assert f"has no attribute 'Adam': {how('mxcore-optimizer-adam')}" in bare.python("mx.optimizer.Adam")
    assert bare.python("print(hasattr(mx.optimizer, 'Adam'))") == "False"

    bare.install("mxcore-optimizer-adam")
    assert bare.python(CREATE.format("adam")) == "mxcore_optimizer_adam"
    assert bare.python("print(mx.optimizer.Adam().learning_rate)") == "0.001"


def test_code_in_other_languages_is_in_the_wheel_and_in_the_source_distribution(wheels: Path, tmp_path: Path) -> None:
    code = {one.relative_to(ROOT).as_posix() for one in (ROOT / "mxcore").rglob("*") if one.suffix in (".ll", ".cu")}
    assert {"mxcore/native/driver.ll", "mxcore/random/philox.cu", "mxcore/kernel/emit/stage.ll"} <= code
    (wheel,) = wheels.glob("mxcore-*.whl")
    assert code <= set(zipfile.ZipFile(wheel).namelist())
    uv("build", "--sdist", "--quiet", "--out-dir", tmp_path)
    (source,) = tmp_path.glob("mxcore-*.tar.gz")
    with tarfile.open(source) as files:
        assert code <= {name.partition("/")[2] for name in files.getnames()}


@pytest.fixture(scope="module")
def faulty(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with sgd, adam and a plugin for each kind of fault."""
    environment = Environment(tmp_path_factory.mktemp("faulty") / "env", wheels)
    environment.install("mxcore-optimizer-sgd", "mxcore-optimizer-adam", "broken-swift", "wrong-targets", "rival-adam")
    environment.install("from-the-future")
    return environment


def test_the_list_shows_every_fault_and_imports_nothing(faulty: Environment) -> None:
    status, printed = faulty.run("mxcore", "list", "optimizers", "--long")
    rows = {line.split()[0] + " " + line.split()[2]: line for line in printed.splitlines()[1:]}
    assert status == 0
    assert "duplicate (also offered by rival-adam)" in rows["adam mxcore-optimizer-adam"]
    assert "duplicate (also offered by mxcore-optimizer-adam)" in rows["adam rival-adam"]
    assert "incompatible (requires mxcore>=7, this is mxcore" in rows["future from-the-future"]
    assert " ok " in rows["swift broken-swift"]  # the fault shows only when it is used
    assert " ok " in rows["sgd mxcore-optimizer-sgd"]
    assert "broken_swift" not in faulty.python("import sys; mx.catalogue.records(); print(*sys.modules)")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (CREATE.format("sgd"), "mxcore_optimizer_sgd"),
        (CREATE.format("swift"), "BrokenPluginError optimizer 'swift' is installed but broken: broken-swift 1.2.3 "
         "(broken_swift:Swift): ModuleNotFoundError: No module named 'a_module_that_is_nowhere'. "
         "Install what it needs, module 'a_module_that_is_nowhere', or set MXCORE_BLOCK=broken-swift"),
        (CREATE.format("absent"), "AttributeError: module 'wrong_targets' has no attribute 'Absent'. "
         "Try: pip install --force-reinstall wrong-targets"),
        (CREATE.format("number"), "(wrong_targets:NUMBER): it is not a subclass of mxcore's Optimizer"),
        (CREATE.format("future"), "IncompatiblePluginError optimizer 'future': from-the-future 1.2.3 requires"),
        (CREATE.format("adam"), "DuplicateNameError optimizer 'adam' is offered by 2 distributions: ask for "
         "'mxcore-optimizer-adam:adam' or 'rival-adam:adam', or set a preference: MXCORE_PREFER=mxcore-optimizer-adam"),
        ("mx.optimizer.Adam", "DuplicateNameError optimizer 'adam' is offered by 2 distributions"),
        (CREATE.format("rival-adam:adam"), "rival_adam"),
        (CREATE.format("MXCORE_Optimizer_adam:adam"), "mxcore_optimizer_adam"),
        ("mx.catalogue.prefer('rival-adam'); " + CREATE.format("adam"), "rival_adam"),
        (CREATE.format("agd"), "UnknownNameError cannot find optimizer 'agd': did you mean 'asgd' or 'sgd'"),
        ("print(mx.extra.NUMBER)", "3"),
        ("mx.nonsense", "AttributeError module 'mxcore' has no attribute 'nonsense'"),
    ],
)  # fmt: skip
def test_each_fault_concerns_its_own_name_alone(faulty: Environment, program: str, said: str) -> None:
    assert said in faulty.python(program)


@pytest.mark.parametrize(
    ("variables", "program", "said"),
    [
        ({"MXCORE_PREFER": "Rival_Adam"}, CREATE.format("adam"), "rival_adam"),
        ({"MXCORE_BLOCK": "rival-adam"}, CREATE.format("adam"), "mxcore_optimizer_adam"),
        ({"MXCORE_BLOCK": "mxcore-optimizer-sgd"}, CREATE.format("sgd"), "BlockedPluginError optimizer 'sgd' is "
         "switched off: mxcore-optimizer-sgd is named in MXCORE_BLOCK"),
        ({"MXCORE_PLUGINS": "rival-adam"}, CREATE.format("adam"), "rival_adam"),
        ({"MXCORE_PLUGINS": ""}, CREATE.format("sgd"), "mxcore-optimizer-sgd is not named in MXCORE_PLUGINS"),
        ({"MXCORE_STRICT_PLUGINS": "1"}, CREATE.format("sgd"), "DuplicateNameError optimizer 'adam'"),
        ({"MXCORE_STRICT_PLUGINS": "1", "MXCORE_BLOCK": "rival-adam"}, CREATE.format("sgd"), "IncompatiblePluginError"),
        ({"MXCORE_STRICT_PLUGINS": "1", "MXCORE_BLOCK": "rival-adam,from-the-future"}, CREATE.format("sgd"),
         "mxcore_optimizer_sgd"),
        ({"MXCORE_STRICT_PLUGINS": "1", "MXCORE_BLOCK": "rival-adam,from-the-future"}, "mx.hooks.manager()",
         "unknown hook 'mxcore_after_stop'"),
        ({}, "mx.hooks.manager()", "UserWarning hook plugin wrong-targets:watch is not used: unknown hook"),
        ({"MXCORE_BLOCK": "wrong-targets"}, "print(mx.hooks.manager().get_plugins())", "set()"),
    ],
)  # fmt: skip
def test_switches_choose_by_distribution(
    faulty: Environment, variables: dict[str, str], program: str, said: str
) -> None:
    assert said in faulty.python(program, **variables)


def test_a_command_of_a_faulty_environment_ends_with_one_line_and_status_2(faulty: Environment) -> None:
    status, printed = faulty.run("mxcore", "show", "swift")
    assert status == 2
    assert "Error: optimizer 'swift' is installed but broken" in printed
    assert "Traceback" not in printed


def test_metadata_that_cannot_be_read_concern_their_own_plugin_alone(faulty: Environment, tmp_path: Path) -> None:
    for name, metadata in (("half", ""), ("odd", "Name: odd\nVersion: 1.0\nRequires-Dist: numpy>=1.*.*\n")):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\n{metadata}", encoding="utf-8")
        (folder / "entry_points.txt").write_text(f"[mxcore.optimizers]\n{name} = {name}:Swift\n", encoding="utf-8")
        (tmp_path / f"{name}.py").write_text(
            "from mxcore.optimizer import Optimizer\nclass Swift(Optimizer): pass\n", encoding="utf-8"
        )
    path = str(tmp_path)
    assert faulty.python(CREATE.format("sgd"), PYTHONPATH=path) == "mxcore_optimizer_sgd"
    assert faulty.python(CREATE.format("odd"), PYTHONPATH=path) == "odd"
    said = faulty.python(CREATE.format("half"), PYTHONPATH=path)
    assert said.startswith("BrokenPluginError optimizer 'half' is installed but broken: half unknown (half:Swift): its")
    assert "its metadata has no name or version" in faulty.run("mxcore", "list", PYTHONPATH=path)[1]
