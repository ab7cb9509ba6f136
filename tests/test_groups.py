"""Groups have other settings for some parameters, any number may follow a schedule, and both run in the same pass."""

import pickle
import re
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_runs import CLASSES, RULES, named

import mxcore as mx
from mxcore.step.program import traits_of
from mxcore.testing.subject import looks_at_all

Array = npt.NDArray[Any]
NAMES = [named(name, "adam") for name in RULES]
OF_MODEL = {name for name in NAMES if looks_at_all(mx.optimizer.create(name))}
"""Those whose parameters share a number, which cannot differ between groups."""
SHAPES = {"head_weight": (3, 4), "fc_weight": (6, 2), "fc_bias": (5,), "gate": (2, 3)}
RNG = np.random.default_rng(3)
GRADS = [{name: RNG.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(5)]
SETTINGS = {"learning_rate": 0.1, "wd": 0.05, "rescale_grad": 0.5, "clip_gradient": 1.0}


def weights(dtype: Any = np.float64) -> dict[str, Array]:
    rng = np.random.default_rng(7)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()}


def run(optimizer: mx.optimizer.Optimizer, names: Any = tuple(SHAPES), dtype: Any = np.float64) -> dict[str, Array]:
    mx.random.seed(5)
    update, found = mx.optimizer.get_updater(optimizer), weights(dtype)
    for grads in GRADS:
        update(list(names), [grads[name].astype(dtype) for name in names], [found[name] for name in names])
    return found


def create(name: str, **settings: Any) -> mx.optimizer.Optimizer:
    """Create an optimizer, with all momenta that it can have, since these determine which state is kept."""
    kept = {"momentum": 0.8} if "(" not in name and "momentum" in CLASSES[name]._declared else {}
    kept |= {"beta1": 0.5, "beta4": 0.999} if name == "aggmo" else {}
    return mx.optimizer.create(name, **{**kept, **settings})


def other_numbers(name: str) -> dict[str, float]:
    """Return another valid value for each number that a rule takes."""
    optimizer = create(name)
    found = {}
    for field in type(optimizer)._declared.values():
        value = getattr(optimizer, field.name)
        base = mx.optimizer.Optimizer._declared
        if field.metadata.get("numeric") and field.name not in base and field.name in traits_of(type(optimizer)).takes:
            accepts = field.metadata["condition"].accepts
            candidates = [number for number in (0.9 * (value or 1), 2 * (value or 1), 7) if accepts(number)]
            found[str(field.alias)] = candidates[0]
    return found


# --- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("emitter", ["llvm", "numpy"])
@pytest.mark.parametrize("name", [name for name in NAMES if "(" not in name and name not in OF_MODEL])
def test_a_group_is_updated_as_by_an_optimizer_with_its_settings(name: str, emitter: str) -> None:
    own = {"learning_rate": 0.03, "wd": 0.2, "clip_gradient": 0.3, **other_numbers(name)}
    mx.kernel.use(emitter)
    try:
        got = run(create(name, **SETTINGS, groups={"head_": own}), dtype=np.float32)
        alone = run(create(name, **{**SETTINGS, **own}), ["head_weight"], np.float32)
        others = run(create(name, **SETTINGS), ["fc_weight", "fc_bias", "gate"], np.float32)
    finally:
        mx.kernel.use(None)
    for parameter, wanted in {**others, "head_weight": alone["head_weight"]}.items():
        assert got[parameter].tolist() == wanted.tolist(), parameter


@pytest.mark.parametrize("name", ["cautious(adam)", "average(lookahead(sgd, k=2))", "lbsgd", "lookahead(lbsgd)"])
def test_wrappers_and_array_code_have_groups_too(name: str) -> None:
    settings = {"learning_rate": 0.1, "wd": 0.05, "rescale_grad": 0.5}
    own = {"learning_rate": 0.03, "wd": 0.2}
    got = run(mx.optimizer.create(name, **settings, groups={"head_": own}))
    alone = run(mx.optimizer.create(name, **{**settings, **own}), ["head_weight"])
    assert got["head_weight"].tolist() == alone["head_weight"].tolist()
    assert got["fc_weight"].tolist() != run(mx.optimizer.create(name, **{**settings, **own}))["fc_weight"].tolist()


