"""Files that MXNet 1.9.1 wrote are read by every loader, and a run goes on with MXNet's numbers."""

import contextlib
import itertools
import json
import logging
import os
import pickle
import random
import sys
import tracemalloc
import types
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import mutated
import numpy as np
import pytest

import mxcore as mx

FILES = Path(__file__).parent / "golden" / "mxnet-files"
INDEX: dict[str, Any] = json.loads((FILES / "index.json").read_text("utf-8"))
EXPECTED = np.load(FILES / "expected.npz")
RUNS: dict[str, Any] = INDEX["states"]
MATRIX = np.array(INDEX["params"]["matrix"], np.float32)


def content(run: str, kind: str) -> bytes:
    return (FILES / f"{run}-{kind}.states").read_bytes()


def updater(run: str) -> mx.optimizer.Updater:
    case = RUNS[run]
    arguments = dict(case["arguments"])
    if "lr_scheduler" in arguments:
        name, settings = arguments["lr_scheduler"]
        arguments["lr_scheduler"] = getattr(mx.lr_scheduler, name)(**settings)
        if case["optimizer"] == "adam":  # whose default replaces the scheduler's rate in MXNet
            arguments["learning_rate"] = 0.001
    names = dict(enumerate(case["names"]))
    optimizer = mx.optimizer.create(case["optimizer"], param_idx2name=names, **arguments)
    if run == "adam-multipliers":
        optimizer.set_lr_mult({"fc_bias": 2.0})
        optimizer.set_wd_mult({"fc_weight": 0.5})
    return mx.optimizer.get_updater(optimizer)


def check_going_on(update: mx.optimizer.Updater, run: str, kind: str) -> None:
    """Make the steps that MXNet made after loading the same file, and compare the weights."""
    names = RUNS[run]["names"]
    weights = [EXPECTED[f"{run}/before/{name}"].copy() for name in names]
    for at in range(3):
        update([*range(len(names))], [EXPECTED[f"{run}/grads/{at}/{name}"] for name in names], weights)
    for name, weight in zip(names, weights, strict=True):
        tolerance = 1e-3 if weight.dtype == np.float16 else 1e-6
        np.testing.assert_allclose(weight, EXPECTED[f"{run}/{kind}/{name}"], rtol=tolerance, atol=tolerance)


# --- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "optimizer"])
@pytest.mark.parametrize("run", RUNS)
def test_a_run_goes_on_with_mxnets_numbers(run: str, kind: str) -> None:
    update = updater(run)
    update.set_states(content(run, kind))
    before = {} if kind == "plain" else dict.fromkeys(range(len(RUNS[run]["names"])), 3)
    begin = RUNS[run]["arguments"].get("begin_num_update", 0)
    assert dict(update.optimizer._index_update_count) == {index: begin + count for index, count in before.items()}
    check_going_on(update, run, kind)


@pytest.mark.parametrize("run", ["adam", "sgd-momentum", "nag-half", "adam-factor", "adam-multipliers", "lbsgd"])
def test_with_the_optimizer_in_the_file_any_updater_goes_on(run: str) -> None:
    other = mx.optimizer.create("ftrl" if run == "adam" else "adagrad", param_idx2name={0: "fc_weight", 1: "fc_bias"})
    update = mx.optimizer.get_updater(other)
    with pytest.warns(UserWarning, match="taken from the file: the optimizer, now"):
        update.set_states(content(run, "optimizer"))
    assert type(update.optimizer).__name__.lower() == RUNS[run]["optimizer"]
    check_going_on(update, run, "optimizer")


def test_settings_of_the_file_replace_those_of_the_updater_with_a_warning(tmp_path: Path) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name={0: "fc_weight", 1: "fc_bias"}, accumulate=1))
    with pytest.warns(UserWarning, match=r"taken from the file: .*wd = 0\.01 \(not 0\.0\)"):
        mx.load_state(FILES / "adam-optimizer.states", update)
    check_going_on(update, "adam", "optimizer")
    mx.save_state(tmp_path / "new", update)
    again = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name={0: "fc_weight", 1: "fc_bias"}))
    with pytest.warns(UserWarning, match="wd"):
        mx.load_state(tmp_path / "new", again)
    assert again.optimizer.num_update == 6


