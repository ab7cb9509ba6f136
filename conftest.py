"""Let every test and every doctest start from one seed, and take back what it registered; say what is left out."""

import zlib
from collections.abc import Iterator

import hypothesis
import pytest

import mxcore as mx

# They import hatchling, Sphinx or torch, which are there only where they are needed.
collect_ignore = ["plugins/tools/new/hatch_build.py", "docs/conf.py", "tests/torch_loops.py"]

# How long an example takes says nothing about whether it is right.
hypothesis.settings.register_profile("mxcore", deadline=None)
hypothesis.settings.load_profile("mxcore")


def pytest_report_header(config: pytest.Config) -> str | None:
    """What a plain run does not collect."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return None
    return "not collected: tests/{docs,device_free,gpu}, plugins/clients: see CONTRIBUTING.md and docs/guides/gpu.md"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most cases of what is ``sampled`` to the nightly run; which ones, depends on their names alone."""
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker and zlib.crc32(item.nodeid.encode()) % marker.args[0]:
            item.add_marker(pytest.mark.nightly)


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
