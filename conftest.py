"""Let every test and every doctest start from one seed, and take back what it registered."""

from collections.abc import Iterator

import hypothesis
import pytest

import mxcore as mx

# How long an example takes says nothing about whether it is right.
hypothesis.settings.register_profile("mxcore", deadline=None)
hypothesis.settings.load_profile("mxcore")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Let every test start from one seed."""
    mx.random.seed(1)


@pytest.fixture(autouse=True)
def _own_registrations() -> Iterator[None]:
    """Take back what a test registered."""
    registries = [mx.optimizer.registry, mx.initializer.registry, mx.lr_scheduler.registry]
    before = [dict(registry.classes) for registry in registries]
    yield
    for registry, classes in zip(registries, before, strict=True):
        registry.classes.clear()
        registry.classes.update(classes)
