"""The benchmark: what it times, how it compares, and what it writes. No test depends on speed."""

import gc
import json
import sys
import xml.etree.ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest
from commands import invoke
from mxcore_bench import called, calls, machine, ours, results, targets, timing
from mxcore_bench.device import CPU, GPU, Device
from mxcore_bench.experiment import Entrant, Experiment, LeftOutError, Reference, timed
from mxcore_bench.problem import ALGORITHMS, Problem, algorithm_of
from mxcore_bench.suite import GROUPS, names, suite
from mxcore_bench.traffic import traffic
from mxcore_bench.workloads import WORKLOADS

import mxcore as mx
from mxcore import kernel
from mxcore.commands.cli import main

PEERS = ("torch", "jax", "optax", "thinc", "deepspeed")


def bench(*arguments: object) -> Any:
    return invoke(main, ["bench", *arguments], COLUMNS="200")


@pytest.fixture
def _no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without peers."""
    imported = [name for name in sys.modules if name.partition(".")[0] in PEERS]
    for name in (*PEERS, *imported):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(autouse=True)
def _same_kernel() -> Iterator[None]:
    """Restore emitter and threads after each test."""
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
    assert {one.group for one in suite()} == {*GROUPS} - {"rules"}
    assert {one.workload for one in suite(GROUPS)} == set(names())
    assert [one.label for one in suite(["mlp"], ["sgd"])] == ["MLP, sgd, float32"]
    assert {one.dtype for one in suite(["one"])} == {"float32", "bfloat16"}
    assert {one.workload for one in suite(["fills", "import"])} == {
        *(name for name, group in names().items() if group == "fills"),
        "import",
    }


def test_rules_and_calls_with_large_arrays_run_if_they_are_named() -> None:
    left_out = set(names()) - {one.workload for one in suite()}
    assert {names()[name] for name in left_out} == {"calls", "rules"}
    assert {one.parameters for one in suite(["calls"])} == {4, 1000, 10_000, 100_000}
    assert {one.parameters for one in suite() if one.group == "calls"} == {4, 1000}
    assert [one.parameters for one in suite(["lists-10000"])] == [10_000]


def test_cases_that_would_be_about_memory_are_left_out() -> None:
    cases = {one.workload: {entrant.case for entrant in one.entrants} for one in suite(["calls"])}
    assert "1280 in turn" in cases["one-by-one-10000"]
    assert cases["one-by-one-100000"] == {"alone", "10 in turn", "160 in turn"}
    assert all(one.memory < 4e9 for one in suite(["calls"]))


def test_calls_are_about_adam_in_float32_unless_something_else_is_named() -> None:
    assert {(one.optimizer, one.dtype) for one in suite(["calls"])} == {("adam", "float32")}
    assert {one.optimizer for one in suite(["calls"], ["sgd", "lamb"])} == {"sgd", "lamb"}
    assert suite(["calls"], dtypes=["bfloat16"]) == []


def test_each_rule_is_compared_with_its_own_traffic_and_with_the_package_of_torch() -> None:
    experiments = suite(["rules"])
    chosen = {one.optimizer for one in experiments}
    assert chosen >= {"adam", "adan", "radam", "schedulefreesgd"}
    assert not chosen & {"lamb", "prodigy", "sgld", "soap", "lookahead", "sophia"}  # not element by element, or noise
    assert {tuple(one.name for one in experiment.entrants) for experiment in experiments} == {
        ("limit 2T", "mxcore llvm 2T", "torch package 2T")
    }
    assert [algorithm_of(name).bytes_per_parameter for name in ("adan", "radam", "signum")] == [44, 28, 20]


@pytest.mark.parametrize(("kept", "only_read"), [(0, 0), (3, 0), (1, 2)])
def test_traffic_reads_all_slots_and_writes_those_that_it_keeps(kept: int, only_read: int) -> None:
    updater = mx.optimizer.get_updater(traffic(kept, only_read)(learning_rate=1.0))
    weight = np.zeros(2)
    updater.states[0] = tuple(np.full(2, float(number + 1)) for number in range(kept + only_read))
    updater(0, np.ones(2), weight)
    written = [(slot != number + 1).all() for number, slot in enumerate(updater.states[0])]
    assert written == [True] * kept + [False] * only_read
    np.testing.assert_array_equal(weight, -1.0 - sum(range(kept + 1, kept + only_read + 1)))


def test_contestants_of_an_experiment_have_names_of_their_own() -> None:
    for experiment in (*suite(GROUPS), *suite(device=GPU)):
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


# --- ways to call ----------------------------------------------------------------------------------------------------

CASES = {case.name: case for shape in calls.SHAPES for case in shape.cases}


def small(case: calls.Case, device: Device = CPU) -> Problem:
    """Return as many parameters of 4 numbers as a case needs."""
    workload = attrs.evolve(WORKLOADS["tiny-4"], shapes=((4,),) * case.parameters)
    return Problem.make(workload, ALGORITHMS["adam"], "float32", device)


def given(case: calls.Case, samples: int = 1, **options: Any) -> tuple[Problem, list[list[tuple[Any, Any, Any]]]]:
    """Return the arguments of a caller, sample by sample; the first call is the warm-up."""
    seen: list[list[tuple[Any, Any, Any]]] = []

    def prepare(problem: Problem) -> calls.Prepare:
        return lambda *arguments: lambda: seen[-1].append(arguments)

    caller = calls.Caller("recorder", prepare, ready=lambda: seen.append([]), **options)
    (entrant,) = calls.entrants([case], [caller])
    problem = small(case)
    sample = entrant.build(problem)
    for _ in range(samples):
        sample(2)
    return problem, seen[1:]


@pytest.mark.parametrize("count", [10, 160, 1280])
def test_parameters_in_turn_are_called_one_after_the_other(count: int) -> None:
    problem, (seen,) = given(CASES[f"{count} in turn"])
    assert [index for index, _, _ in seen] == [*range(count)] * 2
    assert all(grad is problem.grads[index] and weight is problem.weights[index] for index, grad, weight in seen)


def test_lists_are_the_same_or_share_nothing_or_half_of_their_parameters() -> None:
    def lists(name: str) -> tuple[set[int], set[int]]:
        _, (seen,) = given(CASES[name])
        (first, grads, weights), (second, *_) = seen[:2]
        assert len(first) == len(grads) == len(weights) == len(second) == 160
        return set(first), set(second)

    assert lists("same list")[0] == lists("same list")[1]
    assert not lists("two in turn")[0] & lists("two in turn")[1]
    assert len(lists("overlapping")[0] & lists("overlapping")[1]) == 80


def test_who_takes_no_lists_gets_the_same_updates_one_by_one() -> None:
    for name in ("same list", "two in turn", "overlapping"):
        (_, (listed,)), (_, (single,)) = given(CASES[name]), given(CASES[name], lists=False)
        assert [index for index, _, _ in single] == [one for indices, _, _ in listed for one in indices]


@pytest.mark.parametrize(
    ("name", "new_grads", "new_weights", "same_memory"),
    [
        ("same arrays", False, False, True),
        ("new gradient", True, False, True),
        ("new view", False, True, True),
        ("other weight", False, True, False),
    ],
)
def test_each_call_has_new_arrays_of_the_kind_that_its_case_names(
    name: str, *, new_grads: bool, new_weights: bool, same_memory: bool
) -> None:
    problem, samples = given(CASES[name], samples=2)
    _, grads, weights = zip(*(arguments for sample in samples for arguments in sample), strict=True)
    for arrays, own, new in ((grads, problem.grads[0], new_grads), (weights, problem.weights[0], new_weights)):
        assert len({id(array) for array in [*arrays, own]}) == (len(arrays) + 1 if new else 1)
        assert all((array == own).all() for array in arrays)
    assert {np.shares_memory(weight, problem.weights[0]) for weight in weights} == {same_memory}
    assert all(grad.base is None for grad in grads if new_grads)


def test_new_arrays_are_made_for_few_calls_at_a_time() -> None:
    case = CASES["new gradient"]
    workload = attrs.evolve(WORKLOADS["tiny-4"], shapes=((100_000,),))
    problem = Problem.make(workload, ALGORITHMS["adam"], "float32")
    alive: list[int] = []
    grads: dict[int, Any] = {}

    def prepare(_: Problem) -> calls.Prepare:
        return lambda index, grad, weight: lambda: grads.setdefault(id(grad), grad) is None

    (entrant,) = calls.entrants(
        [case], [calls.Caller("r", prepare, ready=lambda: (alive.append(len(grads)), grads.clear()))]
    )
    entrant.build(problem)(10 * len(case.updates))
    assert max(alive) <= 2 * len(case.updates)


@pytest.mark.parametrize("shape", calls.SHAPES, ids=lambda one: one.name)
def test_every_caller_updates_every_parameter_of_its_case(shape: calls.Shape) -> None:
    (experiment,) = suite([f"{shape.name}-4"])
    built = set()
    for entrant in experiment.entrants:
        case = CASES[entrant.case]
        problem = small(case)
        try:
            entrant.build(problem)(1)
        except LeftOutError:
            continue
        assert all(mean.all() for mean in problem.slots[0]), entrant.name
        built.add(entrant.family)
    assert built >= {"mxcore llvm", "mxcore llvm direct", "mxcore numpy", "NumPy out="}


def test_all_callers_come_to_the_same_weights() -> None:
    case = calls.Case("some", ((0, 1), (1, 2), 0), grad=np.copy)  # thinc zeroes those that it is given
    weights = {}
    for caller in (*ours.callers(ALGORITHMS["adam"], 1), *called.callers(ALGORITHMS["adam"], 1)):
        problem = small(case)
        for array in problem.weights:
            array[...] = 0
        try:
            calls.entrants([case], [caller])[0].build(problem)(1)
        except LeftOutError:
            continue
        weights[caller.family] = np.stack(problem.weights)
    assert len(weights) >= 3
    for found in weights.values():
        # They differ in where epsilon is added, which shows where a gradient is small.
        assert np.allclose(found, weights["mxcore llvm"], rtol=0.02, atol=0)


def test_thinc_gets_a_gradient_with_values_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Adam:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.mom1: dict[Any, Any] = {}
            self.mom2: dict[Any, Any] = {}

        def __call__(self, key: Any, weights: Any, gradient: Any) -> None:
            seen.append(bool(gradient.any()))
            gradient *= 0

    monkeypatch.setitem(sys.modules, "thinc.api", SimpleNamespace(Adam=Adam))
    case = CASES["same arrays"]
    thinc, plain, *_ = called.callers(ALGORITHMS["adam"], 1)
    assert (thinc.family, plain.family) == ("thinc", "thinc plain")
    problem = small(case)
    before = problem.grads[0].copy()
    calls.entrants([case], [thinc])[0].build(problem)(2000)
    assert (problem.grads[0] == before).all()
    assert max(len(run) for run in "".join("x" if has else "." for has in seen).split("x")) < 800
    with pytest.raises(LeftOutError, match="thinc has no LAMB"):
        called.callers(ALGORITHMS["lamb"], 1)[0].prepare(problem)


# --- a GPU -----------------------------------------------------------------------------------------------------------


def test_a_gpu_has_its_own_contestants_and_neither_fills_nor_a_start() -> None:
    experiments = suite(device=GPU)
    assert {one.group for one in experiments} == {"steps", "overhead", "calls"}
    assert {one.dtype for one in experiments} == {"float32"}
    (arrays,) = suite(["arrays-4"], device=GPU)
    assert {one.family for one in arrays.entrants} == {
        *("mxcore cuda", "mxcore cuda direct"),
        *("torch fused", "torch foreach", "CuPy out="),
    }
    assert {one.threads for experiment in experiments for one in experiment.entrants} == {None}
    assert {one.name for one in arrays.references} == {"CuPy out=", "same arrays", "torch"}


@pytest.mark.parametrize("name", ["mlp", "tiny-4", "arrays-4", "lists-4"])
def test_contestants_of_a_gpu_wait_for_it_before_and_after_each_sample(name: str) -> None:
    """Use host arrays, since GPU arrays need a GPU."""
    waited: list[str] = []

    @attrs.frozen
    class Recorder(Device):
        def wait(self) -> None:
            waited.append(self.name)

    device = Recorder("gpu", mx.cpu(), "NumPy", (), ())
    (experiment,) = suite([name], ["adam"], device=GPU)
    workload = attrs.evolve(WORKLOADS["tiny-4"], shapes=((4,),) * 320)
    for entrant in experiment.entrants:
        if not entrant.family.startswith("torch"):
            waited.clear()
            entrant.build(Problem.make(workload, ALGORITHMS["adam"], "float32", device))(1)
            assert waited == ["gpu", "gpu"], entrant.name


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


def test_a_case_is_compared_with_the_same_case_or_with_the_first_one_of_its_family() -> None:
    def entrant(family: str, case: str) -> Entrant:
        return Entrant(family, timed, 1, case)

    medians = {entrant(family, case): 1.0 for family in ("mxcore", "thinc") for case in ("alone", "in turn")}
    assert Reference("thinc", "thinc").pick(entrant("mxcore", "in turn"), medians) == entrant("thinc", "in turn")
    assert Reference("alone", None, case="alone").pick(entrant("thinc", "in turn"), medians) == entrant(
        "thinc", "alone"
    )
    assert Reference("thinc", "thinc").pick(entrant("mxcore", "overlapping"), medians) is None
    assert entrant("mxcore", "in turn").name == "mxcore 1T, in turn"


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


def test_a_sample_is_made_in_parts_if_a_setup_serves_few_calls() -> None:
    told: list[int] = []
    stepped: list[int] = []
    timed(lambda calls: told.append(calls) or (lambda: stepped.append(1)), at_most=4)(10)
    assert told == [5, 5, 3]
    assert len(stepped) == 13


def test_the_time_of_a_step_is_shared_among_its_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def setup(calls: int) -> Callable[[], None]:
        clock[0] += 1000  # preparing takes long, and does not count
        return lambda: clock.__setitem__(0, clock[0] + 20)

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert timed(setup, updates=10, at_most=2)(25) == 2.0
    assert timed(setup)(25) == 20.0


def test_work_that_was_started_earlier_is_not_timed() -> None:
    done: list[str] = []
    timed(lambda _: lambda: done.append("step"), wait=lambda: done.append("wait"))(2)
    assert done == ["step", "wait", "step", "step", "wait"]


def test_a_process_that_fails_is_left_out_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXCORE_PLUGINS", "")
    (experiment,) = suite(["first-step"])
    result = results.run(experiment, 0.001, lambda one: one.family in ("mxcore numpy",))
    assert result.skipped == "no contestant is left"
    assert "adam" in next(iter(result.left_out.values()))


# --- this library's contestants --------------------------------------------------------------------------------------


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A kernel layer with emitters and threads, whether or not the real one has them."""
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
    assert limit["ratios"].keys() == {"limit", "NumPy out="}
    assert limit["ratios"]["limit"] == 1.0


