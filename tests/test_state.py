"""Saving and resuming: bit for bit, for any kind of state, and all or nothing."""

import json
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mxcore as mx
from mxcore.state.packing import Packer, unpack
from mxcore.state.tensorfile import load_arrays, parse, save_arrays, serialize
from mxcore.watched import Watched


def trained(optimizer: Any, steps: int = 2, **names: Any) -> mx.optimizer.Updater:
    """Return an updater that has seen a float32 matrix and a float64 vector."""
    update = mx.optimizer.get_updater(optimizer)
    for _ in range(steps):
        update([0, 1], [np.ones((2, 3), np.float32), np.ones(3)], [np.ones((2, 3), np.float32), np.ones(3)])
    return update


# --- arrays ----------------------------------------------------------------------------------------------------------


@given(
    hnp.arrays(
        st.sampled_from(["f2", "f4", "f8", "i4", "u1", "?", ">f4"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    st.randoms(use_true_random=False),
)
def test_arrays_come_back_with_values_dtype_shape_and_order_of_axes(array: Any, random: Any) -> None:
    axes = list(range(array.ndim))
    random.shuffle(axes)
    array = array.transpose(axes)
    packer = Packer()
    packed = packer.pack(array, "x")
    arrays, manifest = parse(b"".join(map(bytes, serialize(packer.arrays, packed))), "x")
    again = unpack(manifest, arrays)
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype.newbyteorder("=")
    assert again.flags.writeable
    assert again.flags.owndata or again.base is not None
    dense = np.array(array, order="K")
    assert [n for n, s in zip(again.strides, again.shape, strict=True) if s > 1] == [
        n for n, s in zip(dense.strides, dense.shape, strict=True) if s > 1
    ]


def test_strided_bfloat16_zero_dimensional_and_empty_arrays_come_back(tmp_path: Path) -> None:
    bfloat16 = ml_dtypes.bfloat16
    arrays = {
        "strided": np.arange(24.0).reshape(4, 6)[::2, ::-3],
        "bfloat16": np.asfortranarray(np.arange(6).reshape(2, 3), bfloat16),
        "zero-dimensional": np.array(3.5, np.float16),
        "empty": np.empty((0, 3), np.float32),
        "broadcast": np.broadcast_to(np.float32(2), (2, 2)),
    }
    save_arrays(tmp_path / "x", arrays, {"epoch": 3})
    loaded, metadata = load_arrays(tmp_path / "x")
    assert metadata == {"epoch": 3}
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name].astype(float), array.astype(float))
    assert loaded["bfloat16"].flags.f_contiguous


def test_any_safetensors_reader_reads_the_arrays(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    mx.save_state(tmp_path / "x", trained(mx.optimizer.Adam(param_idx2name={0: "fc_weight", 1: "fc_bias"})))
    assert set(load_file(tmp_path / "x")) == {
        f"state/fc_{name}/{slot}" for name in ("weight", "bias") for slot in ("mean", "variance")
    }


# --- any state -------------------------------------------------------------------------------------------------------


class Keeper(mx.optimizer.Optimizer):
    """Keeps any state it is given."""

    kept: Any = None

    def create_state(self, index: Any, weight: Any) -> Any:
        return self.kept

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        self._update_count(index)


def keeping(*states: Any) -> mx.optimizer.Updater:
    update = mx.optimizer.get_updater(Keeper())
    update.states = dict(enumerate(states))
    return update


def test_nested_states_come_back_as_they_were() -> None:
    state = {"n": 3, 7: (1.5, None, "text", [True, np.float32(0.1)]), "a": np.arange(3), "nan": float("inf")}
    update = keeping(None)
    update.set_states(keeping(state, None).get_states())
    again = update.states[0]
    np.testing.assert_array_equal(again.pop("a"), state.pop("a"))
    assert again == state
    assert type(again[7][3][1]) is np.float32
    assert update.states[1] is None


def test_index_0_and_name_0_stay_apart() -> None:
    update = keeping()
    update.states = {0: 1.0, "0": 2.0}
    again = keeping()
    again.set_states(update.get_states())
    assert again.states == {0: 1.0, "0": 2.0}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"inner": [object()]}, "cannot save state/0/inner/0: builtins.object is not an array"),
        ({b"x": 3}, "cannot save state/0: a key of a dict: b'x' is not a string, a number, an Enum"),
        (np.array(["text"]), "cannot save state/0: safetensors files do not support arrays of dtype <U4"),
        (np.zeros(2, "O"), "cannot save state/0: safetensors files do not support arrays of dtype object"),
    ],
)
def test_what_cannot_be_saved_is_named_before_a_byte_is_written(state: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message):
        mx.save_state(tmp_path / "x", keeping(state))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update = trained(mx.optimizer.Adam())
    mx.save_state(tmp_path / "x", update)
    before = (tmp_path / "x").read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="no space left"):
        mx.save_state(tmp_path / "x", update)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == before


