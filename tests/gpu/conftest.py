"""Tests that need a CUDA device; without one, they say what is missing."""

from typing import Any

import pytest

import mxcore as mx
from mxcore.backend import BackendError, Context


def there(device: int) -> Context:
    """Return a device, or skip the test."""
    backend: Any = mx.gpu().backend
    try:
        backend.cuda.check(device)
    except BackendError as error:
        pytest.skip(str(error))
    return mx.gpu(device)


@pytest.fixture(autouse=True)
def gpu() -> Context:
    """The first device."""
    return there(0)


@pytest.fixture
def second() -> Context:
    """The second device."""
    return there(1)


@pytest.fixture
def xp(gpu: Context) -> Any:
    """The module ``cupy``."""
    return gpu.backend.xp
