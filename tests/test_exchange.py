"""The records of `mx.exchange`, read by a small program for NumPy arrays: it computes what the kernels compute."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pytest

import mxcore as mx
from mxcore.exchange import Graph, NotExpressibleError, Scheduled, read, read_state, write_state
from mxcore.kernel.run.plan import noise_key
from mxcore.random.generators import Generator

REDUCTIONS = {"norm": np.linalg.norm, "sum": np.sum, "mean": np.mean, "max": np.max, "size": np.size}
ROOTS = {"f4": (14, 5461, 0, 0x548E0000), "f8": (46, 349525, 26, 0x553C73EB00000000)}
REFUSED = {
    "adafactor", "adamuon", "apollo", "groupadagrad", "kron", "lbfgs", "lbsgd", "momo", "muon", "normuon", "sam",
    "scion", "sm3", "soap", "sophia",
}  # fmt: skip


def reduced(op: str, over: str, args: list[Any], size: int) -> Any:
    if op == "size":
        return size
    arrays = [np.asarray(one, np.float64).reshape(len(one) if over == "row" else 1, -1) for one in args]
    found = (arrays[0] * arrays[1]).sum(1) if op == "dot" else np.apply_along_axis(REDUCTIONS[op], 1, arrays[0])
    return found.reshape(-1, *[1] * (args[0].ndim - 1)) if over == "row" else found[0]


def cbrt_guess(x: Any) -> Any:
    drop, third, back, magic = ROOTS[x.dtype.str[1:]]
    bits = x.view(f"i{x.itemsize}")
    return (magic - ((bits >> drop) * bits.dtype.type(third) << back)).astype(bits.dtype).view(x.dtype)


def computed(graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    """Compute a graph for one parameter, which is all of the model."""
    dtype, values = given["weight"].dtype, list[Any]()
    for one in graph.operations:
        args = [values[place] for place in one.args]
        if one.kind != "number":
            args = [np.asarray(x, dtype) if isinstance(x, float) else x for x in args]
        if one.op == "input":
            value = given[str(one.value)]
        elif one.op == "constant":
            value = one.value
        elif one.op in (*REDUCTIONS, "dot"):
            value = np.asarray(reduced(one.op, str(one.value), args, given["weight"].size), dtype)
        else:
            value = cbrt_guess(*args) if one.op == "cbrt_guess" else getattr(np, one.op)(*args)
        values.append(float(value) if one.kind == "number" else value)
    return {name: values[place] for name, place in graph.outputs.items()}


def initial(graph: Graph, weight: Any) -> dict[str, Any]:
    numbers = {slot.name: float(slot.init) for slot in graph.slots if slot.on_host}
    arrays = {slot.name: weight * 0 + (weight if slot.init == "weight" else weight.dtype.type(slot.init))
              for slot in graph.slots if not slot.on_host}  # fmt: skip
    return {**numbers, **arrays}


class Reader:
    """A model of one parameter that is updated by its graph."""

    def __init__(self, optimizer: Any, name: str, weight: Any) -> None:
        self.name, self.weight, self.count = name, weight.copy(), optimizer.begin_num_update
        self.parameter = read(optimizer, name, weight)
        self.state = initial(self.parameter.graph, weight)

    def update(self, grad: Any) -> None:
        self.count += 1
        numbers = {key: one(self.count) if callable(one) else one for key, one in self.parameter.numbers.items()}
        numbers |= {"t": float(self.count), "num_update": float(self.count)}
        noise = Generator(noise_key(self.name, self.count)).standard_normal(grad.shape, dtype=grad.dtype)
        given = {**numbers, **self.state, "weight": self.weight, "grad": grad, "noise": noise}
        with np.errstate(all="ignore"):
            self.state |= computed(self.parameter.graph, given)
        self.weight = self.state.pop("weight")

    def evaluation(self) -> Any:
        graph = self.parameter.evaluation
        return self.weight if graph is None else computed(graph, {**self.state, "weight": self.weight})["weight"]


def assert_same(optimizer: Any, name: str = "fc_weight", dtype: Any = np.float32) -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, 3)).astype(dtype)
    reader, update = Reader(optimizer, name, weight), mx.optimizer.get_updater(optimizer)
    for _ in range(6):
        grad = rng.normal(size=weight.shape).astype(dtype)
        reader.update(grad)
        update(name, grad, weight)
    close = {"rtol": 0, "atol": 2e-6 if dtype == np.float32 else 1e-14}
    np.testing.assert_allclose(reader.weight, weight, **close)
    np.testing.assert_allclose(reader.evaluation(), update.evaluation_weights([weight], [name])[0], **close)


CLASSES = {record.name: record for record in mx.catalogue.records("optimizer") if record.name != "mixed"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_rule_is_a_graph(name: str) -> None:
    cls: Any = mx.catalogue.load("optimizer", name)
    optimizer = cls(**cls.examples[0])
    if name in REFUSED:
        with pytest.raises(NotExpressibleError, match=f"{cls.__name__} cannot be expressed as a graph: "):
            read(optimizer, "fc_weight", np.ones(3))
    else:
        assert_same(optimizer)


@pytest.mark.parametrize("name", ["adam", "madgrad", "cocob", "lookahead(average(nadam))"])
def test_in_double_precision(name: str) -> None:
    assert_same(mx.optimizer.create(name), dtype=np.float64)


@pytest.mark.parametrize("name", ["fc_weight", "fc_bias", "head_weight"])
def test_groups_multipliers_and_schedules_are_in_the_numbers(name: str) -> None:
    schedule = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.1)
    optimizer = mx.optimizer.create(
        "adamw", lr_scheduler=schedule, wd=lambda update: 0.1 / update, clip_global_norm=0.5, clip_gradient=0.2,
        begin_num_update=2, rescale_grad=0.5, maximize=True, loss_scale=4.0,
        groups={".*bias": {"wd": 0.0, "beta1": 0.5}, "head_": {"learning_rate": 0.3, "clip_gradient": None}},
    )  # fmt: skip
    optimizer.set_lr_mult({"fc_weight": 0.5})
    assert_same(optimizer, name)
    rate = read(optimizer, name, np.ones(3)).numbers["lr"]
    assert isinstance(rate, Scheduled)
    assert rate(4) == {"fc_weight": 0.5, "fc_bias": 1.0, "head_weight": 3.0}[name] * schedule(4)


def test_a_frozen_parameter_says_so() -> None:
    optimizer = mx.optimizer.create("sgd", groups={"embed": {"frozen": True}})
    assert read(optimizer, "embed_weight", np.ones(3)).frozen
    assert not read(optimizer, "fc_weight", np.ones(3)).frozen


def test_a_parameter_of_mixed_is_one_of_its_optimizers() -> None:
    mixed = mx.optimizer.create("mixed", patterns=[".*bias", ".*"], optimizers=["sgd", "adam"])
    assert [read(mixed, name, np.ones(3)).graph.owner for name in ("a_bias", "a_weight")] == ["SGD", "Adam"]


def test_own_code_is_refused_with_the_reason() -> None:
    class Counting(mx.optimizer.Adam):
        def _update_count(self, index: Any) -> None:
            super()._update_count(index)

    class Code(mx.optimizer.SGD):
        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            weight -= grad

    for optimizer, why in ((Counting(), "overrides how to count"), (Code(), "overrides update")):
        with pytest.raises(NotExpressibleError, match=why):
            read(optimizer, 0, np.ones(3))


def test_records_are_plain_data() -> None:
    graph = read(mx.optimizer.create("lookahead(lamb)"), "fc_weight", np.ones((2, 3))).graph
    assert graph.version == mx.exchange.VERSION == 1
    assert json.loads(json.dumps(attrs.asdict(graph)))["owner"] == "Lookahead(LAMB)"
    assert all(place < position for position, one in enumerate(graph.operations) for place in one.args)
    assert set(graph.outputs) <= {"weight", *(slot.name for slot in graph.slots)}
    assert graph == read(mx.optimizer.create("lookahead(lamb)"), "fc_weight", np.ones((5, 6))).graph


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "prodigy", "lookahead(average(nadam))"])
@pytest.mark.parametrize("masters", [False, True])
def test_what_an_updater_keeps_can_be_read_and_written(name: str, masters: bool) -> None:
    def made() -> Any:
        return mx.optimizer.get_updater(mx.optimizer.create(name, multi_precision=masters))

    rng, dtype = np.random.default_rng(0), np.float16 if masters else np.float32
    weight, update, other = rng.normal(size=(4, 3)).astype(dtype), made(), made()
    grads = [rng.normal(size=weight.shape).astype(dtype) for _ in range(4)]
    for grad in grads[:2]:
        update("w", grad, weight)
    count, slots = read_state(update, "w", weight)
    assert (count, "master" in slots) == (2, masters)
    copies = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in slots.items()}
    write_state(other, "w", weight, count, copies)
    again = weight.copy()
    for grad in grads[2:]:
        update("w", grad, weight)
        other("w", grad, again)
    np.testing.assert_array_equal(again, weight)
    assert other.optimizer.num_update == 4


def test_slots_of_another_optimizer_are_refused() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("adam"))
    with pytest.raises(ValueError, match=r"Adam has the slots \['mean', 'variance'\], got \['velocity'\]"):
        write_state(update, "w", np.ones(2), 1, {"velocity": np.ones(2)})
    assert not update.states
    assert update.optimizer.num_update == 0
    with pytest.raises(KeyError):
        read_state(update, "w", np.ones(2))
