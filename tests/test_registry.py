"""MXNet's registry functions, for custom base classes and for the three protocols."""

from typing import Any

import pytest

import mxcore as mx


class Sampler:
    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate


def test_a_base_of_ones_own_has_names_aliases_and_text() -> None:
    register = mx.registry.get_register_func(Sampler, "sampler")
    alias = mx.registry.get_alias_func(Sampler, "sampler")
    create = mx.registry.get_create_func(Sampler, "sampler")

    @register
    @alias("quick")
    class Fast(Sampler):
        pass

    assert type(create("FAST")) is type(create("quick")) is Fast
    assert create('["fast", {"rate": 3}]').rate == create(sampler="fast", rate=3).rate == 3
    assert mx.registry.get_registry(Sampler) == {"fast": Fast, "quick": Fast}
    with pytest.raises(ValueError, match="cannot find sampler 'slow': known are quick, fast"):
        create("slow")


def test_the_protocols_have_theirs() -> None:
    assert mx.registry.get_create_func(mx.init.Initializer, "initializer") == mx.init.create
    assert mx.registry.get_registry(int) == {}


def test_names_must_be_text() -> None:
    with pytest.raises(TypeError, match="optimizer must be a name or an instance of Optimizer, got 3"):
        mx.optimizer.create(3)
    with pytest.raises(TypeError, match=r"create\(\) needs the name of the optimizer"):
        mx.optimizer.create()


MODULES = {"optimizer": mx.optimizer, "initializer": mx.init, "lr_scheduler": mx.lr_scheduler}


@pytest.mark.parametrize("record", mx.catalogue.algorithms(), ids=lambda record: f"{record.kind}-{record.name}")
def test_an_algorithm_is_reached_by_name_alias_class_name_and_attribute(record: mx.catalogue.Record) -> None:
    module = MODULES[record.kind]
    cls = getattr(module, record.class_name)
    example = getattr(cls, "examples", ({},))[0]
    assert record.class_name in dir(module)
    for name in (record.name, record.name.upper(), record.class_name, record.qualified_name):
        assert type(module.create(name, **example)) is cls


def test_dir_of_a_protocols_module_shows_what_users_use() -> None:
    shown = dir(mx.optimizer)
    assert {"Adam", "SGD", "Optimizer", "create", "get_updater", "register"} <= set(shown)
    assert not {"attrs", "np", "annotations", "Any", "Registry"} & set(shown)
    assert all(getattr(mx.optimizer, name) is not None for name in shown)


@pytest.mark.parametrize(
    ("instance", "uses"),
    [
        (mx.optimizer.Adam(), {"learning_rate", "beta1", "wd", "lr_scheduler", "num_update", "update", "set_lr_mult"}),
        (mx.initializer.Normal(), {"sigma", "values", "dumps"}),
        (mx.lr_scheduler.FactorScheduler(step=2), {"step", "factor", "base_lr", "rate", "dumps"}),
    ],
    ids=["optimizer", "initializer", "lr_scheduler"],
)
def test_dir_of_an_instance_shows_what_users_use(instance: Any, uses: set[str]) -> None:
    shown = dir(instance)
    assert uses <= set(shown)
    assert [name for name in shown if name.startswith("_") and not name.endswith("__")] == []
    assert all(hasattr(instance, name) for name in shown)