def test_parameters_are_matched_by_the_names_in_the_file() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name={"b": "fc_bias", "w": "fc_weight"}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        update.set_states(content("adam", "optimizer"))
    assert {index: state[0].shape for index, state in update.states.items()} == {"w": (3, 4), "b": (4,)}
    assert dict(update.optimizer._index_update_count) == {"w": 3, "b": 3}


class NDArray:
    """Is pickled as MXNet's is, with the content of ``one.params``."""

    def __reduce__(self) -> Any:
        return NDArray, (None,), {"handle": bytearray((FILES / "one.params").read_bytes()[24:-8])}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("home", ["mxnet.ndarray", "mxnet.ndarray.ndarray", "mxnet.numpy.multiarray"])
def test_pickles_of_every_protocol_may_have_names_as_keys(home: str, protocol: int) -> None:
    update = updater("sgd-momentum")
    update.set_states(pickled({"fc_weight": NDArray(), b"fc_bias": NDArray()}, {NDArray: home}, protocol))
    assert {index: state.tolist() for index, state in update.states.items()} == dict.fromkeys((0, 1), MATRIX.tolist())
    one, another = NDArray(), NDArray()
    for odd, why in (
        ({0: one, 1: one}, "the state of two parameters"),
        ({0: one, "fc_weight": another}, "several entries for the same parameter"),
        ({0: {1.5: one}}, "a key that is neither"),
    ):
        with pytest.raises(ValueError, match=why):
            update.set_states(pickled(odd, {NDArray: home}, protocol))
    assert len(update.states) == 2


@pytest.mark.parametrize("kind", ["plain", "optimizer"])
@pytest.mark.parametrize("file", ["store", "devices"])
def test_states_of_a_module_on_two_devices_are_those_of_the_first(file: str, kind: str) -> None:
    names = {0: "fc_weight", 1: "fc_bias"}
    update = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9, param_idx2name=names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        update.set_states(content(file, kind))
    assert {index: state.shape for index, state in update.states.items()} == {0: (2, 3), 1: (2,)}
    assert dict(update.optimizer._index_update_count) == ({} if kind == "plain" else {0: 2, 1: 2})


def pickled(value: Any, homes: dict[type, str], protocol: int = 4) -> bytes:
    """Return a pickle in which classes of this file have other modules."""
    modules = {}
    for cls, home in homes.items():
        cls.__module__, cls.__qualname__ = home, cls.__name__
        for name in itertools.accumulate(home.split("."), "{}.{}".format):
            modules.setdefault(name, types.ModuleType(name))
        setattr(modules[home], cls.__name__, cls)
    with mock.patch.dict(sys.modules, modules):
        return pickle.dumps(value, protocol)


def test_a_class_of_the_program_gets_its_states_and_its_settings() -> None:
    @mx.optimizer.register
    class Twice(mx.optimizer.Optimizer):
        def __init__(self, gain: float = 1.0, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.gain = gain

        def create_state(self, index: Any, weight: Any) -> Any:
            return [mx.nd.zeros(weight.shape, weight.context), 0]

        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            self._update_count(index)
            state[0][:] += grad
            state[1] += 1
            weight[:] -= self.gain * self._get_lr(index) * state[0] * state[1]

    saved = type("Twice", (), {})()
    saved.__dict__ = {"gain": 3.0, "lr": 0.5, "num_update": 7, "_all_index_update_counts": {0: {0: 7}}, "idx2name": {}}
    update = mx.optimizer.get_updater(Twice())
    data = pickled(({0: [NDArray(), 7]}, saved), {NDArray: "mxnet.ndarray.ndarray", type(saved): "my_script"})
    with pytest.warns(UserWarning, match="gain = 3"):
        update.set_states(data)
    weight = np.zeros((2, 3), np.float32)
    update(0, np.ones((2, 3), np.float32), weight)
    np.testing.assert_allclose(weight, -3 * 0.5 * (MATRIX + 1) * 8, rtol=1e-6)
    assert update.optimizer.num_update == 8


def test_loading_says_what_was_read_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mx.load_state(FILES / "adam-plain.states", updater("adam"))
    updater("adam").set_states(content("adam", "optimizer"))
    assert [one.getMessage().split(": ", 1)[1] for one in caplog.records] == [
        "read the states of 2 parameters in MXNet's format, but no counts: bias correction and schedules go on from "
        "this updater's",
        "read the states of 2 parameters in MXNet's format, and the counts",
    ]


@pytest.mark.parametrize(("run", "file", "why"), [
    ("sgd", "sgd-momentum", r"it has 1 arrays for a parameter, but SGD keeps nothing with its present settings"),
    ("adam", "sgd-momentum", "it has 1 arrays for a parameter, but Adam keeps mean, variance"),
    ("adam", "adam-half", "multi_precision=False"), ("sgd-momentum", "adam", "multi_precision=False"),
])  # fmt: skip
def test_states_of_another_optimizer_are_refused(run: str, file: str, why: str) -> None:
    update = updater(run)
    with pytest.raises(ValueError, match=why):
        mx.load_state(FILES / f"{file}-plain.states", update)
    assert update.states == {}


def test_what_a_file_lacks_is_named() -> None:
    update = updater("adam-factor")
    data = content("adam-factor", "optimizer").replace(b"\x8c\x05count", b"\x8c\x05other")
    with pytest.raises(ValueError, match="the saved state: MXNet's state does not fit: it has no 'count'"):
        update.set_states(data)


def test_a_wrapper_is_refused() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("lookahead(adam)"))
    with pytest.raises(ValueError, match="Lookahead wraps another optimizer"):
        update.set_states(content("adam", "plain"))