@pytest.mark.usefixtures("_no_peers")
@pytest.mark.parametrize(
    ("name", "limit", "family"),
    [("NAG", True, "mxcore llvm bound"), ("lars", False, "mxcore numpy"), ("groupadagrad", False, "mxcore numpy")],
)
def test_any_installed_optimizer_competes_with_itself(name: str, limit: bool, family: str, tmp_path: Path) -> None:
    file = tmp_path / "mlp.json"
    run = bench("--workload", "mlp", "--optimizer", name, "--threads", 1, "--seconds", 0.001, "--json", file)
    assert run.exit_code == 0, run.output
    (experiment,) = json.loads(file.read_text("utf-8"))["experiments"]
    assert experiment["optimizer"] == name.lower()
    families = {row["family"] for row in experiment["results"]}
    assert family in families
    assert ("limit" in families) == limit
    assert {one for one in families if not one.startswith("mxcore")} <= {"limit"}


def test_an_optimizer_is_known_by_its_state_and_every_installed_one_can_be_timed() -> None:
    for record in mx.catalogue.records("optimizer"):
        algorithm = algorithm_of(record.name)
        for workload in ("tiny-4", "arrays-4"):
            (experiment,) = suite([workload], [algorithm.name], ["float32"])
            assert experiment.entrants
    assert algorithm_of("Adam") is ALGORITHMS["adam"]
    assert [algorithm_of(name).slots for name in ("sgld", "nag", "rmsprop", "adamw", "adadelta")] == [0, 1, 1, 2, 2]
    assert not algorithm_of("lbsgd").fused
    assert algorithm_of("lars").passes == 2


