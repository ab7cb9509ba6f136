"""What holds for every optimizer that is installed, whichever those are."""

import re
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx
from mxcore.optimizer import Optimizer, Updater
from mxcore.state import map_arrays

Array = npt.NDArray[Any]
NAMES = [record.name for record in mx.catalogue.records("optimizer") if record.status == "ok"]
PARAMETERS = {0: "fc_weight", 1: "fc_bias", 2: "norm_gamma"}


def load(name: str) -> type[Optimizer]:
    return mx.catalogue.load("optimizer", name)


def own_hyperparameters(name: str) -> list[Any]:
    shared = {field.name for field in attrs.fields(Optimizer)}
    return [field for field in attrs.fields(load(name)) if field.name not in shared]


def other_values(name: str, field: Any) -> list[Any]:
    default = field.default
    if isinstance(default, str):  # the error lists the words that it may be
        with pytest.raises(ValueError, match="must be") as caught:
            mx.optimizer.create(name, **{field.alias: "?"})
        return [word for word in re.findall(r"'(\w+)'", str(caught.value)) if word != default]
    if isinstance(default, bool):
        return [not default]
    return [default + 1 if isinstance(default, int) else 2.0 if default is None else default / 2 or 0.5]


def variants(name: str) -> list[dict[str, Any]]:
    """The defaults, and each hyper-parameter in turn at another value, where the class accepts that one."""
    own = [{field.alias: value} for field in own_hyperparameters(name) for value in other_values(name, field)]
    shared: list[dict[str, Any]] = [{}, {"wd": 0.1}, {"clip_gradient": 0.75}, {"rescale_grad": 0.5}]
    return [settings for settings in shared + own if accepts(name, settings)]


def accepts(name: str, settings: dict[str, Any]) -> bool:
    try:
        mx.optimizer.create(name, **settings)
    except (ValueError, TypeError):
        return False
    return True


CASES = [
    pytest.param(name, settings, id="-".join([name, *(f"{key}={value}" for key, value in settings.items())]))
    for name in NAMES
    for settings in variants(name)
]
every_optimizer = pytest.mark.parametrize("name", NAMES)
every_variant = pytest.mark.parametrize(("name", "settings"), CASES)


def start(name: str, **settings: Any) -> Updater:
    given = {"param_idx2name": PARAMETERS, "learning_rate": 0.05, **settings}
    return mx.optimizer.get_updater(mx.optimizer.create(name, **given))


def numbers(*key: object, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
    """Numbers between 0.5 and 1.5 of either sign, so that float16 has room for their squares."""
    rng = np.random.default_rng([*map(int, str(key).encode())])
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape), dtype)


def weights(dtype: Any = "float64") -> list[Array]:
    return [numbers("w", index, shape=shape, dtype=dtype) for index, shape in enumerate([(4, 3), (3,), (5,)])]


def gradients(step: int, like: list[Array]) -> list[Array]:
    found = [numbers("g", step, index, shape=w.shape, dtype=w.dtype) for index, w in enumerate(like)]
    for grad in found:
        grad.flags.writeable = False
    return found


def run(updater: Updater, params: list[Array], steps: range) -> list[Array]:
    """Update the parameters one by one; every gradient is read-only."""
    for step in steps:
        for index, grad in enumerate(gradients(step, params)):
            updater(index, grad, params[index])
    return params


def leaves(state: Any) -> list[Array]:
    found: list[Array] = []
    map_arrays(state, found.append)
    return found


# --- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*without multi_precision:UserWarning")
@every_variant
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weight_and_state_keep_the_dtype(name: str, settings: dict[str, Any], dtype: str) -> None:
    updater = start(name, **settings)
    params = run(updater, weights(dtype), range(1, 4))
    for array in [*params, *leaves(updater.states)]:
        assert array.dtype == dtype
        assert np.isfinite(array).all()
    steps_are_visible = dtype != "float16"
    assert not steps_are_visible or [w.tobytes() for w in params] != [w.tobytes() for w in weights(dtype)]


@every_variant
def test_float16_with_a_master_copy_follows_float32(name: str, settings: dict[str, Any]) -> None:
    params = run(start(name, multi_precision=True, **settings), weights("float16"), range(1, 4))
    wide = [w.astype("float32") for w in weights("float16")]
    updater = start(name, **settings)
    for step in range(1, 4):
        for index, grad in enumerate(gradients(step, weights("float16"))):
            updater(index, grad.astype("float32"), wide[index])
    for half, single in zip(params, wide, strict=True):
        assert half.tobytes() == single.astype("float16").tobytes()


LAYOUTS = {
    "0-d": lambda: np.array(0.75),
    "no elements": lambda: np.zeros((3, 0)),
    "no rows": lambda: np.zeros((0, 3)),
    "3-d": lambda: numbers("w", shape=(2, 3, 4)),
    "Fortran": lambda: np.asfortranarray(numbers("w", shape=(4, 3))),
    "strided": lambda: numbers("w", shape=(8, 9))[::2, 1::3],
    "reversed": lambda: numbers("w", shape=(4, 3))[::-1, ::-1],
}