def test_parameters_updated_one_by_one_have_groups() -> None:
    def one_by_one() -> dict[str, Array]:
        update = mx.optimizer.get_updater(mx.optimizer.create("adam", groups={"head_": {"beta1": 0.5}}))
        found = weights()
        for grads in GRADS:
            for name, weight in found.items():
                update(name, grads[name], weight)
        return found

    together = run(mx.optimizer.create("adam", groups={"head_": {"beta1": 0.5}}))
    assert {name: one.tolist() for name, one in one_by_one().items()} == {n: w.tolist() for n, w in together.items()}


def test_the_first_pattern_that_fits_counts_and_must_match_at_the_start() -> None:
    optimizer = mx.optimizer.create(
        "sgd", wd=0.1, groups={"fc_": {"wd": 0.2}, ".*weight": {"wd": 0.3}, "bias": {"wd": 0.4}}
    )
    names = ("fc_weight", "head_weight", "fc_bias", "bias_of_it", "other_bias")
    assert [optimizer.settings_of(name)["wd"] for name in names] == [0.2, 0.3, 0.2, 0.4, 0.0]


def test_an_index_matches_by_its_name_or_else_as_a_string() -> None:
    optimizer: Any = mx.optimizer.SGD(groups={"head_": {"wd": 1}, "1": {"wd": 2}})
    optimizer.idx2name = {0: "head_weight"}
    assert [optimizer.settings_of(index)["wd"] for index in (0, "head_weight", 1, 12, 2)] == [1, 1, 2, 2, 0]


def test_multipliers_apply_to_what_a_group_has_and_its_decay_reaches_exempt_names() -> None:
    names = {0: "fc_weight", 1: "fc_bias", 2: "head_bias"}
    groups = {"fc_": {"learning_rate": 0.2, "wd": 0.4}}
    optimizer = mx.optimizer.SGD(learning_rate=0.1, wd=0.1, param_idx2name=names, groups=groups)
    optimizer.set_lr_mult({"fc_weight": 0.5})
    optimizer.set_wd_mult({"fc_weight": 0.25})
    rows = [(got["learning_rate"], got["wd"]) for got in map(optimizer.settings_of, names)]
    assert rows == [(0.1, 0.1), (0.2, 0.4), (0.1, 0.0)]
    optimizer.set_wd_mult({"fc_bias": 0})  # said explicitly
    assert optimizer.settings_of("fc_bias")["wd"] == 0


def test_a_group_with_a_rate_follows_the_schedule_from_it() -> None:
    schedule = mx.lr_scheduler.create("poly", max_update=10, base_lr=1.0)
    optimizer = mx.optimizer.create("sgd", lr_scheduler=schedule, groups={"head_": {"learning_rate": 0.1}})
    assert optimizer.settings_of("head_weight")["learning_rate"] == pytest.approx(0.1 * schedule(1))
    schedule.max_update = 5
    assert optimizer.settings_of("head_weight")["learning_rate"] == pytest.approx(0.1 * schedule(1))
    assert schedule.base_lr == 1.0


def test_a_group_may_have_a_schedule_of_its_own() -> None:
    own = mx.lr_scheduler.create("factor", step=2, factor=0.5, base_lr=1)
    group = {"learning_rate": 0.4, "lr_scheduler": own}
    optimizer = mx.optimizer.create("sgd", learning_rate=0.1, groups={"head_": group})
    got = run(optimizer)["head_weight"]
    wanted = run(mx.optimizer.create("sgd", learning_rate=0.4, lr_scheduler=own), ["head_weight"])["head_weight"]
    assert got.tolist() == wanted.tolist()


