"""A synchronous run has the bits of one process."""

from collections.abc import Iterator
from typing import Any

import pytest
from training import SETTINGS, alone, on_all, opened, workers


@pytest.fixture(scope="module")
def pool() -> list[Any]:
    return workers(4)


@pytest.fixture(
    scope="module",
    params=[(1, 1), (2, 1), (4, 1), (1, 2), (2, 2), (4, 2)],
    ids=lambda param: f"{param[0]} workers, {param[1]} servers",
)
def trainers(pool: list[Any], request: Any) -> Iterator[list[Any]]:
    count, servers = request.param
    found = opened(pool[:count], job=f"bits-{count}-{servers}", servers=servers)
    yield found
    on_all(found, "call", "close")


@pytest.mark.parametrize("name", SETTINGS)
def test_sync_has_the_bits_of_a_list_push(trainers: Any, name: str) -> None:
    wanted = alone(name, 5, len(trainers), run=name)
    assert on_all(trainers, "train", name, 5, run=name) == [wanted] * len(trainers)