# --- parameters ------------------------------------------------------------------------------------------------------


def test_every_params_file_is_read() -> None:
    assert [one.shape for one in mx.nd.load(str(FILES / "list.params"))] == [(2, 3), (4,)]
    assert (mx.nd.load(str(FILES / "one.params"))[0].asnumpy() == MATRIX).all()
    assert mx.nd.load(str(FILES / "none.params")) == []
    shapes = mx.state.load_arrays(FILES / "shapes.params")[0]
    assert {name: one.shape for name, one in shapes.items()} == {"scalar": (), "empty": (0, 3)}
    assert shapes["scalar"] == 3
    dtypes = mx.state.load_arrays(FILES / "dtypes.params")[0]
    assert {name: (one.dtype.name, one.tolist()) for name, one in dtypes.items()} == {
        name: (name, [0, 1, 1]) for name in dtypes
    }
    assert len(dtypes) == 8
    for load in (mx.nd.load, mx.state.load_arrays):
        with pytest.raises(ValueError, match=r"sparse\.params has a sparse array"):
            load(str(FILES / "sparse.params"))


def test_load_initializes_with_a_params_file() -> None:
    array = np.zeros((2, 3), np.float32)
    load = mx.init.Load(FILES / "dict.params")
    load("weight", array)
    assert (array == MATRIX).all()
    again = mx.init.create(load.dumps())
    again("weight", array)
    assert (array == MATRIX).all()


def test_a_file_of_the_other_kind_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="has arrays, not the state of an updater: read it with mx.nd.load"):
        mx.load_state(FILES / "dict.params", updater("sgd"))
    with pytest.raises(ValueError, match="has no named arrays: if it is the state of an updater"):
        mx.state.load_arrays(FILES / "adam-plain.states")