def test_assigned_groups_count_at_once() -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0)
    update, weight = mx.optimizer.get_updater(optimizer), np.zeros(1)
    for groups in ({}, {"w": {"learning_rate": 0.5}}, {"v": {"learning_rate": 0.25}}, {"w": {"learning_rate": 0.25}}):
        optimizer.groups = groups
        update("w", np.ones(1), weight)
    assert weight == -2.75


def test_a_frozen_parameter_has_no_state_no_count_and_no_part_in_norms() -> None:
    groups = {"head_|fc_bias": {"frozen": True}}
    optimizer = mx.optimizer.create("adam", learning_rate=0.1, clip_global_norm=0.5, groups=groups)
    update, found = mx.optimizer.get_updater(optimizer), weights()
    bound = update.bind(list(found.values()), list(GRADS[0].values()), list(found))
    bound()
    update(list(found), list(GRADS[0].values()), list(found.values()))
    alone = mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1, clip_global_norm=0.5))
    others, names = weights(), ["fc_weight", "gate"]
    for _ in range(2):
        alone(names, [GRADS[0][name] for name in names], [others[name] for name in names])
    assert {name: one.tolist() for name, one in found.items()} == {name: one.tolist() for name, one in others.items()}
    assert set(update.states) == set(optimizer._index_update_count) == set(names)
    optimizer.groups = {}
    update(list(found), list(GRADS[0].values()), list(found.values()))
    assert optimizer._index_update_count["head_weight"] == 1


def test_a_parameter_that_is_frozen_later_may_be_left_out() -> None:
    optimizer = mx.optimizer.create("sgd", learning_rate=0.1, clip_global_norm=1.0)
    update, found = mx.optimizer.get_updater(optimizer), weights()
    update(list(found), list(GRADS[0].values()), list(found.values()))
    optimizer.groups = {"head_": {"frozen": True}}
    before = found["head_weight"].copy()
    update(list(found), list(GRADS[0].values()), list(found.values()))
    assert found["head_weight"].tolist() == before.tolist()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], "groups must be a dict of settings by pattern, got []"),
        ({"(": {}}, "groups: the pattern '(' is not a regular expression"),
        ({1: {}}, "groups: the pattern 1 is not a string"),
        ({"a": 0.1}, "groups: the settings of 'a' must be a dict by name, got 0.1"),
        ({"a": {"momentun": 0.5}}, "groups['a']: SGD has no 'momentun': did you mean 'momentum'?"),
        ({"a": {"momentum": -1}}, "groups['a']: momentum must be in [0, 1], got -1"),
        ({"a": {"learning_rate": "fast"}}, "groups['a']: learning_rate must be None or a number of at least 0, got 'f"),
        ({"a": {"clip_global_norm": 1}}, "groups['a']: clip_global_norm is a setting of the whole call"),
        ({"a": {"accumulate": 2}}, "groups['a']: accumulate is a setting of the whole call"),
        ({"a": {"frozen": 1}}, "groups['a']: frozen must be True or False, got 1"),
        ({"a": {"momentum": 0.0}}, "groups['a']: which state is kept depends on momentum, which must be the same for"),
    ],
)
def test_wrong_groups_are_explained_and_nothing_changes(groups: Any, message: str) -> None:
    optimizer = mx.optimizer.SGD(momentum=0.9, groups={"b": {"wd": 0.5}})
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        optimizer.groups = groups
    assert optimizer.groups == {"b": {"wd": 0.5}}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        mx.optimizer.SGD(momentum=0.9, groups=groups)


def test_a_number_that_all_parameters_share_cannot_depend_on_a_group() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("prodigy", groups={"head_": {"beta2": 0.9}}))
    found = weights()
    with pytest.raises(TypeError, match=r"computes 'd', which is the same for all parameters, from 'beta2', which"):
        update(list(found), list(GRADS[0].values()), list(found.values()))
    assert all(found[name].tolist() == weight.tolist() for name, weight in weights().items())


def test_array_code_that_reads_its_attributes_cannot_have_other_numbers() -> None:
    with pytest.raises(ValueError, match=r"momentum of LBSGD is not read for each parameter, so groups cannot set it"):
        mx.optimizer.create("lbsgd", groups={"a": {"momentum": 0.5}})


