"""Damaged files: bytes that are flipped, cut and repeated, and JSON with changed values."""

import copy
import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53, 2**63, 2**64, -(2**70), 10**400, -(10**400), 0.5, -1.5, float("nan"),
    float("inf"), "", "0", "a", "adam", "sgd", "uint16", "bfloat16", "F64", "\ud800", "rule", "update", "\x00", [],
    [[]], [0], [0, 1], ["cosine", {}], '["cosine", {"max_update": 3}]', {}, {"value": 1}, {"array": {}}, {"tuple": [1]},
    {"enum": ["os", "system", "x"]}, [1] * 50,
)  # fmt: skip


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a file, with the manifest as JSON too, and the rest."""
    end = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:end])
    header["__metadata__"]["mxcore"] = json.loads(header["__metadata__"]["mxcore"])
    return header, data[end:]


def joined(header: dict[str, Any], rest: bytes) -> bytes:
    header = {**header, "__metadata__": {"mxcore": json.dumps(header["__metadata__"]["mxcore"])}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a JSON value, and each key in it."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from places(value[key])


def with_other_json(value: Any, rng: random.Random) -> Any:
    """Return a JSON value with one to three places changed."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        container, key = rng.choice(list(places(value)) or [([0], 0)])
        how = rng.randrange(7)
        if how == 0:
            del container[key]
        elif how == 1 and isinstance(container, dict):
            container[rng.choice(("x", "rule", "lr_scheduler", "__class__", "update", "states", *container))] = (
                container[key]
            )
        elif how == 2 and isinstance(container, list):
            container.insert(key, copy.deepcopy(rng.choice(container)))
        elif how == 3:
            other, there = rng.choice(list(places(value)) or [([0], 0)])
            container[key] = copy.deepcopy(other[there])
        elif how == 4 and isinstance(container[key], (int, float)) and not isinstance(container[key], bool):
            container[key] = rng.choice(
                (container[key] + 1, -container[key], container[key] * 1000, str(container[key]))
            )
        else:
            container[key] = (
                copy.deepcopy(rng.choice(ODD)) if rng.random() < 0.97 else nested(rng.choice((90, 500, 5000)))
            )
    return value


def with_other_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes that are cut, flipped, left out or repeated somewhere."""
    here, there = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    damaged = bytearray(data)
    how = rng.randrange(6)
    if how == 0:
        return data[:here]
    if how == 1:
        return data[:here] + data[there:]
    if how == 2:
        return data[:there] + data[here:]
    if how == 3:
        return data + data[here:there]
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(min(len(data), rng.choice((8, 200, len(data)))))
        damaged[place] = rng.choice((damaged[place] ^ 1 << rng.randrange(8), rng.randrange(256), *b'0"{}[],:9'))
    return bytes(damaged)


def file(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged safetensors file."""
    if rng.random() < 0.3:
        return with_other_bytes(data, rng)
    header, rest = split(data)
    try:
        if rng.random() < 0.8:
            header["__metadata__"]["mxcore"] = with_other_json(header["__metadata__"]["mxcore"], rng)
            return joined(header, rest)
        header["__metadata__"]["mxcore"] = json.dumps(header["__metadata__"]["mxcore"])
        text = json.dumps(with_other_json(header, rng)).encode()
        return struct.pack("<Q", len(text)) + text + rest
    except (RecursionError, ValueError):  # nested more deeply than can be written here
        return with_other_bytes(data, rng)


def text(value: str, rng: random.Random) -> str:
    """Return damaged JSON."""
    if rng.random() < 0.4:
        return with_other_bytes(value.encode(), rng).decode("utf-8", "replace")
    try:
        return json.dumps(with_other_json(json.loads(value), rng))
    except (RecursionError, ValueError):
        return with_other_bytes(value.encode(), rng).decode("utf-8", "replace")


def each(count: int, seed: int, damage: Callable[[Any, random.Random], Any], originals: list[Any]) -> Iterator[Any]:
    """Yield a number of damaged copies of some originals."""
    for number in range(count):
        rng = random.Random(seed * 1_000_003 + number)
        yield damage(originals[number % len(originals)], rng)