def test_a_module_goes_on_from_a_checkpoint(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    batches = mx.io.NDArrayIter(EXPECTED["module/data"], EXPECTED["module/label"], batch_size=8)
    module = mx.mod.Module.load(str(FILES / "net"), 2, load_optimizer_states=True)
    module.bind(batches.provide_data, batches.provide_label)
    np.testing.assert_allclose(module.predict(batches), EXPECTED["module/predicted"], atol=1e-6)
    module.load_params(FILES / "saved.params")
    module.init_optimizer(optimizer_params=INDEX["module"]["settings"])
    for _ in range(2):
        batches.reset()
        for batch in batches:
            module.forward_backward(batch)
            module.update()
    found = {**module.get_params()[0], **module.get_params()[1]}
    for name, array in found.items():
        np.testing.assert_allclose(array, EXPECTED[f"module/after/{name}"], atol=1e-6)
    assert len(found) == 8
    said = [one.getMessage() for one in caplog.records if one.name.startswith("mxcore_nd")]
    assert [one.partition(": ")[0].rpartition("/")[2] for one in said] == [
        "net-0002.params",
        "saved.params",
        "net-0002.states",
    ]
    fresh = mx.mod.Module(module.symbol)
    fresh.bind(batches.provide_data, batches.provide_label)
    fresh.init_params()
    fresh.init_optimizer(optimizer_params=INDEX["module"]["settings"])
    fresh.load_optimizer_states(FILES / "net-0002.states")
    assert len(fresh._with_optimizer().states) == 6
    _, arg_params, aux_params = mx.model.load_checkpoint(str(FILES / "net"), 2)
    assert (len(arg_params), len(aux_params)) == (6, 2)


# --- graphs ----------------------------------------------------------------------------------------------------------


def older(graph: dict[str, Any], form: str) -> str:
    """Return a graph as older versions of MXNet wrote it."""
    for node in graph["nodes"]:
        attributes = node.pop("attrs", {})
        own = {name: value for name, value in attributes.items() if name.startswith("__")}
        if form == "attr":  # 0.9 to 0.12
            node["attr"] = attributes
        else:  # before, with options and attributes apart, without auxiliary states among the inputs
            node["attr"] = {name.strip("_") if name.endswith("mult__") else name: value for name, value in own.items()}
            node["param"] = {name: value for name, value in attributes.items() if name not in own}
            node["inputs"] = [one[:2] for one in node["inputs"]][: 3 if node["op"] == "BatchNorm" else None]
            node["backward_source_id"] = -1
    if form == "param":
        graph["heads"] = [one[:2] for one in graph["heads"]]
        for absent in ("attrs", "node_row_ptr"):
            graph.pop(absent, None)
    return json.dumps(graph)


@pytest.mark.parametrize("form", ["attrs", "attr", "param"])
def test_symbols_of_every_age_are_read(form: str) -> None:
    text = (FILES / "mlp-symbol.json").read_text("utf-8")
    net = mx.sym.load_json(text if form == "attrs" else older(json.loads(text), form))
    expected = ["data", "fc1_weight", "fc1_bias", "bn_gamma", "bn_beta", "fc2_weight", "fc2_bias", "softmax_label"]
    assert net.list_arguments() == expected
    assert net.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert net.list_outputs() == ["softmax_output"]
    assert net.attr_dict()["fc1_weight"]["__lr_mult__"] == "2.0"
    assert net.infer_shape(data=(8, 4))[1] == [(8, 3)]


def test_groups_and_scalars_are_read() -> None:
    both = mx.sym.load(str(FILES / "group-symbol.json"))
    assert both.list_outputs() == ["_plus0_output", "drop_output"]
    assert both.list_arguments() == ["a", "b"]
    assert both.infer_shape(a=(2, 3))[1] == [(2, 3), (2, 3)]


def test_an_operator_that_does_not_exist_here_is_named() -> None:
    text = (FILES / "convolution-symbol.json").read_text("utf-8")
    assert mx.sym.load_json(text).list_arguments() == ["data", "conv_weight", "conv_bias"]
    with pytest.raises(ValueError, match="node 'conv': there is no operator 'Correlation'"):
        mx.sym.load_json(text.replace('"Convolution"', '"Correlation"'))


# --- damage and attacks ----------------------------------------------------------------------------------------------


class Attack:
    """Runs a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


ATTACKS = [
    Attack(os.mkdir, "attacked"), Attack(eval, "open('attacked', 'w')"), Attack(getattr, "", "join"),
    Attack(np.load, "attacked"), Attack(np.save, "attacked", 1), Attack(bytearray, 2**45), Attack(bytes, 2**45),
    Attack(np.zeros, 2**40), Attack(__import__, "this"), Attack(pickle.loads, b"."), Attack(open, "attacked", "w"),
    Attack(mx.nd.zeros, 3), Attack(random.Random), Attack(np.dtype, "O"), Attack(np.ndarray, (2**40,)),
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.call[0].__name__)
def test_nothing_in_a_file_is_called(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the saved state"):
        updater("sgd").set_states(b"(Vx\np0\n.")  # imports what reading needs
    modules = set(sys.modules)
    for value in (attack, {0: attack}, ({0: None}, attack), {0: (None, [attack])}):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            update = updater("sgd")
            with pytest.raises(ValueError, match="the saved state"):
                update.set_states(pickle.dumps(value, protocol))
            assert update.states == {}
    assert list(tmp_path.iterdir()) == []
    assert set(sys.modules) == modules


@pytest.mark.parametrize(("data", "why"), [
    (b"\x80\x04cos\nsystem\n(S'touch attacked'\ntR.", r"it names os\.system"),
    (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "it names posix.system"),
    (b"(ios\nsystem\n.", "it has the opcode INST"), (b"\x80\x02P1\n.", "PERSID"), (b"\x80\x02\x82\x01.", "EXT1"),
    (b"\x80\x04.", "does not end with one value"),
    (b"\x80\x04}h\x05.", "not a state"), (b"\x80\x04\x85.", "more values than there are"), (b"(.", "does not end"),
    (b"\x80\x04}]]s.", "neither a string nor a number"), (b"\x80\x04NN\x81.", "_Known is expected"),
    (b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.", "expected 1099511627776 bytes"),
    (b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"x.", "expected 1099511627776 bytes"),
    (b"\x80\x04" + b"]" * 5000 + b"a" * 4999 + b".", "no dict of states"),
    (b"\x80\x04" + b"(" * 50 + b"." , "does not end"),
])  # fmt: skip
def test_odd_pickles_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        updater("sgd").set_states(data)


def test_a_large_number_in_a_small_file_costs_nothing() -> None:
    tracemalloc.start()
    updater("sgd").set_states(b"\x80\x04}r\xff\xff\xff\xff.")  # an empty dict, remembered under the number 2**32 - 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22


def test_a_small_file_with_very_many_values_is_refused() -> None:
    shared: Any = None
    for _ in range(60):  # 2**60 values, if they were counted
        shared = (shared, shared)
    for value in ({0: shared}, {0: {"a": shared}}, ({0: None}, {0: shared})):
        with pytest.raises(ValueError, match="the saved state"):
            updater("sgd").set_states(pickle.dumps(value))


@pytest.mark.parametrize("count", [400, pytest.param(40_000, marks=pytest.mark.nightly)])
def test_damaged_files_are_refused_or_loaded(count: int) -> None:
    runs = [run for run in ("sgd", "sgd-half", "adam-factor", "lbsgd", "rmsprop-centered", "nadam") if run in RUNS]
    originals = [(run, content(run, kind)) for run in runs for kind in ("optimizer", "plain")]
    for run, data in (*originals, ("sgd", b"(Vx\np0\n.")):  # imports what reading needs
        with warnings.catch_warnings(), contextlib.suppress(ValueError):
            warnings.simplefilter("ignore")
            updater(run).set_states(data)
    loaded, modules = 0, set(sys.modules)
    for number, (run, data) in enumerate(
        mutated.each(count, 21, lambda one, rng: (one[0], mutated.with_other_bytes(one[1], rng)), originals)
    ):
        update = updater(run)
        if number % 10 == 0:
            tracemalloc.start()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                update.set_states(data)
            loaded += 1
        except ValueError as error:
            assert "the saved state" in str(error)  # noqa: PT017
            assert update.states == {}
            assert update.optimizer.num_update == 0
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 24
    assert set(sys.modules) == modules
    assert count // 100 < loaded < count // 2


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.nightly)])
def test_damaged_params_and_graphs_are_refused_or_loaded(count: int, tmp_path: Path) -> None:
    params = [(FILES / f"{name}.params").read_bytes() for name in ("dict", "dtypes", "shapes", "net-0002")]
    for data in mutated.each(count, 22, mutated.with_other_bytes, params):
        (tmp_path / "x").write_bytes(data)
        try:
            found, _ = mx.state.load_arrays(tmp_path / "x")
            assert sum(one.nbytes for one in found.values()) <= 2 * len(data)
        except ValueError as error:
            assert str(tmp_path / "x") in str(error)  # noqa: PT017
    graph = (FILES / "mlp-symbol.json").read_text("utf-8")
    for text in mutated.each(count // 3, 23, mutated.text, [graph, older(json.loads(graph), "param")]):
        try:
            assert mx.sym.load_json(text).list_outputs()
        except ValueError as error:
            assert len(str(error)) < 1000  # noqa: PT017
