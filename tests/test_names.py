"""Names decide which parameters decay; and multipliers."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.optimizer import Optimizer


def decayed(optimizer: Optimizer, indices: list[Any]) -> list[bool]:
    """Return whether a parameter moves, of weights of 1 and gradients of 0: only by its decay."""
    weights = [np.ones(1) for _ in indices]
    mx.optimizer.get_updater(optimizer)(indices, [np.zeros(1) for _ in indices], weights)
    return [bool(weight != 1) for weight in weights]


def sgd(**arguments: Any) -> Optimizer:
    optimizer: Optimizer = mx.optimizer.create("sgd", wd=0.5, **arguments)
    return optimizer


NAMED = {
    "fc_weight": True,
    "bn_gamma": True,
    "weight": False,
    "gamma": False,
    "fc_bias": False,
    "fcbias": False,
    "bn_beta": False,
    "bn_moving_mean": False,
    "layer1.weight": True,
    "layer1.bias": False,
    "norm.gamma": True,
    "bn.running_var": False,
    "bn.num_batches_tracked": False,
    "encoder.fc_weight": True,
    "rnn.weight_hh_l0": True,
    "rnn.bias_ih_l1_reverse": False,
    "conv/kernel": True,
    "conv/kernel:0": True,
    "conv/bias:0": False,
    "model.weight/b": False,
    "dense_kernel": True,
    "embedding": True,
    "token_embedding": True,
    "w": True,
    "W": True,
    "dense_w": True,
    "layer.w": True,
    "layer.b": False,
    "b": False,
}


def test_names_decay_as_in_mxnet_or_by_their_last_part() -> None:
    assert (
        dict(zip(NAMED, decayed(sgd(param_idx2name=dict(enumerate(NAMED))), [*range(len(NAMED))]), strict=True))
        == NAMED
    )


@pytest.mark.parametrize(
    ("index", "decays"),
    [
        *[
            (name, False)
            for name in ("b", "fc_bias", "fcbias", "layer.bias", "bn/beta", "bn.running_mean", "rnn.bias_hh_l0")
        ],
        *[(name, True) for name in ("w", "weight", "W1", "theta", "conv/kernel", "fc_b_weight", "gamma", "bias_scale")],
        (0, True),
    ],
)
@pytest.mark.parametrize("others", [None, {7: "fc_weight"}])
def test_an_index_without_a_name_is_its_own(index: Any, decays: bool, others: Any) -> None:
    assert decayed(sgd(param_idx2name=others), [index]) == [decays]


def test_what_is_initialised_as_a_bias_never_decays() -> None:
    for name in ("bias", "mybias", "fc_bias", "a.bias", "stn_loc_bias", "fc_beta"):
        array = np.full(6, 7.0)
        mx.init.One()(name, array)
        assert array[1] == 0
        assert not any(decayed(sgd(), [name]))
        assert not any(decayed(sgd(param_idx2name={0: name, 1: "fc_weight"}), [0]))


def test_array_code_decays_by_the_same_names() -> None:
    class Decaying(Optimizer):
        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            weight -= self._get_wd(index) * weight

    assert decayed(Decaying(wd=0.5), ["fc_bias", "fc_weight", 3]) == [False, True, True]


def messages(optimizer: Optimizer, indices: Any = (0,)) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        update = mx.optimizer.get_updater(optimizer)
        for index in [*indices, *indices]:
            update(index, np.ones(1), np.ones(1))
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning.message) for warning in caught]


def test_names_of_no_known_kind_keep_mxnets_answer_and_warn_once() -> None:
    names = {0: "W1", 1: "fc_weight", 2: "layer.scale", 3: "fc_bias"}
    (message,) = messages(sgd(param_idx2name=names), range(4))
    assert message == (
        "wd=0.5 is not applied to 'W1', 'layer.scale', whose names are not recognised: it applies to names "
        "ending in _weight or _gamma. Use set_wd_mult({name: 1 or 0})"
    )


def test_a_decay_that_reaches_no_parameter_warns_once() -> None:
    (message,) = messages(sgd(param_idx2name={0: "weight", 1: "bias"}), range(2))
    assert message.startswith(
        "wd=0.5 applies to none of the parameters 'weight', 'bias': it applies to names ending in"
    )


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: mx.optimizer.SGD(param_idx2name={0: "W1"}),
        lambda: sgd(param_idx2name={0: "fc_weight", 1: "fc_bias"}),
        lambda: sgd(param_idx2name={}),
        lambda: sgd(),
        lambda: decided({"W1": 0}),
        lambda: decided({0: 1}),
    ],
)
def test_what_is_clear_does_not_warn(optimizer: Any) -> None:
    assert messages(optimizer()) == []


def decided(multipliers: dict[Any, float]) -> Optimizer:
    optimizer = sgd(param_idx2name={0: "W1"})
    optimizer.set_wd_mult(multipliers)
    return optimizer


def test_a_decay_that_is_assigned_during_a_run_warns_too() -> None:
    optimizer = mx.optimizer.SGD(param_idx2name={0: "W1"})
    mx.optimizer.get_updater(optimizer)(0, np.ones(1), np.ones(1))
    with pytest.warns(UserWarning, match=r"wd=0.5 is not applied to 'W1'"):
        optimizer.wd = 0.5


# --- multipliers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "fast", None, True, np.float32(-1)])
@pytest.mark.parametrize("kind", ["lr_mult", "wd_mult"])
def test_multipliers_are_checked_like_hyper_parameters(kind: str, value: Any) -> None:
    optimizer = sgd(param_idx2name={0: "fc_weight"})
    before = dict(getattr(optimizer, kind))
    for assign in (getattr(optimizer, f"set_{kind}"), lambda table: setattr(optimizer, kind, table)):
        with pytest.raises(ValueError, match=f"the {kind} of 'fc_weight' must be a number of at least 0, got"):
            assign({"fc_weight": value})
    assert getattr(optimizer, kind) == before


def test_multipliers_that_come_by_another_way_are_checked_before_they_act() -> None:
    optimizer, weight = sgd(param_idx2name={0: "fc_weight"}), np.ones(1)
    optimizer.lr_mult["fc_weight"] = float("nan")
    with pytest.raises(ValueError, match="the lr_mult of 'fc_weight' must be a number of at least 0, got nan"):
        mx.optimizer.get_updater(optimizer)(0, np.ones(1), weight)
    assert weight == 1


def test_multipliers_of_numpy_are_pythons() -> None:
    optimizer = sgd()
    optimizer.set_lr_mult({0: np.float32(0.5), 1: np.int64(2)})
    assert [type(value) for value in optimizer.lr_mult.values()] == [float, int]


@pytest.mark.parametrize("kind", ["lr_mult", "wd_mult"])
def test_a_multiplier_for_a_name_that_no_parameter_has_warns_with_the_close_ones(kind: str) -> None:
    optimizer = sgd(param_idx2name={0: "fc_weight", 1: "fc_bias"})
    with pytest.warns(
        UserWarning, match=f"{kind}: no parameter is called 'fc_wieght': did you mean 'fc_weight'"
    ) as caught:
        getattr(optimizer, f"set_{kind}")({"fc_wieght": 0.0, "fc_bias": 1, 0: 1, 9: 1})
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sgd().set_lr_mult({"anything": 0.0})


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_saved_before_keep_the_multipliers_that_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxcore.state import manifest

    update, bias = mx.optimizer.get_updater(sgd()), np.ones(1)
    update("fc_bias", np.zeros(1), bias)
    mx.save_state(tmp_path / "new", update)
    describe = manifest.describe

    def described(optimizer: Any) -> dict[str, Any]:
        return {key: value for key, value in describe(optimizer).items() if key != "string_indices_decay_by_name"}

    monkeypatch.setattr("mxcore.state.describe", described)
    mx.save_state(tmp_path / "old", update)
    for name, moves in (("new", False), ("old", True)):
        again, weight = mx.optimizer.get_updater(sgd()), np.ones(1)
        mx.load_state(tmp_path / name, again)
        again("fc_bias", np.zeros(1), weight)
        assert bool(weight != 1) is moves