@pytest.mark.usefixtures("_no_peers")
def test_a_short_run_of_calls_says_what_each_contestant_was_called_with(tmp_path: Path) -> None:
    file = tmp_path / "arrays.json"
    run = bench("--workload", "arrays-4", "--only", "mxcore", "--only", "NumPy", "--seconds", 0.001, "--json", file)
    assert run.exit_code == 0, run.output
    (experiment,) = json.loads(file.read_text("utf-8"))["experiments"]
    assert (experiment["group"], experiment["tensors"], experiment["parameters"]) == ("calls", 1, 4)
    rows = {(row["family"], row["case"]): row for row in experiment["results"]}
    assert {case for _, case in rows} == {"same arrays", "new gradient", "new view", "other weight"}
    for (family, case), row in rows.items():
        assert row["contestant"] == f"{family} 1T, {case}"
        assert row["contestant"] in run.output
        assert row["ratios"].keys() == {"NumPy out=", "same arrays"}
        assert case != "same arrays" or row["ratios"]["same arrays"] == 1.0


@pytest.mark.parametrize("library", ["thinc", "deepspeed", "torch"])
@pytest.mark.usefixtures("_no_peers")
def test_calls_go_on_without_a_peer(library: str) -> None:
    for caller in called.callers(ALGORITHMS["adam"], 1):
        if caller.family.lower().startswith(library):
            with pytest.raises(LeftOutError, match=f"{library} is not installed"):
                caller.prepare(small(CASES["alone"]))


