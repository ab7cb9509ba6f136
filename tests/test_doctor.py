"""`mxcore doctor` in real environments: each fault is found, affects a single name, and comes with a remedy."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from environments import PROGRAMS, Environment, clean_environment

import mxcore as mx
from mxcore.commands.doctor import processes

FAULTY = ("broken-swift", "wrong-targets", "rival-adam", "deadly-imports", "endless-swift")


@pytest.fixture(scope="module")
def bare(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment without faults."""
    environment = Environment(tmp_path_factory.mktemp("healthy") / "env", wheels)
    environment.install("mxcore", "mxcore-optimizer-sgd")
    return environment


@pytest.fixture(scope="module")
def faulty(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with sgd, adam and a plugin for each kind of fault."""
    environment = Environment(tmp_path_factory.mktemp("faulty") / "env", wheels)
    environment.install("mxcore-optimizer-sgd", "mxcore-optimizer-adam", *FAULTY)
    environment.install("from-the-future")
    return environment


@pytest.fixture(scope="module")
def report(faulty: Environment) -> Any:
    """The report on this environment, as JSON."""
    return diagnosed(faulty, "--timeout", "5")


def diagnosed(environment: Environment, *options: str, **variables: str) -> Any:
    status, printed = environment.run("mxcore", "doctor", "--json", *options, **variables)
    found = json.loads(printed)
    assert status == int(bool(found["problems"]))
    return found


def plugins(report: Any) -> dict[str, Any]:
    return {f"{plugin['distribution']}:{plugin['name']}": plugin for plugin in report["plugins"]}


# --- where nothing is wrong ------------------------------------------------------------------------------------------


def test_in_a_bare_environment_there_is_nothing_to_be_done(bare: Environment) -> None:
    status, printed = bare.run("mxcore", "doctor")
    rows = [line.split() for line in printed.splitlines()]
    assert status == 0, printed
    assert ["mxcore", mx.__version__, str(next(bare.folder.glob("lib/*/site-packages/mxcore")))] in rows
    assert rows[0][0] == "python"
    assert rows[0][2].startswith(str(bare.folder))
    assert ["numpy", "ok", "numpy"] in [row[:3] for row in rows]
    assert f"No module named 'cupy'): for CUDA 13 {mx.catalogue.how_to_install('mxcore[cupy13]')}" in printed
    assert ["sgd", "optimizer", "mxcore-optimizer-sgd", mx.__version__, "ok"] in rows
    assert printed.endswith("2 plugins, nothing to fix.\n")


@pytest.mark.parametrize("tool", ["bench", "new", "plot"])
def test_a_tool_that_is_not_installed_says_what_to_install(tool: str, bare: Environment) -> None:
    status, printed = bare.run("mxcore", tool)
    assert status == 2
    assert f"command {tool!r} is not installed: {mx.catalogue.how_to_install(f'mxcore-{tool}')}" in printed


def test_the_kernel_in_use_and_why(bare: Environment, wheels: Path, tmp_path: Path) -> None:
    kernel = diagnosed(bare)["kernel"]
    assert (kernel["name"], kernel["threads"]) == ("numpy", 1)  # whatever the number of cores
    assert kernel["reason"] == (
        f"llvmlite is not installed; it makes updates faster: {mx.catalogue.how_to_install('mxcore[jit]')}"
    )
    assert diagnosed(bare, MXCORE_KERNEL="numpy")["kernel"]["reason"] == "MXCORE_KERNEL=numpy"
    needed = f"needs llvmlite: {mx.catalogue.how_to_install('mxcore[jit]')}"
    for value, cause in (("llvm", needed), ("cuda", "must be 'llvm' or 'numpy'")):
        found = diagnosed(bare, MXCORE_KERNEL=value)
        assert cause in found["kernel"]["reason"]
        assert "no kernel works: " in found["problems"][0]
    compiled = Environment(tmp_path / "env", wheels)
    compiled.install("mxcore[jit]")
    kernel = diagnosed(compiled)["kernel"]
    assert (kernel["name"], kernel["status"]) == ("llvm", "ok")
    assert kernel["reason"].startswith("llvmlite ")


def test_an_array_library_that_is_there_and_does_not_work(bare: Environment, tmp_path: Path) -> None:
    (tmp_path / "cupy.py").write_text("import ctypes\nctypes.string_at(0)\n", encoding="utf-8")
    crashed = diagnosed(bare, PYTHONPATH=str(tmp_path))
    assert crashed["problems"][0].startswith(
        "cupy is installed but broken: importing it kills the process with SIGSEGV ("
    )
    (tmp_path / "cupy.py").write_text("raise OSError('libcuda is for another machine')\n", encoding="utf-8")
    unloadable = diagnosed(bare, PYTHONPATH=str(tmp_path))
    assert unloadable["backends"][1]["reason"] == "OSError: libcuda is for another machine"
    assert [backend["status"] for backend in unloadable["backends"]] == ["ok", "broken"]


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plugin", "status", "cause"),
    [
        ("mxcore-optimizer-sgd:sgd", "ok", ""),
        ("wrong-targets:extra", "ok", ""),
        ("deadly-imports:alive", "ok", ""),
        ("broken-swift:swift", "broken", "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'"),
        ("wrong-targets:absent", "broken", "AttributeError: module 'wrong_targets' has no attribute 'Absent'"),
        ("wrong-targets:number", "broken", "it is not a subclass of mxcore's Optimizer"),
        ("wrong-targets:watch", "broken", "ValueError: unknown hook 'mxcore_after_stop'"),
        ("endless-swift:endless", "broken", "importing it takes longer than 5 s ("),
        ("deadly-imports:crash", "broken", "importing it kills the process with SIGSEGV ("),
        ("deadly-imports:leave", "broken", "importing it ends the process with exit status 0"),
        ("deadly-imports:interrupt", "broken", "KeyboardInterrupt"),
        ("mxcore-optimizer-adam:adam", "duplicate", "also offered by rival-adam"),
        ("rival-adam:adam", "duplicate", "also offered by mxcore-optimizer-adam"),
        ("from-the-future:future", "incompatible", f"requires mxcore>=7, this is mxcore {mx.__version__}"),
    ],
)
def test_each_fault_is_found_and_concerns_its_own_name_alone(report: Any, plugin: str, status: str, cause: str) -> None:
    found = plugins(report)[plugin]
    assert (found["status"], found["reason"][: len(cause) or None]) == (status, cause)


def test_a_crash_and_a_hang_are_told_with_file_and_line(report: Any) -> None:
    found = plugins(report)
    assert found["deadly-imports:crash"]["reason"].endswith("/site-packages/deadly_crash.py, line 5)")
    assert found["endless-swift:endless"]["reason"].endswith("/site-packages/endless_swift.py, line 5)")


@pytest.mark.parametrize(
    "problem",
    [
        "optimizer 'swift' is installed but broken: broken-swift 1.2.3 (broken_swift:Swift): ModuleNotFoundError: "
        "No module named 'a_module_that_is_nowhere'. Install what it needs, module 'a_module_that_is_nowhere', or "
        "set MXCORE_BLOCK=broken-swift",
        "optimizer 'leave' is installed but broken: deadly-imports 1.2.3 (deadly_leave:Leave): importing it ends "
        "the process with exit status 0. Update or uninstall it, or set MXCORE_BLOCK=deadly-imports",
        "optimizer 'future': from-the-future 1.2.3 requires mxcore>=7, this is mxcore "
        f"{mx.__version__}: pip install --upgrade from-the-future",
        "optimizer 'adam' is offered by 2 distributions: ask for 'mxcore-optimizer-adam:adam' or "
        "'rival-adam:adam', or set a preference: MXCORE_PREFER=mxcore-optimizer-adam",
    ],
)
def test_each_problem_comes_once_and_with_what_to_do(report: Any, problem: str) -> None:
    assert report["problems"].count(problem) == 1
    assert len(report["problems"]) == 10


def test_text_has_what_json_has(faulty: Environment, report: Any) -> None:
    status, printed = faulty.run("mxcore", "doctor", "--no-import")
    metadata = diagnosed(faulty, "--no-import")
    rows = {" ".join(line.split()[:3]): line for line in printed.splitlines() if line}
    assert status == 1
    for plugin in metadata["plugins"]:
        row = rows[f"{plugin['name']} {plugin['kind']} {plugin['distribution']}"]
        assert f" {plugin['status']} " in row
        assert plugin["reason"] in row
    assert printed.partition("To fix:\n")[2].splitlines() == [f"* {problem}" for problem in metadata["problems"]]
    assert {plugin["status"] for plugin in metadata["plugins"]} == {"ok", "duplicate", "incompatible"}


def test_metadata_alone_import_nothing(run_python: Callable[..., str]) -> None:
    program = (
        "import json, sys; from click.testing import CliRunner; from mxcore.commands.cli import main\n"
        "report = json.loads(CliRunner().invoke(main, ['doctor', '--no-import', '--json']).output)\n"
        "packages = {plugin['target'].replace(':', '.').split('.')[0] for plugin in report['plugins']}\n"
        "print(len(packages), report['kernel']['name'], {*packages, 'llvmlite', 'cupy'} & set(sys.modules))"
    )
    assert (
        run_python(program)
        == f"{len({record.distribution for record in mx.catalogue.records()} - {'mxcore'})} llvm set()\n"
    )


def test_what_is_switched_off_is_not_tried_and_no_fault(faulty: Environment) -> None:
    everything = ",".join([*FAULTY, "from-the-future"])
    found = diagnosed(faulty, MXCORE_BLOCK=everything)
    assert found["problems"] == []
    assert plugins(found)["endless-swift:endless"]["reason"] == "named in MXCORE_BLOCK"
    assert plugins(found)["endless-swift:endless"]["seconds"] is None
    assert {"name": "MXCORE_BLOCK", "value": everything, "reason": ""} in found["switches"]


def test_a_preference_settles_a_duplicate(faulty: Environment) -> None:
    blocked = ",".join(one for one in (*FAULTY, "from-the-future") if one != "rival-adam")
    found = diagnosed(faulty, MXCORE_BLOCK=blocked, MXCORE_PREFER="Rival_Adam", MXCORE_STRICT_PLUGINS="1")
    assert found["problems"] == []
    assert plugins(found)["rival-adam:adam"]["status"] == "ok"
    assert plugins(found)["mxcore-optimizer-adam:adam"]["status"] == "duplicate"


def test_strictness_does_not_hide_what_is_wrong(faulty: Environment) -> None:
    strict = diagnosed(faulty, "--no-import", MXCORE_STRICT_PLUGINS="1")
    assert strict["problems"] == diagnosed(faulty, "--no-import")["problems"]


def test_a_switch_that_is_none_and_a_name_that_is_nowhere_are_said(bare: Environment) -> None:
    found = diagnosed(bare, "--no-import", MXCORE_BLOK="adam", MXCORE_PREFER="adam, mxcore-optimizer-sgd")
    assert found["problems"] == ["MXCORE_BLOK is not a variable of mxcore: did you mean MXCORE_BLOCK?"]
    assert [switch["reason"] for switch in found["switches"]] == [
        "not a variable of mxcore",
        "adam: not installed",
    ]


def test_hooks_are_listed_with_who_takes_part(bare: Environment, tmp_path: Path) -> None:
    """The plugin is written by hand: its metadata, and a module."""
    (tmp_path / "watcher.py").write_text(
        "import mxcore as mx\n\n@mx.hooks.hookimpl\ndef mxcore_saved(path):\n    pass\n\n"
        "@mx.hooks.hookimpl\ndef mxcore_after_step(weights):\n    pass\n",
        encoding="utf-8",
    )
    metadata = tmp_path / "watcher-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: watcher\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[mxcore.hooks]\nwatch = watcher\n", encoding="utf-8")
    found = diagnosed(bare, PYTHONPATH=str(tmp_path))
    assert found["hooks"] == {"mxcore_after_step": ["watcher:watch"], "mxcore_saved": ["watcher:watch"]}
    status, printed = bare.run("mxcore", "doctor", PYTHONPATH=str(tmp_path))
    assert status == 0
    assert ["mxcore_saved", "hook", "watcher:watch"] in [line.split() for line in printed.splitlines()]


# --- processes -------------------------------------------------------------------------------------------------------


def test_a_terminal_shows_how_far_it_is(bare: Environment) -> None:
    ours, theirs = pytest.importorskip("pty", reason="there are no pseudo-terminals").openpty()
    command = [bare.folder / PROGRAMS / "mxcore", "doctor"]
    done = subprocess.run(
        command, stderr=theirs, stdout=subprocess.PIPE, encoding="utf-8", env=clean_environment(), check=True
    )
    os.close(theirs)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "Trying" in drawn
    assert "5/5" in drawn
    assert "nothing to fix" in done.stdout
    assert "Trying" not in done.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not list the children of a process")
def test_whoever_stops_waiting_leaves_no_process_behind() -> None:
    tasks = [processes.Task(str(number), "time:sleep", 600) for number in range(3)]
    tasks.insert(0, processes.Task("quick", "time:sleep", 0))
    waiting = processes.answers(tasks, timeout=600, at_once=2)
    assert next(waiting)[0].label == "quick"
    before = children()
    waiting.close()
    assert before
    assert not before & children()


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split())


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped")
def test_a_process_that_ignores_its_time_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE", 1.0)
    stopped = processes.Task("stopped", "signal:raise_signal", int(signal.SIGSTOP))
    start = time.monotonic()
    ((_, answer),) = processes.answers([stopped], timeout=0.5, at_once=1)
    assert answer.failure == "importing it takes longer than 0.5 s"
    assert time.monotonic() - start < 60
