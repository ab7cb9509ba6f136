"""Damaged metadata, and plugins whose import fails, break only themselves."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import mxcore as mx
from mxcore.commands.doctor.command import doctor as command

CLASS = "import mxcore as mx\nclass Zed(mx.optimizer.SGD): ...\n"
METADATA = "Metadata-Version: 2.1\nName: mxz-zed\nVersion: 1.0\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder at the start of the path, for distributions."""
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        yield tmp_path
    sys.modules.pop("mxz_zed", None)
    mx.catalogue.refresh()


def plugin(
    folder: Path, points: str | bytes, metadata: str | bytes = METADATA, code: str = CLASS, name: str = "mxz_zed-1.0"
) -> Path:
    """Create a distribution as an installer does, apart from its fault."""
    info = folder / f"{name}.dist-info"
    info.mkdir()
    for file, text in (("entry_points.txt", points), ("METADATA", metadata)):
        (info / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "mxz_zed.py").write_text(code, encoding="utf-8")
    mx.catalogue.refresh()
    return info


def created(name: str) -> str:
    """Return the class of an optimizer, or the error; the class of another one is found in any case."""
    assert type(mx.optimizer.create("sgd")).__name__ == "SGD"
    try:
        return type(mx.optimizer.create(name)).__name__
    except mx.catalogue.PluginError as error:
        return f"{type(error).__name__}: {error}"


def doctor() -> tuple[int, str]:
    done = CliRunner().invoke(command, ["--no-import"], env={"COLUMNS": "500"})
    return done.exit_code, done.output


@pytest.mark.parametrize("group", ["mxcore.optimizers", "console_scripts"])
@pytest.mark.parametrize(
    "damage", [b"zed mxz_zed:Zed\n", b"zed = \xff\xfe\n", b"zed\n= =\n[\n", b"\x00\x01[]]\n=\n[x]\nnothing here\n"]
)
def test_entry_points_that_cannot_be_read_break_only_themselves(group: str, damage: bytes, path: Path) -> None:
    info = plugin(path, f"[{group}]\n".encode() + damage)
    assert "cannot find optimizer 'zed'" in created("zed")
    status, said = doctor()
    assert (status, f"* {info / 'entry_points.txt'} cannot be read: " in said) == (1, True)


@pytest.mark.parametrize("name", ["mxz_zed-1.0", "mxz_zed", "-1.0", ""])
def test_metadata_that_cannot_be_decoded_break_only_their_plugin(name: str, path: Path) -> None:
    info = plugin(path, "[mxcore.optimizers]\nzed = mxz_zed:Zed\n", METADATA.encode() + b"Summary: \xff\n", name=name)
    said = created("zed")
    assert said.startswith("BrokenPluginError: optimizer 'zed' is installed but broken: ")
    assert f"its metadata cannot be read ({info}): 'utf-8' codec can't decode" in said
    status, said = doctor()
    assert (status, f"* {info / 'METADATA'} cannot be read: UnicodeDecodeError" in said) == (1, True)


@pytest.mark.parametrize("metadata", ["", "Name: mxz-zed\n", "\x00\n", "no header at all"])
def test_metadata_without_name_or_version_are_named(metadata: str, path: Path) -> None:
    info = plugin(path, "[mxcore.optimizers]\nzed = mxz_zed:Zed\n", metadata)
    assert f"no name or version ({info})" in created("zed")
    status, said = doctor()
    assert (status, f"no name or version ({info})" in said) == (1, True)


def test_metadata_of_others_that_cannot_be_read_are_named(path: Path) -> None:
    info = plugin(path, "", b"Name: \xff\n", name="other-1.0")
    status, said = doctor()
    assert (status, f"* {info / 'METADATA'} cannot be read: " in said) == (1, True)


@pytest.mark.parametrize(
    "target", ["mxz_zed:Zed [fast]", "mxz_zed:Zed[fast,cuda]", "mxz_zed : Zed", "mxz_zed:  Zed   [ fast ] "]
)
def test_an_entry_point_may_have_extras(target: str, path: Path) -> None:
    plugin(path, f"[mxcore.optimizers]\nzed = {target}\n")
    assert created("zed") == "Zed"
    assert mx.optimizer.Zed.__name__ == "Zed"
    assert mx.catalogue.find("optimizer", "zed").target == "mxz_zed:Zed"


@pytest.mark.parametrize("target", ["not a target", "mxz_zed:Zed fast", "[fast]", "mxz-zed:Zed", ""])
def test_an_entry_point_that_is_none_breaks_only_its_name(target: str, path: Path) -> None:
    plugin(path, f"[mxcore.optimizers]\nzed = {target}\nfine = mxz_zed:Zed\n")
    assert created("fine") == "Zed"
    said = created("zed")
    assert f"its entry point must be module:Class, got {target!r}" in said
    status, said = doctor()
    assert (status, f"its entry point must be module:Class, got {target!r}" in said) == (1, True)


@pytest.mark.parametrize(
    "ending",
    [
        "raise GeneratorExit('over')",
        "class Odd(BaseException): ...\nraise Odd('over')",
        "import pytest; pytest.skip('over', allow_module_level=True)",
        "import sys; sys.exit('over')",
    ],
)
def test_a_plugin_whose_import_ends_by_any_exception_breaks_only_its_name(ending: str, path: Path) -> None:
    plugin(path, "[mxcore.optimizers]\nzed = mxz_zed:Zed\n[mxcore.hooks]\nzed = mxz_zed\n", code=ending)
    said = created("zed")
    assert said.startswith("BrokenPluginError: optimizer 'zed' is installed but broken: mxz-zed 1.0 (mxz_zed:Zed): ")
    assert "over" in said


@pytest.mark.parametrize("where", ["raise Odd", "class Watch:\n    def __init__(self): raise Odd"])
def test_a_hook_plugin_that_ends_by_any_exception_breaks_only_itself(
    where: str, path: Path, run_python: Callable[..., str]
) -> None:
    plugin(path, "[mxcore.hooks]\nzed = mxz_zed:Watch\n", code=f"class Odd(BaseException): ...\n{where}\n")
    program = """
import warnings, mxcore as mx
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    mx.optimizer.get_updater(mx.optimizer.create("sgd"))
print(*[one.message for one in caught])
"""
    assert run_python(program, PYTHONPATH=str(path)).startswith("hook plugin mxz-zed:zed is not used: ")


def test_an_interrupt_during_an_import_remains_one(path: Path) -> None:
    plugin(path, "[mxcore.optimizers]\nzed = mxz_zed:Zed\n", code="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        created("zed")


@pytest.mark.parametrize(
    ("order", "found"), [((0, 1), "UnknownNameError: cannot find optimizer 'zed'"), ((1, 0), "Zed")]
)
def test_a_distribution_that_is_found_twice_counts_where_it_is_found_first(
    order: tuple[int, int], found: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [path / "without", path / "with"]
    for folder in folders:
        folder.mkdir()
    plugin(folders[0], "", name="MXZ.zed-2.0")
    plugin(folders[1], "[mxcore.optimizers]\nzed = mxz_zed:Zed\n")
    for place in reversed(order):
        monkeypatch.syspath_prepend(folders[place])
    mx.catalogue.refresh()
    assert created("zed").startswith(found)