def test_a_gpu_that_cannot_be_used_is_one_line_that_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    for name in ("xp", "cuda"):
        monkeypatch.delitem(mx.gpu().backend.__dict__, name, raising=False)
    run = bench("--device", "gpu", "--seconds", 0.001)
    assert run.exit_code == 2
    assert run.output.startswith("Error: a GPU needs CuPy")
    assert run.output.count("\n") == 1


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
    monkeypatch.setattr(machine, "available_memory", lambda: 10**9)
    (experiment,) = suite(["gpt2"], ["adam"], ["float32"])
    result = results.run(experiment, seconds=0.001)
    assert result.skipped == "needs about 6.0 GB of memory, but 1.0 GB are available"
    assert result.rows == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workload", "nothing"], "'nothing' is not one of"),
        (["--optimizer", "lamp"], "cannot find optimizer 'lamp': did you mean 'lamb'"),
        (["--optimizer", "momentum"], "did you mean 'sgd' with momentum=0.9"),
        (["--seconds", "0"], "0.0 is not in the range x>0"),
        (["--threads", "none"], "'none' is not a valid integer"),
        (["--only", "nobody"], "no contestant's name contains 'nobody'"),
        (["--device", "tpu"], "'tpu' is not one of 'cpu', 'gpu'"),
        (["--device", "gpu", "--check"], "the targets are for the CPU"),
        (["--workload", "calls", "--dtype", "bfloat16"], "no experiment is left"),
        (["--json", "no/such/folder.json"], "'no/such/folder.json' is in a missing folder"),
        (["--plot", "speed.gif"], "'speed.gif' must end in .pdf, .png or .svg"),
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
    assert "bench" in invoke(main, ["--help"]).output


def test_the_command_line_imports_neither_the_benchmark_nor_what_it_draws_with(run_python: Any) -> None:
    program = (
        "import sys; from mxcore.commands.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    loaded = run_python(program).splitlines()[-1].split()
    assert not [name for name in loaded if name.startswith(("mxcore_bench", "matplotlib", *PEERS))]


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
        assert (target.family, target.case) in {(one.family, one.case) for one in experiment.entrants}


def test_a_target_for_a_case_is_about_no_other_case() -> None:
    (experiment,) = suite(["arrays-4"])
    rows = tuple(
        attrs.evolve(made_up_row(1, thinc=ratio), case=case)
        for case, ratio in (("same arrays", 0.1), ("new view", 0.9))
    )
    target = targets.Target("arrays-4", "mxcore llvm", "thinc", 0.5, "adam", "float32", "new view")
    assert target.measured([results.Result(experiment, 3, rows)]) == 0.9


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