@every_variant
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_memory_makes_no_difference(name: str, settings: dict[str, Any], layout: str) -> None:
    given, plain = LAYOUTS[layout](), np.array(LAYOUTS[layout](), order="C")
    updaters = start(name, **settings), start(name, **settings)
    for step in range(1, 4):
        grad = numbers("g", step, shape=plain.shape)
        updaters[0](0, np.asarray(grad, order="F"), given)
        updaters[1](0, grad, plain)
    # Not to the bit: the order of memory is the order in which a norm adds.
    np.testing.assert_allclose(given, plain, rtol=1e-12)


@every_variant
def test_a_list_is_the_same_as_one_by_one(name: str, settings: dict[str, Any]) -> None:
    one_by_one, together = start(name, **settings), start(name, **settings)
    single, listed = run(one_by_one, weights(), range(1, 6)), weights()
    for step in range(1, 6):
        together(list(PARAMETERS), gradients(step, listed), listed)
    assert [w.tobytes() for w in single] == [w.tobytes() for w in listed]
    assert (
        one_by_one.optimizer._index_update_count == together.optimizer._index_update_count == dict.fromkeys(range(3), 5)
    )


# --- rates and states ------------------------------------------------------------------------------------------------


@every_variant
def test_a_rate_of_zero_keeps_the_weights(name: str, settings: dict[str, Any]) -> None:
    params = run(start(name, **{**settings, "learning_rate": 0.0}), weights(), range(1, 4))
    kept = all(new.tobytes() == old.tobytes() for new, old in zip(params, weights(), strict=True))
    assert kept != ("The learning rate has no effect" in (load(name).__doc__ or ""))


@every_variant
def test_every_array_of_the_state_has_a_name(name: str, settings: dict[str, Any]) -> None:
    updater = start(name, **settings)
    run(updater, weights(), range(1, 2))
    slots = [slot.name for slot in updater.optimizer.state_slots() if not slot.on_host]
    assert len(slots) == len(set(slots)) == len(leaves(updater.states[0]))


@every_variant
def test_resuming_gives_the_same_bits(name: str, settings: dict[str, Any]) -> None:
    def begin() -> Updater:
        scheduler = mx.lr_scheduler.create("factor", step=3, factor=0.5, base_lr=0.05)
        return start(name, lr_scheduler=scheduler, **{**settings, "learning_rate": None})

    mx.random.seed(3)
    through = run(begin(), weights(), range(1, 11))
    first = begin()
    params, resumed = run(first, weights(), range(1, 6)), begin()
    resumed.set_states(first.get_states())
    assert [w.tobytes() for w in run(resumed, params, range(6, 11))] == [w.tobytes() for w in through]


@every_variant
def test_two_instances_share_nothing(name: str, settings: dict[str, Any]) -> None:
    alone = run(start(name, **settings), weights(), range(1, 4))
    one, other = start(name, **settings), start(name, **settings)
    mine, theirs = weights(), weights()
    for step in range(1, 4):
        run(one, mine, range(step, step + 1))
        run(other, theirs, range(10 * step, 10 * step + 2))
    assert [w.tobytes() for w in mine] == [w.tobytes() for w in alone]


@every_optimizer
def test_workers_are_told_apart_or_refused(name: str) -> None:
    updater, (weight, *_) = start(name), weights()
    if load(name).update_from_worker is not Optimizer.update_from_worker:
        updater(0, np.ones_like(weight), weight, worker="a")
        assert list(updater.worker_states[0]) == ["a"]
        return
    with pytest.raises(ValueError, match="does not tell workers apart: leave out worker='a'"):
        updater(0, np.ones_like(weight), weight, worker="a")
    assert weight.tobytes() == weights()[0].tobytes()
    assert not updater.states
    assert updater.optimizer.num_update == 0


# --- hyper-parameters and documentation ------------------------------------------------------------------------------


@every_optimizer
@pytest.mark.parametrize("bad", [float("nan"), "a lot", object()], ids=["nan", "text", "object"])
def test_bad_hyperparameters_are_refused_by_name(name: str, bad: object) -> None:
    everywhere = ["rescale_grad", "wd", "clip_gradient", "learning_rate"]
    for argument in [*everywhere, *(field.alias for field in own_hyperparameters(name))]:
        with pytest.raises(ValueError, match=rf"{argument} must be .+, got {re.escape(repr(bad))}"):
            mx.optimizer.create(name, **{argument: bad})


@every_optimizer
def test_the_documentation_is_complete(name: str) -> None:
    doc = load(name).__doc__ or ""
    parts = [".. math::", ">>> ", "Args:", "State: ", "Raises:", "References:", "Differs from MXNet 1.9.1: "]
    arguments = [f"    {field.alias}: " for field in own_hyperparameters(name)]
    assert [part for part in [*parts, *arguments] if part not in doc] == []
