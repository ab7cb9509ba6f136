"""What every test of the log must leave as it was."""

from collections.abc import Iterator

import pytest

import mxcore as mx


@pytest.fixture(autouse=True)
def _no_hook_is_left() -> Iterator[None]:
    before = mx.hooks.manager().get_plugins()
    yield
    assert mx.hooks.manager().get_plugins() == before