def test_a_rate_of_a_group_cannot_follow_a_function() -> None:
    message = "the lr_scheduler is a function without a base_lr: give the group an lr_scheduler, too"
    with pytest.raises(ValueError, match=message):
        mx.optimizer.SGD(lr_scheduler=lambda n: 0.1, groups={"a": {"learning_rate": 0.5}})
    optimizer = mx.optimizer.SGD(groups={"a": {"learning_rate": 0.5}})
    with pytest.raises(ValueError, match=message):
        optimizer.lr_scheduler = lambda n: 0.1
    assert optimizer.lr_scheduler is None


def test_a_pattern_that_reaches_nothing_is_said_once_with_close_names() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(groups={"haed_.*": {"wd": 1}, "fc_": {"frozen": True}}))
    found = weights()
    arguments = list(found), list(GRADS[0].values()), list(found.values())
    with pytest.warns(UserWarning, match=r"'haed_\.\*' matches the start of no parameter's name: did you mean 'head_w"):
        update(*arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        update(*arguments)
    with pytest.warns(UserWarning, match="groups: 'x' matches the start of no parameter's name"):
        mx.optimizer.SGD(param_idx2name={0: "fc_weight"}, groups={"x": {"wd": 1}})


def test_groups_are_read_like_a_dict_and_cannot_be_changed_in_place() -> None:
    optimizer = mx.optimizer.SGD(groups={"b": {"wd": 0.5}})
    assert dict(optimizer.groups) == {"b": {"wd": 0.5}}
    assert "groups={'b': {'wd': 0.5}}" in repr(optimizer)
    with pytest.raises(TypeError):
        optimizer.groups["b"]["wd"] = 1  # type: ignore[index]
    again = pickle.loads(pickle.dumps(optimizer))
    assert again.settings_of("b")["wd"] == 0.5


# --- schedules of numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("emitter", ["llvm", "numpy"])
@pytest.mark.parametrize("name", NAMES)
def test_a_number_follows_a_schedule_as_if_it_were_assigned(name: str, emitter: str) -> None:
    numbers = {**other_numbers(name), "wd": 0.2, "clip_gradient": 0.4, "rescale_grad": 0.7}
    for field, end in numbers.items():
        optimizer: Any = create(name, **SETTINGS)
        declared = mx.optimizer.Optimizer._declared.get(field) or type(optimizer)._declared.get(field)
        owner: Any = optimizer if declared is None or hasattr(optimizer, field) else optimizer.optimizer
        assert declared is not None
        start, accepts = getattr(owner, field) or 0.0, declared.metadata["condition"].accepts

        def at(update: int, start: float = start, end: float = end, accepts: Any = accepts) -> float:
            value = start + (end - start) * min(update, 4) / 4
            return value if accepts(value) else end

        mx.kernel.use(emitter)
        try:
            scheduled = create(name, **SETTINGS)
            if not accepts(1) and isinstance(start, bool):
                continue
            try:
                setattr(scheduled, field, at)
            except ValueError as error:
                assert "the initial value of 'd' cannot be a schedule" in str(error)  # noqa: PT017
                continue
            got = run(scheduled, dtype=np.float32)
            mx.random.seed(5)
            update, wanted = mx.optimizer.get_updater(optimizer), weights(np.float32)
            for number, grads in enumerate(GRADS, 1):
                setattr(optimizer, field, at(number))
                update(list(SHAPES), [grads[name].astype("f4") for name in SHAPES], list(wanted.values()))
        finally:
            mx.kernel.use(None)
        for parameter, weight in wanted.items():
            assert got[parameter].tolist() == weight.tolist(), (field, parameter)


@given(st.floats(0, 1), st.integers(1, 6))
def test_a_pure_schedule_gives_the_same_as_a_function(end: float, length: int) -> None:
    pure = mx.lr_scheduler.create("poly", max_update=length, base_lr=1.0, final_lr=end)
    got = run(mx.optimizer.SGD(learning_rate=0.1, wd=pure))
    wanted = run(mx.optimizer.SGD(learning_rate=0.1, wd=lambda update: pure(update)))
    assert all(got[name].tolist() == wanted[name].tolist() for name in SHAPES)


def test_what_a_schedule_gives_is_checked_before_anything_changes() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Adam(beta1=lambda update: 0.5 * update))
    weight = np.ones(2)
    update("w", np.ones(2), weight)
    before = weight.tolist(), update.get_states()
    with pytest.raises(ValueError, match=r"the schedule of beta1 returned 1\.0 for update 2: it must be in \[0, 1\)"):
        update("w", np.ones(2), weight)
    assert (weight.tolist(), update.get_states()) == before