# --- what a file restores --------------------------------------------------------------------------------------------


def test_counters_schedule_hyper_parameters_multipliers_and_random_numbers_are_restored() -> None:
    def made(**arguments: Any) -> Any:
        return mx.optimizer.Adam(lr_scheduler=mx.lr_scheduler.FactorScheduler(1, 0.5), **arguments)

    first = trained(made(learning_rate=0.5, beta1=0.5, begin_num_update=3))
    first.optimizer.set_lr_mult({0: 0.1})
    mx.random.seed(11)
    mx.random.normal()
    data = first.get_states()
    mx.random.seed(12)
    again = mx.optimizer.get_updater(made())
    schedule = again.optimizer.lr_scheduler
    with pytest.warns(UserWarning, match=r"taken from the file: .*beta1 = 0.5 \(not 0.9\)"):
        again.set_states(data)
    assert again.optimizer.lr_scheduler is schedule
    assert schedule.base_lr == 0.5
    assert again.optimizer.beta1 == 0.5
    assert again.optimizer._index_update_count == {0: 5, 1: 5}
    assert again.optimizer.num_update == 5
    assert again.optimizer.lr_mult == {0: 0.1}
    assert mx.random.get_state() == {"seed": 11, "position": 1}


def test_host_numbers_are_restored() -> None:
    def made() -> mx.optimizer.Optimizer:
        return mx.hyperparameters(type("Product", (mx.optimizer.Optimizer,), {
            "slots": (mx.Slot("product", init=1.0, shape=()),),
            "rule": staticmethod(lambda weight, grad, product: (weight, product * 0.1)),
        }))()  # fmt: skip

    first, again = trained(made(), steps=3), mx.optimizer.get_updater(made())
    again.set_states(first.get_states())
    assert again.optimizer.host_numbers == first.optimizer.host_numbers != {}


def test_parameters_are_found_by_name_where_their_order_has_changed() -> None:
    names = ["a_weight", "b_weight"]
    first = trained(mx.optimizer.SGD(momentum=0.5, param_idx2name=dict(enumerate(names))))
    first(0, np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
    again = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.5, param_idx2name=dict(enumerate(names[::-1]))))
    again.set_states(first.get_states())
    np.testing.assert_array_equal(again.states[1], first.states[0])
    np.testing.assert_array_equal(again.states[0], first.states[1])
    assert again.optimizer._index_update_count == {1: 3, 0: 2}


def test_states_are_looked_through_after_loading_as_seldom_as_before() -> None:
    update = trained(mx.optimizer.Adam())
    update.set_states(update.get_states())
    assert isinstance(update.states, Watched)


def test_loaded_arrays_are_nobody_elses() -> None:
    first = trained(mx.optimizer.Adam())
    again = mx.optimizer.get_updater(mx.optimizer.Adam())
    again.set_states(first.get_states())
    for mine, theirs in zip(again.states[0], first.states[0], strict=True):
        assert not np.shares_memory(mine, theirs)


def test_a_stateful_scheduler_of_ones_own_goes_on_where_it_was() -> None:
    class Stateful:
        def __init__(self) -> None:
            self.base_lr, self.seen = 1.0, 0

        def __call__(self, num_update: int) -> float:
            self.seen = max(self.seen, num_update)
            return self.base_lr / self.seen

    first = trained(mx.optimizer.SGD(lr_scheduler=Stateful()), steps=4)
    again = mx.optimizer.get_updater(mx.optimizer.SGD(lr_scheduler=Stateful()))
    again.set_states(first.get_states())
    assert again.optimizer.lr_scheduler.seen == 4


