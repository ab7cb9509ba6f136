"""The store over MPI: jobs of real processes, in a network namespace that has only ``lo``."""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from namespaces import run_in_namespace

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed")


@pytest.fixture
def job(tmp_path: Path) -> Any:
    """A function that runs a program in several processes."""

    def run(ranks: int, program: str, *arguments: Any, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        mpiexec = Path(sys.executable).parent / "mpiexec"
        command = [mpiexec, "-n", ranks, sys.executable, HERE / "programs" / program, *arguments]
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return run_in_namespace([str(one) for one in command], {"HOME": str(tmp_path), **threads}, timeout)

    return run


def lines(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return what the ranks have printed as JSON."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def saved(file: Path) -> list[np.ndarray]:
    return [*np.load(file).values()]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return [array.tobytes() for array in one] == [array.tobytes() for array in other]


@pytest.mark.bits
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_updates_have_the_bits_of_a_list_push_to_the_local_store(job: Any, ranks: int) -> None:
    assert lines(job(ranks, "bits.py", timeout=120)) == [78]


@pytest.mark.bits
def test_stores_of_some_ranks_with_next_to_nothing_to_do_have_the_bits(job: Any, tmp_path: Path) -> None:
    found = lines(job(6, "halves.py", tmp_path))
    assert sorted(found) == [[rank, 3, True] for rank in range(3) for _ in range(2)]


@pytest.mark.bits
def test_a_gradient_that_is_not_finite_on_one_rank_is_skipped_by_all(job: Any) -> None:
    done = job(3, "finite.py")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_rank_keeps_the_state_of_its_part_and_at_most_one_block_more(job: Any, ranks: int) -> None:
    of_element = {"adam, f4": 8, "adam, f2": 12, "lookahead(lamb), f8": 24}
    found = lines(job(ranks, "sizes.py"))
    assert len(found) == ranks * len(of_element)
    for name, _, size, total in found:
        assert 0 < size <= (total / ranks + 4096) * of_element[name]
    for name in of_element:
        assert sum(size for one, _, size, _ in found if one == name) == found[0][3] * of_element[name]


@pytest.mark.bits
@pytest.mark.parametrize(
    "name", ["adam, clipped", "muon", "lookahead(adam)", "prodigy", "sgld", "adam, in groups", "adam, accumulating"]
)
def test_a_file_of_states_goes_on_with_any_number_of_ranks(job: Any, tmp_path: Path, name: str) -> None:
    whole = tmp_path / "whole"
    assert job(1, "states.py", name, "local", "-", whole, 0, 6).returncode == 0
    one, three, five = tmp_path / "one", tmp_path / "three", tmp_path / "five"
    for ranks, *arguments in (
        (3, 1, "-", one, 0, 1), (2, 1, one, three, 1, 3), (2, 0, three, five, 3, 5),
        (4, 1, five, tmp_path / "six", 5, 6), (1, "local", three, tmp_path / "local", 3, 6),
    ):  # fmt: skip
        done = job(ranks, "states.py", name, *arguments)
        assert done.returncode == 0, done.stderr
    for file in ("six", "local"):
        assert same(saved(tmp_path / f"{file}.npz"), saved(tmp_path / "whole.npz"))


@pytest.mark.kill
@pytest.mark.bits
@pytest.mark.parametrize("zero", [0, 1])
def test_a_killed_rank_ends_the_job_which_resumes_with_the_same_bits(job: Any, tmp_path: Path, zero: int) -> None:
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    assert job(2, "training.py", zero, folders[0], 8, -1, 0).returncode == 0
    victim, when = random.choice([0, 1]), random.randrange(1, 8)
    died = job(2, "training.py", zero, folders[1], 8, victim, when)
    assert died.returncode != 0
    assert not (folders[1] / "8.npz").exists()
    resumed = job(2, "training.py", zero, folders[1], 8, -1, 0)
    assert resumed.returncode == 0, resumed.stderr
    assert same(saved(folders[1] / "8.npz"), saved(folders[0] / "8.npz")), (victim, when)


@pytest.mark.kill
@pytest.mark.parametrize("zero", [0, 1])
@pytest.mark.parametrize(
    ("how", "messages"),
    [
        ("raises", ["LookupError: the data of rank 1 is gone", "rank 1 of 2 has failed, so the whole job is ended"]),
        ("ends", ["rank 1 has called close, or ended, rank 0 (this one) has called push"]),
        ("exits", ["rank 1 has called close, or ended, rank 0 (this one) has called push"]),
        ("killed", []),
        ("updates", ["MemoryError: no room on rank 1", "rank 1 of 2 has failed, so the whole job is ended"]),
    ],
)
def test_a_rank_that_fails_ends_the_job(job: Any, how: str, messages: list[str], zero: int) -> None:
    done = job(2, "failing.py", how, zero, timeout=30)
    assert done.returncode != 0
    assert "is done" not in done.stdout
    for message in messages:
        assert message in done.stderr


def test_ranks_that_have_made_different_updates_do_not_go_on(job: Any) -> None:
    done = job(2, "failing.py", "updates, caught", 0)
    assert done.returncode != 0
    assert "rank 1 has after 1 updates, rank 0 (this one) has after 2 updates" in done.stderr


def test_what_differs_is_refused_on_the_rank_that_differs(job: Any) -> None:
    found = dict(lines(job(3, "errors.py")))
    theirs, mine = found[0], found[2]
    assert found[1] == {name: text.replace("rank 0 (this one)", "rank 0") for name, text in theirs.items()} | {
        name: found[1][name] for name in ("no folder", "no file")
    }
    for name, its, others in (
        ("options", "order='any'", "order='ranks'"),
        ("shapes", "key 'w' of shape (3,) and dtype float64", "key 'w' of shape (2,) and dtype float64"),
        ("dtypes", "key 'w' of shape (2,) and dtype float32", "key 'w' of shape (2,) and dtype float64"),
        ("keys", "nothing more", "key 'x' of shape (2,) and dtype float64"),
        ("optimizer", "name = 'adam'", "name = 'sgd'"),
        ("settings", "settings.lr = 0.5", "settings.lr = 0.25"),
        ("gradient dtype", "key 'w' of dtype float32", "key 'w' of dtype float64"),
        ("pushed keys", "key 'x' of dtype float64", "key 'w' of dtype float64"),
        ("call", "called barrier", "called push"),
    ):
        text = (
            f"ValueError: the ranks of the job differ: rank 2{{}} has {its}, rank 0{{}} has {others}; nothing was done"
        )
        assert (mine[name], theirs[name]) == (text.format(" (this one)", ""), text.format("", " (this one)"))
    for name, call in (("type", "init"), ("name", "set_optimizer"), ("shape", "push"), ("out", "push")):
        assert theirs[name] == f"RuntimeError: {call} failed on rank 2, so that nothing was done: {mine[name]}"
    for name in ("no folder", "no file"):
        assert theirs[name].startswith("FileNotFoundError")
        assert f"failed on rank 0, so that nothing was done: {theirs[name]}" in mine[name]
    everywhere = ("not finite", "no optimizer", "lbfgs", "clipped muon", "sparse", "closed")
    assert all(theirs[name] == mine[name] for name in everywhere)
    assert "FloatingPointError: the gradient of parameter 'x' has elements that are infinite" in mine["not finite"]
    assert [mine[name].endswith("use zero=0") for name in ("lbfgs", "clipped muon")] == [True, True]


@pytest.mark.parametrize("zero", [0, 1])
def test_a_module_on_two_ranks_is_trained_as_on_the_whole_batch(job: Any, tmp_path: Path, zero: int) -> None:
    for ranks in (1, 2):
        done = job(ranks, "fit.py", zero, tmp_path / f"{ranks}.npz")
        assert done.returncode == 0, done.stderr
    one, two = (np.load(tmp_path / f"{ranks}.npz") for ranks in (1, 2))
    assert sorted(one) == ["fc1_bias", "fc1_weight", "fc2_bias", "fc2_weight"]
    for name in one:
        np.testing.assert_allclose(two[name], one[name], atol=1e-6)
    assert (tmp_path / "2.npz-of-0-0004.states").exists()


def test_who_listens_is_known(job: Any) -> None:
    ((count, found),) = lines(job(2, "listeners.py"))
    assert count > 0
    assert {program for program, _ in found} <= {"mpiexec", "hydra_pmi_proxy", Path(sys.executable).name, "python"}


def test_the_examples_of_the_documentation_are_true(tmp_path: Path) -> None:
    package = HERE.parent
    files = [str(file) for file in (*(package / "mxcore_kvstore_mpi").glob("*.py"), package / "README.md")]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--noconftest", "-p", "no:cacheprovider", *files]
    done = run_in_namespace(command, {"HOME": str(tmp_path)}, 60)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_train_runs_under_mpiexec_alone(job: Any, tmp_path: Path) -> None:
    common = ("train", "--kvstore", "dist_sync_mpi", "--epochs", 2)
    done = job(2, "command.py", *common, "--seed", 1, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Results in") == 1
    assert (tmp_path / "run" / "config.json").is_file()
    unseeded = job(2, "command.py", *common)
    assert unseeded.returncode != 0
    assert "add --seed 1" in unseeded.stderr
    alone = job(1, "command.py", *common, "--workers", 2)
    assert alone.returncode != 0
    assert "run mpiexec -n 2" in alone.stderr


def test_where_mpi_is_missing_the_error_says_what_to_install(tmp_path: Path) -> None:
    program = "import mxcore as mx; mx.kv.create('dist_sync_mpi')"
    nowhere = {"HOME": str(tmp_path), "MPI4PY_LIBMPI": str(tmp_path / "libmpi.so")}
    done = run_in_namespace([sys.executable, "-c", program], nowhere, 60)
    assert done.returncode == 1
    assert "mpi4py finds no MPI library. Load the one of your cluster, or `pip install mpich`; or set" in done.stderr
