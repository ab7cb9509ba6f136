"""What a saved state holds for each parameter (states, counts, multipliers), read and checked against an optimizer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs

from mxcore.backend import Array, Host
from mxcore.state.manifest import slot_names, tally_of, within
from mxcore.state.packing import decode_key, map_arrays, unpack
from mxcore.state.place import Place
from mxcore.step import WRAPPED, Counts, Tally, levels, traits_of
from mxcore.step.arguments import HALF
from mxcore.step.protocol import Index, Kept, Updatable
from mxcore.step.states import packed_by_slot
from mxcore.watched import Watched


@attrs.frozen
class Entry:
    """What a file holds for one parameter.

    Attributes:
        index: its index in the file.
        name: its name, if it has one.
        slots: the state by slot, including the master; None if the optimizer does not name its slots.
        state: the same, as an updater keeps it.
        workers: the state of each worker; None if workers are not distinguished.
    """

    index: Index
    name: str | None
    slots: dict[str, Any] | None
    state: Any
    workers: Kept | None

    @classmethod
    def read(cls, place: Place, arrays: dict[str, Host], depth: int) -> Entry:
        """Read an entry from its JSON and the arrays of the file, for an optimizer inside ``depth`` wrappers.

        Raises:
            ValueError: it is not a valid entry.
        """
        workers = unpack(place["workers"], arrays) if "workers" in place else None
        if not isinstance(workers, (dict, type(None))):
            raise place["workers"].error("a dict by worker")
        index, name = decode_key(place["index"]), place["name"].text_or_none()
        if "state" in place:
            return cls(index, name, None, unpack(place["state"], arrays), workers)
        slots = {slot: unpack(content, arrays) for slot, content in place["slots"].items()}
        inner = packed_by_slot({slot: value for slot, value in slots.items() if slot != "master"}, depth)
        return cls(index, name, slots, (slots["master"], inner) if "master" in slots else inner, workers)

    @property
    def label(self) -> Any:
        """The name or index, for messages."""
        return self.name or self.index


def indices(optimizer: Updatable, entries: Sequence[Entry], problems: list[str]) -> list[Index]:
    """Return the index of each saved state in this updater: by parameter name if there are names, else by index.

    Parameters that share a name are matched by index. What the updater does not have keeps its name.
    """
    names = Counter(optimizer.idx2name.values())
    both = (names, Counter(entry.name for entry in entries))
    shared = {name for table in both for name, times in table.items() if times > 1}
    by_name = {name: index for index, name in optimizer.idx2name.items() if name not in shared}
    found: list[Index] = []
    for entry in entries:
        unknown = entry.name is not None and bool(names) and entry.name not in names
        found.append(entry.name if unknown else by_name.get(entry.name or "", entry.index))
    twice = [one for one, times in Counter(found).items() if times > 1]
    problems += [f"it has several states for the parameter {one!r}" for one in twice]
    return found


def wrong_slots(optimizer: Updatable, entries: Iterable[Entry]) -> list[str]:
    """List where a file has other slots than an optimizer keeps."""
    names, traits = slot_names(optimizer), traits_of(optimizer)
    if names is None:
        return []
    found = {
        tuple(name for name in entry.slots or () if name != "master")
        for entry in entries
        if traits.runs_rule or entry.slots is not None
    }
    own = ", ".join(names) or "none"
    wrong = found if found - {tuple(names)} else ()
    return [f"it has the slots {', '.join(slots) or 'none'}, but the updater {own}" for slots in wrong]


def unfit(
    optimizer: Updatable, entries: Mapping[Index, Entry], present: Mapping[Index, Any], params: Mapping[str, Any]
) -> dict[Index, list[str]]:
    """Return what is wrong with the state of each parameter: it is unknown, or has other shapes or dtypes.

    Args:
        optimizer: the optimizer, with the settings of the file.
        entries: the entries of the file, by the indices of this updater.
        present: the states of this updater.
        params: the known parameters, by name.
    """
    known = {*optimizer.idx2name.values()}
    found: dict[Index, list[str]] = {
        index: [f"it has the parameter {entry.name!r}, which the updater does not have"]
        for index, entry in entries.items()
        if known and entry.name and entry.name not in known
    }
    if slot_names(optimizer) is None:
        return found
    loaded = {index: entry.state for index, entry in entries.items()}
    for index, one, other in unlike(present, loaded):
        found.setdefault(index, []).append(f"parameter {index!r} has a state of {one}, the file {other}")
    for index, entry in () if traits_of(optimizer).own_states else entries.items():
        if problems := _unfit(entry, optimizer.multi_precision, params):
            found.setdefault(index, []).extend(problems)
    return found


def _unfit(entry: Entry, has_masters: bool, params: Mapping[str, Any]) -> list[str]:
    """List where the arrays of a state made of slots do not fit each other or the parameter."""
    arrays = entry.slots or {}
    what = f"the state of {entry.label!r}"
    if odd := [slot for slot, array in arrays.items() if not (hasattr(array, "dtype") and hasattr(array, "ndim"))]:
        return [f"{what} has no array for {', '.join(odd)}"]
    layouts = {slot: layout(array)[0] for slot, array in arrays.items()}
    if len(set(layouts.values())) > 1:
        return [f"{what} has arrays that differ: {', '.join(f'{slot} {one}' for slot, one in layouts.items())}"]
    halves = [slot for slot, array in arrays.items() if array.dtype.name in HALF]
    if halves if has_masters else "master" in arrays:
        return [f"{what} is {layouts}, but multi_precision={has_masters}"]
    weight = params.get(entry.label) if isinstance(entry.label, str) else None
    wrong = [one for slot, one in layouts.items() if weight is not None and arrays[slot].shape != weight.shape]
    return [f"{what} is {wrong[0]}, but the parameter is {layout(weight)[0]}"] if wrong else []


def unlike(here: Mapping[Any, Any], there: Mapping[Any, Any]) -> list[tuple[Any, list[str], list[str]]]:
    """Return the common keys whose arrays differ in dtype or shape, with the layout in each table."""
    layouts = [(key, layout(here[key]), layout(there[key])) for key in here if key in there]
    return [one for one in layouts if one[1] != one[2]]


def layout(state: Any) -> list[str]:
    """Describe the arrays in a state by dtype and shape, and other values by type."""
    found: list[str] = []

    def note(array: Array) -> Array:
        found.append(f"{array.dtype}{list(array.shape)}")
        return array

    map_arrays(state, note)
    return found


# --- counts, multipliers and host numbers ----------------------------------------------------------------------------


@attrs.frozen
class Tables:
    """The counts, multipliers and numbers of an optimizer and of those that it wraps."""

    num_update: int
    lr_mult: dict[Index, float]
    wd_mult: dict[Index, float]
    counts: dict[int, dict[Index, int]]
    host_numbers: dict[Index, dict[str, float]]
    model_numbers: dict[str, float]
    wrapped: dict[str, Tables]

    @classmethod
    def read(
        cls,
        saved: Place,
        host: Mapping[Index, dict[str, float]],
        renumbered: Mapping[Index, Index],
        optimizer: Updatable,
        problems: list[str],
    ) -> Tables:
        """Read the tables of a file, converted to the indices of this updater.

        Args:
            saved: what the file says about an optimizer.
            host: the host numbers in the file.
            renumbered: the index in this updater, by the index in the file.
            optimizer: the optimizer, with the settings of the file.
            problems: the list to which host numbers that do not fit are added.
        """

        def table(pairs: Place) -> dict[Index, Place]:
            found = {decode_key(key): value for key, value in (pair.list(2) for pair in pairs.list())}
            if len(found) != len(pairs.value):
                raise pairs.error("a table with one value for each key")
            return {renumbered.get(key, key): value for key, value in found.items()}

        def multipliers(pairs: Place) -> dict[Index, float]:
            return {key: _multiplier(value) for key, value in table(pairs).items()}

        lr_mult, wd_mult = map(multipliers, saved["multipliers"].list(2))
        if "string_indices_decay_by_name" not in saved:  # a file of an older version, where all string indices decayed
            nameless = (index for index in renumbered.values() if index not in optimizer.idx2name)
            wd_mult = {**{index: 1.0 for index in nameless if isinstance(index, str)}, **wd_mult}
        counts = {
            _device(device, pairs): {index: count.count() for index, count in table(pairs).items()}
            for device, pairs in saved["counts"].items()
        }
        host = {renumbered.get(index, index): numbers for index, numbers in host.items()}
        kept = saved["model_numbers"].items() if "model_numbers" in saved else ()  # which older versions did not have
        model = {slot: number.number() for slot, number in kept}
        problems += _unkept(optimizer, host, model)
        here, wrapped = within(optimizer), dict[str, Tables]()
        for name, outermost in saved["wrapped"].items():
            place, inner = outermost, here.get(name, optimizer)
            while "schedule" not in place:  # a wrapper has no tables
                place, inner = place["wrapped"][WRAPPED], inner._inner or inner
            wrapped[name] = cls.read(place, host_numbers(place), renumbered, inner, problems)
        return cls(saved["num_update"].count(), lr_mult, wd_mult, counts, host, model, wrapped)

    def without(self, indices: Collection[Index]) -> Tables:
        """Return the tables without the counts and host numbers of some parameters."""

        def others(table: Mapping[Index, Any]) -> dict[Index, Any]:
            return {index: value for index, value in table.items() if index not in indices}

        return attrs.evolve(
            self,
            counts={device: others(counts) for device, counts in self.counts.items()},
            host_numbers=others(self.host_numbers),
            wrapped={name: tables.without(indices) for name, tables in self.wrapped.items()},
        )

    def set_in(self, optimizer: Updatable, outer: Tally | None = None, *, settings: bool) -> None:
        """Set the tables. A wrapping optimizer without tables of its own reads those of the wrapped one.

        Args:
            optimizer: the optimizer.
            outer: the tally of the optimizer that it is part of, which may count for it.
            settings: whether to set the multipliers, too.
        """
        if (tally := tally_of(optimizer)) is not None:
            for name in ("lr_mult", "wd_mult") if settings else ():
                if getattr(optimizer, name) != getattr(self, name):  # otherwise it may be a table that others share
                    setattr(optimizer, name, Watched(getattr(self, name)))
            if tally is outer:
                return
            optimizer.num_update = self.num_update
            optimizer.host_numbers = self.host_numbers
            optimizer.model_numbers.clear()
            optimizer.model_numbers.update(self.model_numbers)
        tables = optimizer._all_index_update_counts
        for device in {*tables, *self.counts}:
            counts = tables.setdefault(device, Counts())
            counts.clear()
            counts.update(self.counts.get(device, {}))
        here = within(optimizer)
        for name, inner in self.wrapped.items():
            inner.set_in(levels(here[name])[-1], tally, settings=settings)


def host_numbers(saved: Place) -> dict[Index, dict[str, float]]:
    """Return the host numbers that a file has for an optimizer, by the indices of the file."""
    pairs = [pair.list(2) for pair in saved["host_numbers"].list()]
    found = {decode_key(key): {slot: one.number() for slot, one in numbers.items()} for key, numbers in pairs}
    if len(found) != len(pairs):
        raise saved["host_numbers"].error("a table with one value for each key")
    return found


def _device(text: str, place: Place) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{place.where}: a device must be an integer of at least 0")
    return int(text)


def _multiplier(place: Place) -> float:
    if not 0 <= place.number() < math.inf:
        raise place.error("a finite number of at least 0")
    return place.number()


def _unkept(optimizer: Updatable, host: Mapping[Index, Mapping[str, Any]], model: Mapping[str, Any]) -> list[str]:
    """List where the numbers of parameters, and of the whole model, are not those of the rule."""
    if not traits_of(optimizer).runs_rule:
        return []
    slots = [slot for slot in optimizer.state_slots() if slot.on_host]
    own, shared = ({slot.name for slot in slots if slot.of_model is of_model} for of_model in (False, True))
    odd = {tuple(sorted(numbers)) for numbers in host.values() if numbers.keys() != own}
    found = [f"it has the host numbers {', '.join(one) or 'none'}, but the updater {sorted(own)}" for one in odd]
    if model and model.keys() != shared:
        found.append(f"it has the numbers {', '.join(model)} for the whole model, but the updater {sorted(shared)}")
    return found
