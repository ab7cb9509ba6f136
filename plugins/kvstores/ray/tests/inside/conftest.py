"""A Ray for all tests of a module, in a namespace that has only `lo`."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from mxcore_kvstore_ray.cluster import connect
from namespaces import interfaces, is_loopback, listening


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    assert interfaces() == ["lo"], "these tests never run in the open: run test_ray.py"
    connect(None)
    yield
    assert listening()
    assert all(map(is_loopback, listening())), listening()
    ray.shutdown()


@pytest.fixture
def job(request: Any) -> str:
    return re.sub(r"\W+", "-", request.node.name)