def test_a_schedule_of_a_group_is_asked_for_its_parameters() -> None:
    groups = {"head_": {"wd": lambda update: update / 10, "momentum": lambda update: 0.5}}
    optimizer = mx.optimizer.SGD(momentum=0.9, wd=1.0, groups=groups)
    assert optimizer.settings_of("head_weight") == {
        "learning_rate": 0.01, "wd": 0.1, "momentum": 0.5, "dampening": 0.0, "rescale_grad": 1.0
    }  # fmt: skip
    run(optimizer)
    assert optimizer.settings_of("head_weight")["wd"] == 0.6


def test_array_code_can_follow_schedules_if_it_reads_settings_of() -> None:
    @mx.hyperparameters
    class Plain(mx.optimizer.Optimizer):
        momentum: float = mx.hyperparameter(0.5)

        def create_state(self, index: Any, weight: Any) -> Any:
            return np.zeros_like(weight)

        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            numbers = self.settings_of(index)
            self._update_count(index)
            state[...] = numbers["momentum"] * state - numbers["learning_rate"] * (grad + numbers["wd"] * weight)
            weight += state

    def at(update: int) -> float:
        return 0.1 * update

    got = run(Plain(learning_rate=0.1, wd=at, momentum=at, groups={"head_": {"momentum": 0.3}}))
    wanted = run(mx.optimizer.SGD(learning_rate=0.1, wd=at, momentum=at, groups={"head_": {"momentum": 0.3}}))
    for name in SHAPES:
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("sgd", {"learning_rate": lambda n: 0.1}, "pass a schedule of the learning rate as lr_scheduler"),
        ("sgd", {"accumulate": lambda n: 2}, "accumulate must be an integer of at least 1, got <function"),
        ("sgd", {"lazy_update": lambda n: True}, "lazy_update must be True or False, got <function"),
        ("lbsgd", {"momentum": lambda n: 0.5}, "momentum of LBSGD cannot be a schedule: it is not a number that the"),
    ],
)
def test_what_cannot_follow_a_schedule_says_so(name: str, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        mx.optimizer.create(name, **arguments)
    with pytest.raises(ValueError, match="scale must be a number"):
        mx.init.create("uniform", scale=lambda n: 0.5)


def test_names_that_come_later_decide_on_groups_and_not_on_decay() -> None:
    groups = {"tail": {"wd": 0.0}}
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0, wd=0.5, groups=groups))
    weights = [np.ones(1), np.ones(1)]
    keys = [(1, "W"), (2, "b")]
    updater.optimizer.set_names({(1, "W"): "tail.W", (2, "b"): "head.b"})
    for _ in range(2):
        updater(keys, [np.zeros(1), np.zeros(1)], weights)
    np.testing.assert_array_equal(weights, [[1], [0.25]])
    updater.optimizer.set_names({(1, "W"): "head.W", (2, "b"): "tail.b"})
    updater(keys, [np.zeros(1), np.zeros(1)], weights)
    np.testing.assert_array_equal(weights, [[0.5], [0.25]])
    updater.optimizer.set_names({(1, "W"): "head.bias", (2, "b"): "tail.b"}, decay_by_name=True)
    updater(keys, [np.zeros(1), np.zeros(1)], weights)
    np.testing.assert_array_equal(weights, [[0.5], [0.25]])
