"""The benchmark: what it times, how it compares, and what it writes. How fast anything is, no test says."""

import gc
import json
import sys
import xml.etree.ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

import mxcore as mx
from mxcore import kernel
from mxcore.bench import ours, results, targets, timing
from mxcore.bench.experiment import Entrant, Experiment, LeftOutError, Reference, timed
from mxcore.bench.problem import ALGORITHMS, Problem
from mxcore.bench.suite import GROUPS, names, suite
from mxcore.bench.workloads import WORKLOADS
from mxcore.cli import main

PEERS = ("torch", "jax", "optax")


def bench(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["bench", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def _no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment where neither torch nor jax is installed."""
    for name in PEERS:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(autouse=True)
def _same_kernel() -> Iterator[None]:
    """Leave emitter and threads as they were."""
    with ours.restored():
        yield


# --- what is timed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"),
    [
        ("mlp", 4, 784 * 32 + 32 + 320 + 10),
        ("thousand", 1000, 1_000_000),
        ("resnet50", 161, 25_557_032),
        ("gpt2", 148, 124_439_808),
        ("one", 1, 25_000_000),
        ("tiny-161", 161, 1288),
    ],
)
def test_a_workload_has_the_size_of_its_model(name: str, tensors: int, parameters: int) -> None:
    assert (WORKLOADS[name].tensors, WORKLOADS[name].parameters) == (tensors, parameters)


def test_words_choose_experiments() -> None:
    assert {one.group for one in suite()} == set(GROUPS)
    assert {one.workload for one in suite()} == set(names())
    assert [one.label for one in suite(["mlp"], ["sgd"])] == ["MLP, sgd, float32"]
    assert {one.dtype for one in suite(["one"])} == {"float32", "bfloat16"}
    assert {one.workload for one in suite(["fills", "import"])} == {
        *(name for name, group in names().items() if group == "fills"),
        "import",
    }


def test_contestants_of_an_experiment_have_names_of_their_own() -> None:
    for experiment in suite():
        found = [entrant.name for entrant in experiment.entrants]
        assert len(set(found)) == len(found), experiment.label


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=lambda one: one.name)
def test_every_way_to_step_moves_the_shared_weights(algorithm: Any, dtype: str) -> None:
    workload = attrs.evolve(WORKLOADS["mlp"], shapes=((3, 2), (2,)))
    (experiment,) = suite(["mlp"], [algorithm.name], [dtype])
    stepped = 0
    for entrant in experiment.entrants:
        problem = Problem.make(workload, algorithm, dtype)
        problem.weights[0][...] = 0
        for masters in (problem.masters, problem.weights):
            masters[1][...] = 0
        try:
            entrant.build(problem)(1)
        except LeftOutError:
            continue
        if entrant.family != "optax jit":  # has copies of its own
            assert problem.masters[1].all(), entrant.name
            assert problem.weights[1].astype(float).all(), entrant.name
            stepped += 1
    assert stepped >= 4


def test_fresh_gradients_are_new_arrays_with_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem.make(WORKLOADS["tiny-4"], ALGORITHMS["sgd"], "float32")
    given: list[list[Any]] = []
    monkeypatch.setattr(mx.optimizer.Updater, "__call__", lambda self, indices, grads, weights: given.append(grads))
    entrants = ours.entrants(ALGORITHMS["sgd"], (1,), every_call=True)
    next(one for one in entrants if one.family.endswith("fresh") and "llvm" not in one.family).build(problem)(2)
    assert (given[0][0] == problem.grads[0]).all()
    assert len({id(grad) for grads in [*given, problem.grads] for grad in grads}) == 4 * (len(given) + 1)


# --- timing ----------------------------------------------------------------------------------------------------------


def test_contestants_are_compared_round_by_round() -> None:
    fast, slow = Entrant("fast", timed, 1), Entrant("slow", timed, 1)
    experiment = Experiment("w", "W", "steps", dict, (fast, slow), (Reference("fast", "fast"),), parameters=10)
    # The ratios of the rounds are 2, 2 and 9; that of the medians would be 18 / 2.
    rows = results.evaluate(experiment, {fast: [1.0, 10.0, 2.0], slow: [2.0, 20.0, 18.0]}, {fast: 1, slow: 3})
    assert [row.ratios["fast"] for row in rows] == [1.0, 2.0]
    assert (rows[1].median_s, rows[1].best_s, rows[1].repetitions) == (18.0, 2.0, 3)
    assert rows[1].ns_per_parameter == pytest.approx(1.8e9)


def test_a_reference_has_as_many_threads_or_is_the_fastest() -> None:
    def torch(threads: int) -> Entrant:
        return Entrant("torch fused", timed, threads)

    medians = {torch(1): 1.0, torch(2): 3.0, Entrant("optax", timed): 2.0, Entrant("NumPy", timed, 1): 4.0}
    equal, best = Reference("torch", "torch fused"), Reference("best torch", "torch fused", equal_threads=False)
    assert equal.pick(Entrant("mxcore", timed, 2), medians) == torch(2)
    assert equal.pick(Entrant("optax", timed), medians) == torch(2)
    assert equal.pick(Entrant("mxcore", timed, 4), medians) is None
    assert best.pick(Entrant("mxcore", timed, 2), medians) == torch(1)
    assert Reference("limit", "limit").pick(torch(1), medians) is None


def test_every_round_samples_everyone_without_garbage_collection() -> None:
    calls: list[tuple[str, bool]] = []

    def sampler(name: str) -> Callable[[int], float]:
        def sample(repetitions: int) -> float:
            calls.append((name, gc.isenabled()))
            return 0.001

        return sample

    samplers = {Entrant(name, timed): sampler(name) for name in "abc"}
    samples, repetitions = timing.measure(samplers, seconds=0.0)
    assert gc.isenabled()
    assert {enabled for _, enabled in calls} == {False}
    assert {len(times) for times in samples.values()} == {timing.FEWEST_ROUNDS}
    assert all(count * 0.001 >= timing.SHORTEST_SAMPLE for count in repetitions.values())
    rounds = [name for name, _ in calls][-9:]
    assert [sorted(rounds[at : at + 3]) for at in (0, 3, 6)] == [["a", "b", "c"]] * 3


def test_the_setup_of_a_step_is_told_how_often_it_is_called() -> None:
    told: list[int] = []
    stepped: list[int] = []

    def setup(calls: int) -> Callable[[], None]:
        told.append(calls)
        return lambda: stepped.append(1)

    timed(setup)(5)
    assert told == [6]
    assert len(stepped) == 6


def test_a_process_that_fails_is_left_out_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXCORE_PLUGINS", "")
    (experiment,) = suite(["first-step"])
    result = results.run(experiment, 0.001, lambda one: one.family in ("mxcore numpy",))
    assert result.skipped == "no contestant is left"
    assert "adam" in next(iter(result.left_out.values()))


# --- this library's contestants --------------------------------------------------------------------------------------


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is asked of a kernel layer that has emitters and threads, whether or not the real one does."""
    asked: list[Any] = []
    monkeypatch.setattr(kernel, "use", asked.append, raising=False)
    monkeypatch.setattr(kernel, "in_use", lambda: "numpy", raising=False)
    monkeypatch.setattr(mx, "set_num_threads", asked.append, raising=False)
    monkeypatch.setattr(mx, "get_num_threads", lambda: 7, raising=False)
    return asked


def test_compiled_code_runs_on_every_number_of_threads_and_the_emitter_is_put_back(chosen: list[Any]) -> None:
    entrants = ours.entrants(ALGORITHMS["sgd"], (1, 2), every_call=False)
    assert [entrant.name for entrant in entrants] == ["mxcore llvm 1T", "mxcore llvm 2T", "mxcore numpy 1T"]
    with ours.restored():
        entrants[1].build(Problem.make(WORKLOADS["tiny-4"], ALGORITHMS["sgd"], "float32"))(1)
    assert chosen == ["llvm", 2, "llvm", 2, "numpy", 7]


def test_a_bound_step_is_bound_once(chosen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[Any] = []
    step = lambda: chosen.append("step")
    monkeypatch.setattr(mx.optimizer.Updater, "bind", lambda *given: bound.append(given) or step, raising=False)
    entrants = {one.name: one for one in ours.entrants(ALGORITHMS["sgd"], (1,), every_call=True)}
    problem = Problem.make(WORKLOADS["tiny-4"], ALGORITHMS["sgd"], "float32")
    entrants["mxcore numpy bound 1T"].build(problem)(2)
    assert chosen == ["numpy", 1, "numpy", 1, "step", "step", "step"]
    ((updater, weights, grads),) = bound
    assert (weights, grads) == (problem.weights, problem.grads)
    assert updater.states[0] is problem.slots[0][0]


def test_an_emitter_without_its_library_is_left_out(chosen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "missing", lambda emitter: "llvmlite is not installed" if emitter == "llvm" else None)
    with pytest.raises(LeftOutError, match="llvmlite is not installed"):
        ours.choose("llvm", 1)
    ours.limits(ALGORITHMS["sgd"], (1,))[0].build(Problem.make(WORKLOADS["tiny-4"], ALGORITHMS["sgd"], "float32"))(1)
    assert "llvm" not in chosen


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_peers")
def test_a_short_run_writes_its_figures_and_a_picture(tmp_path: Path) -> None:
    json_file, png = tmp_path / "mlp.json", tmp_path / "mlp.png"
    arguments = ("--workload", "mlp", "--optimizer", "sgd", "--seconds", 0.001, "--json", json_file, "--plot", png)
    run = bench(*arguments, "--threads", 1)
    assert run.exit_code == 0, run.output
    assert png.read_bytes().startswith(b"\x89PNG\r\n")
    report = json.loads(json_file.read_text("utf-8"))
    assert {"cpu", "cores", "os", "python", "versions", "kernel", "date"} <= report["machine"].keys()
    (experiment,) = report["experiments"]
    assert (experiment["tensors"], experiment["parameters"], experiment["bytes_per_parameter"]) == (4, 25450, 20)
    figures = {"median_s", "best_s", "ns_per_parameter", "gb_per_s", "ratios", "threads", "repetitions"}
    for row in experiment["results"]:
        assert figures <= row.keys()
        assert 0 < row["best_s"] <= row["median_s"]
        assert row["contestant"] in run.output
    assert {row["contestant"] for row in experiment["results"]} >= {"limit 1T", "NumPy naive 1T", "NumPy out= 1T"}
    limit = next(row for row in experiment["results"] if row["family"] == "limit")
    assert limit["ratios"] == {"limit": 1.0}


@pytest.mark.usefixtures("_no_peers")
def test_a_peer_that_is_not_installed_is_left_out_and_named(tmp_path: Path) -> None:
    file = tmp_path / "tiny.json"
    run = bench("--workload", "tiny-4", "--optimizer", "adam", "--seconds", 0.001, "--threads", 1, "--json", file)
    assert run.exit_code == 0, run.output
    assert "left out: torch fused 1T (torch is not installed)" in run.output
    assert (
        json.loads(file.read_text("utf-8"))["experiments"][0]["left_out"]["torch fused 1T"] == "torch is not installed"
    )


def test_a_picture_may_be_an_svg(tmp_path: Path) -> None:
    svg = tmp_path / "fill.svg"
    run = bench(
        "--workload", "normal-1m", "--only", "NumPy", "--only", "mxcore llvm 1T", "--seconds", 0.001, "--plot", svg
    )
    assert run.exit_code == 0, run.output
    assert xml.etree.ElementTree.parse(svg).getroot().tag.endswith("svg")


def test_a_workload_that_would_not_fit_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "available_memory", lambda: 10**9)
    (experiment,) = suite(["gpt2"], ["adam"], ["float32"])
    result = results.run(experiment, seconds=0.001)
    assert result.skipped == "needs about 6.0 GB of memory, 1.0 GB are available"
    assert result.rows == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workload", "nothing"], "'nothing' is not one of"),
        (["--optimizer", "lamp"], "'lamp' is not one of"),
        (["--seconds", "0"], "0.0 is not in the range x>0"),
        (["--threads", "none"], "'none' is not a valid integer"),
        (["--only", "nobody"], "no contestant's name contains 'nobody'"),
        (["--json", "no/such/folder.json"], "'no/such/folder.json' is in a folder that is not there"),
        (["--plot", "speed.pdf"], "'speed.pdf' must end in .png or .svg"),
        (["--fast"], "No such option"),
    ],
)
def test_bad_options_are_one_line_and_status_2(arguments: list[str], said: str) -> None:
    run = bench(*arguments)
    assert run.exit_code == 2
    assert said in run.output
    assert run.output.startswith("Error: ")
    assert run.output.count("\n") == 1


