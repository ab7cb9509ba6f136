"""Arrays in nested containers, by their paths: ``{"fc": {"weight": w}}`` has the path ``fc.weight``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def by_path(tree: Any) -> dict[Any, Any]:
    """Return the leaves of nested dicts, lists and tuples by path.

    >>> by_path({"fc": {"weight": 1, "bias": 2}, "scales": [3, None]})
    {'fc.weight': 1, 'fc.bias': 2, 'scales.0': 3, 'scales.1': None}
    >>> by_path([4, 5])
    {0: 4, 1: 5}

    A key at the top remains as it is.

    Raises:
        ValueError: two leaves have the same path.
    """
    found: dict[Any, Any] = {}
    for path, leaf in _leaves(tree, ()):
        name = path[0] if len(path) == 1 else ".".join(map(str, path))
        if name in found:
            raise ValueError(f"two arrays have the path {name!r}: rename a key")
        found[name] = leaf
    return found


def members(instance: object, kind: type[T]) -> dict[str, T]:
    """Return the attributes of an object that are of a kind, by name; those in a tuple by name and position.

    >>> from types import SimpleNamespace
    >>> members(SimpleNamespace(a=1, b="b", c=(2, 3), d=(4, "e")), int)
    {'a': 1, 'c/0': 2, 'c/1': 3}
    """
    found: dict[str, T] = {}
    for name, value in vars(instance).items():
        if isinstance(value, kind):
            found[name] = value
        elif type(value) is tuple and value and all(isinstance(one, kind) for one in value):
            found |= {f"{name}/{place}": one for place, one in enumerate(value)}
    return found


def replace_members(instance: object, others: Mapping[str, Any]) -> None:
    """Put other objects where :func:`members` finds those of an object."""
    for name, other in others.items():
        attribute, _, place = name.partition("/")
        kept = vars(instance)[attribute]
        vars(instance)[attribute] = (*kept[: int(place)], other, *kept[int(place) + 1 :]) if place else other


def paired(grads: Any, weights: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the paths, gradients and weights of containers of the same structure, without those that have no gradient.

    >>> paired({"a": 1, "b": None}, {"a": 3, "b": 4})
    (['a'], [1], [3])

    Raises:
        ValueError: the structures differ, or two leaves have the same path.
    """
    given, targets = by_path(grads), by_path(weights)
    if lacking := [path for path in targets if path not in given]:
        raise ValueError(f"no gradient has the path {lacking[0]!r}: pass None to leave out its weight")
    if unknown := [path for path in given if path not in targets]:
        raise ValueError(f"no weight has the path {unknown[0]!r}, which a gradient has")
    paths = [path for path in targets if given[path] is not None]
    return paths, [given[path] for path in paths], [targets[path] for path in paths]


def _leaves(tree: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, Mapping):
        items: Any = tree.items()
    elif isinstance(tree, (list, tuple)):
        items = enumerate(tree)
    else:
        yield path, tree
        return
    for key, branch in items:
        yield from _leaves(branch, (*path, key))
