"""MXNet's registry functions, for bases of one's own and for the three protocols."""

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