def test_help_lists_the_workloads() -> None:
    shown = bench("--help").output
    assert {name for name in names() if name in shown} == set(names())
    assert "bench" in CliRunner().invoke(main, ["--help"]).output


def test_the_command_line_imports_neither_the_benchmark_nor_what_it_draws_with(run_python: Any) -> None:
    program = "import sys, mxcore.cli; mxcore.cli.main(['--help'], standalone_mode=False); print(*sys.modules)"
    loaded = run_python(program).splitlines()[-1].split()
    assert not [name for name in loaded if name.startswith(("mxcore.bench", "matplotlib", *PEERS))]


# --- targets ---------------------------------------------------------------------------------------------------------


def result(row: results.Row) -> results.Result:
    (experiment,) = suite(["mlp"], ["adam"], ["float32"])
    return results.Result(experiment, 3, (row,))


def made_up_row(threads: int, **ratios: float) -> results.Row:
    return results.Row(f"mxcore llvm {threads}T", "mxcore llvm", threads, 1, 2e-6, 1e-6, None, None, ratios)


def test_a_target_is_about_something_that_is_timed() -> None:
    experiments = {(one.workload, one.optimizer, one.dtype): one for one in suite()}
    for target in targets.TARGETS:
        experiment = experiments[target.workload, target.optimizer, target.dtype]
        assert target.figure in {"seconds", *(one.name for one in experiment.references)}


