"""What a saved state counts, and the numbers that it has by parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

from mxcore.state.packing import decode_key
from mxcore.state.place import Place
from mxcore.step import Counts, traits_of
from mxcore.step.protocol import Index, Updatable
from mxcore.watched import Watched


@attrs.frozen
class Tables:
    """The counts, multipliers and host numbers of an optimizer, and those of what it wraps."""

    num_update: int
    lr_mult: dict[Index, float]
    wd_mult: dict[Index, float]
    counts: dict[int, dict[Index, int]]
    host_numbers: dict[Index, dict[str, float]]
    wrapped: dict[str, Tables]

    @classmethod
    def read(cls, saved: Place, renumbered: Mapping[Index, Index], optimizer: Updatable, problems: list[str]) -> Tables:
        """The tables of a file, by the indices of this updater.

        Args:
            saved: what the file says about an optimizer.
            renumbered: the index that each index of the file has here.
            optimizer: the optimizer, with the settings of the file.
            problems: is told of numbers that the optimizer does not keep.
        """

        def table(pairs: Place) -> dict[Index, Place]:
            found = {decode_key(key): value for key, value in (pair.list(2) for pair in pairs.list())}
            if len(found) != len(pairs.value):
                raise pairs.error("a table with one value for each key")
            return {renumbered.get(key, key): value for key, value in found.items()}

        def multipliers(pairs: Place) -> dict[Index, float]:
            return {key: _multiplier(value) for key, value in table(pairs).items()}

        lr_mult, wd_mult = map(multipliers, saved["multipliers"].list(2))
        if "string_indices_decay_by_name" not in saved:  # a file from before they did: all of them decayed
            nameless = (index for index in renumbered.values() if index not in optimizer.idx2name)
            wd_mult = {**{index: 1.0 for index in nameless if isinstance(index, str)}, **wd_mult}
        counts = {
            _device(device, pairs): {index: count.count() for index, count in table(pairs).items()}
            for device, pairs in saved["counts"].items()
        }
        host = {
            index: {slot: number.number() for slot, number in numbers.items()}
            for index, numbers in table(saved["host_numbers"]).items()
        }
        problems += _unkept(optimizer, host)
        inner = vars(optimizer)
        wrapped = {
            name: cls.read(place, renumbered, inner.get(name, optimizer), problems)
            for name, place in saved["wrapped"].items()
        }
        return cls(saved["num_update"].count(), lr_mult, wd_mult, counts, host, wrapped)

    def set_in(self, optimizer: Updatable) -> None:
        """Set them. A wrapping optimizer that keeps none of them reads those of the wrapped one."""
        if "_counting" in vars(optimizer):
            optimizer.num_update = self.num_update
            optimizer.lr_mult, optimizer.wd_mult = Watched(self.lr_mult), Watched(self.wd_mult)
            optimizer.host_numbers = self.host_numbers
        tables = optimizer._all_index_update_counts
        for device in {*tables, *self.counts}:
            counts = tables.setdefault(device, Counts())
            counts.clear()
            counts.update(self.counts.get(device, {}))
        for name, inner in self.wrapped.items():
            inner.set_in(getattr(optimizer, name))


def _device(text: str, place: Place) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{place.where}: a device must be an integer of at least 0")
    return int(text)


def _multiplier(place: Place) -> float:
    if not 0 <= place.number() < math.inf:
        raise place.error("a finite number of at least 0")
    return place.number()


def _unkept(optimizer: Updatable, host: Mapping[Index, Mapping[str, Any]]) -> list[str]:
    """Where host numbers are not those of the rule."""
    if not traits_of(type(optimizer)).runs_rule:
        return []
    own = {slot.name for slot in optimizer.state_slots() if slot.on_host}
    odd = {tuple(sorted(numbers)) for numbers in host.values() if numbers.keys() != own}
    return [f"it has the host numbers {', '.join(one) or 'none'}, the updater {sorted(own)}" for one in odd]