def test_dump_optimizer_restores_another_class_with_its_schedule() -> None:
    schedule = mx.lr_scheduler.MultiFactorScheduler([1, 2], 0.5, base_lr=0.4)
    first = trained(mx.optimizer.Adam(beta1=0.5, lr_scheduler=schedule))
    again = mx.optimizer.get_updater(mx.optimizer.SGD(param_idx2name={0: "a", 1: "b"}))
    with pytest.warns(UserWarning, match="the optimizer, now Adam"):
        again.set_states(first.get_states(dump_optimizer=True))
    assert type(again.optimizer) is mx.optimizer.Adam
    assert again.optimizer.beta1 == 0.5
    assert again.optimizer.learning_rate == 0.2
    assert again.optimizer.idx2name == {0: "a", 1: "b"}
    again(0, np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
    assert again.optimizer._index_update_count[0] == 3


def test_the_file_says_which_plugin_wrote_it(tmp_path: Path) -> None:
    mx.save_state(tmp_path / "x", trained(mx.optimizer.Adam()))
    data = (tmp_path / "x").read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    optimizer = json.loads(header["__metadata__"]["mxcore"])["optimizer"]
    assert (optimizer["name"], optimizer["distribution"]) == ("adam", "mxcore-optimizer-adam")
    assert optimizer["version"] == mx.__version__
    assert b"pickle" not in data


# --- what does not fit -----------------------------------------------------------------------------------------------


def test_all_that_does_not_fit_is_said_at_once_and_nothing_changes(tmp_path: Path) -> None:
    first = trained(mx.optimizer.Adam(beta1=0.5, param_idx2name={0: "a", 1: "b"}))
    mx.save_state(tmp_path / "x", first, {"w": np.ones(2), "v": np.ones(2)})
    again = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name={0: "a", 1: "c"}, lr_scheduler=lambda t: 0.1))
    again(0, np.ones(2), np.ones(2))
    kept = {"w": np.zeros(3), "u": np.zeros(2)}
    state = mx.random.get_state()
    with pytest.raises(ValueError, match="does not fit this updater") as raised:
        mx.load_state(tmp_path / "x", again, kept)
    for part in (
        "saved with the lr_scheduler None, but the optimizer has 'function'",
        "it has the parameter 'b', which the updater does not have",
        "parameter 0 has a state of ['float64[2]', 'float64[2]'], the file ['float32[2, 3]', 'float32[2, 3]']",
        "params 'w' are float64[3], in the file float64[2]",
        "it has no params 'u'",
    ):
        assert part in str(raised.value)
    assert again.optimizer.beta1 == 0.9
    assert again.optimizer._index_update_count == {0: 1}
    assert list(again.states) == [0]
    assert not kept["w"].any()
    assert mx.random.get_state() == state


def test_another_optimizer_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match="saved by the optimizer 'adam' of mxcore-optimizer-adam, but the updater has 'sgd'"
    ):
        mx.optimizer.get_updater(mx.optimizer.SGD()).set_states(trained(mx.optimizer.Adam()).get_states())


@pytest.mark.parametrize("data", [b"", b"not a file", b"\x10\0\0\0\0\0\0\0{}              "])
def test_a_damaged_file_says_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match="x is not a file of mxcore, or it is damaged"):
        mx.load_state(tmp_path / "x", mx.optimizer.get_updater(mx.optimizer.SGD()))


def test_the_two_kinds_of_file_are_told_apart(tmp_path: Path) -> None:
    save_arrays(tmp_path / "arrays", {"a": np.ones(2)})
    mx.save_state(tmp_path / "state", trained(mx.optimizer.SGD()))
    with pytest.raises(ValueError, match="state format None"):
        mx.load_state(tmp_path / "arrays", mx.optimizer.get_updater(mx.optimizer.SGD()))
    with pytest.raises(ValueError, match="holds the state of an updater"):
        load_arrays(tmp_path / "state")


def test_half_precision_masters_are_saved_by_name(tmp_path: Path) -> None:
    first = mx.optimizer.get_updater(mx.optimizer.Adam(multi_precision=True))
    weight = np.ones(3, np.float16)
    first(0, np.ones(3, np.float16), weight)
    again = mx.optimizer.get_updater(mx.optimizer.Adam(multi_precision=True))
    again.set_states(first.get_states())
    master, (mean, _) = again.states[0]
    assert master.dtype == mean.dtype == np.float32
    np.testing.assert_array_equal(master, first.states[0][0])


@pytest.mark.parametrize(
    ("saved", "here"), [("average(adamw)", "sgd"), ("adam", "lookahead(adam)"), ("lion", "mars(lion)")]
)
@pytest.mark.parametrize("settings", [True, False])
def test_a_wrapper_and_another_optimizer_do_not_fit_each_other(
    saved: str, here: str, settings: bool, tmp_path: Path
) -> None:
    first, second = (mx.optimizer.get_updater(mx.optimizer.create(name)) for name in (saved, here))
    first("w", np.ones(2), np.ones(2))
    mx.save_state(tmp_path / "run", first)
    name = saved.partition("(")[0]
    with pytest.raises(ValueError, match=rf"does not fit this updater:\n- it was saved by the optimizer '{name}'"):
        mx.load_state(tmp_path / "run", second, settings=settings)
    assert not second.states