def test_at_equal_threads_each_must_meet_the_bound_and_else_the_one_with_most() -> None:
    measured = [attrs.evolve(result(made_up_row(1)), rows=(made_up_row(1, limit=1.3), made_up_row(2, limit=1.0)))]
    each = targets.Target("mlp", "mxcore llvm", "limit", 1.1, "adam", "float32")
    assert each.measured(measured) == 1.3
    rows = tuple(made_up_row(threads, **{"best torch": 1 / threads}) for threads in (1, 2))
    most = targets.Target("mlp", "mxcore llvm", "best torch", 0.5, "adam", "float32")
    assert most.measured([attrs.evolve(measured[0], rows=rows)]) == 0.5
    assert attrs.evolve(most, figure="seconds").measured(measured) == 2e-6


def test_a_verdict_is_met_missed_or_not_measured() -> None:
    verdicts = targets.check([result(made_up_row(2, **{"best torch": 0.17}))])
    assert {verdict.met for verdict in verdicts} == {True, None}
    missed = targets.check([result(made_up_row(2, **{"best torch": 0.18}))])
    assert [verdict.met for verdict in missed if verdict.measured] == [False]


def test_check_names_every_target_and_fails_only_for_one_that_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--workload", "tiny-4", "--optimizer", "sgd", "--only", "mxcore", "--seconds", 0.001, "--check")
    run = bench(*arguments)
    assert run.exit_code == 0, run.output
    assert f"0 met, 0 missed, {len(targets.TARGETS)} not measured" in run.output
    family = ours.entrants(ALGORITHMS["sgd"], (1,), every_call=False)[-1].family
    impossible = targets.Target("tiny-4", family, "seconds", 1e-12, "sgd", "float32")
    monkeypatch.setattr(targets, "TARGETS", (impossible,))
    run = bench(*arguments)
    assert run.exit_code == 1
    assert "0 met, 1 missed, 0 not measured" in run.output
