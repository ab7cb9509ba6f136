"""Restore an updater from a saved state: first check whether all of it fits, and only then change anything."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

import attrs

from mxcore import random
from mxcore.backend import Array, Host, backend_of
from mxcore.catalogue.registry import registry_for
from mxcore.groups import Groups
from mxcore.nested import replace_members
from mxcore.state.entries import Entry, Tables, host_numbers, indices, unfit, unlike, wrong_slots
from mxcore.state.foreign import converted
from mxcore.state.manifest import FORMAT, provenance, within
from mxcore.state.packing import unpack
from mxcore.state.parts import (
    overwrite_part,
    overwritten_groups,
    read_accumulated,
    settled_groups,
    settled_part,
    settled_parts,
)
from mxcore.state.place import Place
from mxcore.state.settings import assign, has_text, is_converted, numbers_of, parts_of, settings_of
from mxcore.state.tensorfile import parse
from mxcore.state.upgrade import other_versions, upgraded
from mxcore.step import WRAPPED, Counting, Tally, adopted, count_in, levels
from mxcore.step.protocol import Run, Updatable
from mxcore.watched import Version

_OWN = {"_counting", "_settings_version", "_tables_version"}
"""What a copy of an optimizer does not share, so that trying settings on it has no side effects."""


@attrs.frozen
class Wanted:
    """What to take from a file.

    Args:
        optimizer: whether to take the class of the optimizer; None lets the file decide.
        settings: whether to take the hyper-parameters, schedules, groups and multipliers.
        strict: whether everything has to fit; otherwise what does not fit is left out.
    """

    optimizer: bool | None = None
    settings: bool = True
    strict: bool = True


def restore(
    updaters: Mapping[str | None, Run],
    file: BinaryIO | bytes,
    params: Mapping[str, Array] | None = None,
    source: str = "the saved state",
    wanted: Wanted | None = None,
) -> dict[str, Host]:
    """Restore updaters from a file of :func:`mxcore.state.dump`; see :func:`mxcore.load_state`.

    Args:
        updaters: the updaters, by name; a single one has the name None.
        file: an open file, or its bytes.
        params: arrays to fill.
        source: the file, for messages.
        wanted: what to take from the file.
    """
    for updater in updaters.values():
        updater.check_between_steps("nothing can be loaded")
    arrays, manifest = parse(converted(file, source, updaters.get(None)), source)
    if (found := manifest.table().get("format")) != FORMAT:
        raise ValueError(f"{source} has state format {found!r}, but this version of mxcore reads {FORMAT}")
    given, wanted = params or {}, wanted or Wanted()
    described = _parts(manifest, updaters, source)
    reading = [_Restoration(updater, described[name], arrays, wanted) for name, updater in updaters.items()]
    saved = {name: unpack(entry, arrays) for name, entry in manifest["params"].items()}
    misfits = _misfits(given, saved)
    stream = {name: manifest["random"][name].value for name in ("seed", "position")}
    problems = [problem for one in reading for problem in one.check({**saved, **given}, wanted.strict)]
    problems += random.faults(stream) + ([problem for _, problem in misfits] if wanted.strict else [])
    if problems:
        raise ValueError(f"{source} does not fit this updater:\n- " + "\n- ".join(problems))
    left_out = [problem for one in reading for problem in one.left_out]
    left_out += [problem for _, problem in misfits] if not wanted.strict else []
    if left_out:
        warnings.warn("left out:\n- " + "\n- ".join(left_out), UserWarning, stacklevel=3)
    if changes := [change for one in reading for change in _changes(one.updater.optimizer, one.optimizer)]:
        warnings.warn(f"taken from the file: {', '.join(changes)}", UserWarning, stacklevel=3)
    # From here on, nothing can fail.
    for one in reading:
        one.carry_out(wanted)
    random.set_state(stream)
    unfit = {name for name, _ in misfits}
    for name, array in given.items():
        if name not in unfit:
            backend_of(array).fill(array, saved[name])
    return saved


def _parts(manifest: Place, updaters: Mapping[str | None, Run], source: str) -> dict[str | None, Place]:
    """Return the part of a file that belongs to each updater."""
    if "updaters" not in manifest:
        found: dict[str | None, Place] = {None: manifest}
    else:
        found = dict(manifest["updaters"].items())
    if found.keys() != updaters.keys():
        there, here = ([name for name in names if name is not None] for names in (found, updaters))
        known = f"several updaters, {there}" if there else "one updater"
        asked = f"those of {here}" if here else "one"
        raise ValueError(
            f"{source} has the state of {known}, but {asked} is to be loaded: pass a dict of the same names"
        )
    return found


class _Restoration:
    """What a file has for one updater, read before anything changes.

    Args:
        updater: the updater.
        manifest: the part of the file.
        arrays: the arrays of the file.
        wanted: what to take.
    """

    def __init__(self, updater: Run, manifest: Place, arrays: dict[str, Host], wanted: Wanted) -> None:
        self.updater, self._problems = updater, list[str]()
        self.left_out: list[str] = []
        described = manifest["optimizer"]
        anew = manifest["restore_optimizer"].flag() if wanted.optimizer is None else wanted.optimizer
        self.optimizer = _settled(updater.optimizer, described, anew, wanted.settings, self._problems)
        chain = [described]
        while "schedule" not in chain[-1]:  # a wrapper leaves it, and the counts, to the optimizer inside
            chain.append(chain[-1]["wrapped"][WRAPPED])
        entries = [Entry.read(place, arrays, len(chain) - 1) for place in manifest["states"].list()]
        host = host_numbers(chain[-1])
        if not self._problems:
            entries = upgraded(levels(self.optimizer), chain, entries, host, self._problems)
            self._problems += other_versions(levels(self.optimizer)[-1], chain[-1])
        self._placed = dict(zip(indices(self.optimizer, entries, self._problems), entries, strict=True))
        renumbered = {entry.index: index for index, entry in self._placed.items()}
        self._tables = Tables.read(chain[-1], host, renumbered, self.optimizer, self._problems)
        by_name = {name: index for index, name in updater.optimizer.idx2name.items()}
        older = "accumulated" not in manifest
        self._accumulated = {} if older else read_accumulated(manifest["accumulated"], arrays, by_name)
        self._skipped = 0 if older else manifest["skipped"].count()

    def check(self, params: Mapping[str, Any], strict: bool) -> list[str]:
        """Return what does not fit; if not strict, the states that do not fit are left out instead."""
        # Another class starts from scratch.
        present = self.updater.states if type(self.optimizer) is type(self.updater.optimizer) else {}
        slots = wrong_slots(self.optimizer, self._placed.values())
        wrong = {} if slots else unfit(self.optimizer, self._placed, present, params)
        found = [problem for problems in wrong.values() for problem in problems]
        if strict:
            return self._problems + slots + found
        self.left_out = found
        self._placed = {index: entry for index, entry in self._placed.items() if index not in wrong}
        self._tables = self._tables.without(wrong)
        missing = [index for index in self.updater.states if index not in self._placed and index not in wrong]
        self.left_out += [f"it has no state of {self.optimizer.describe(index)}" for index in missing]
        return self._problems + slots

    def carry_out(self, wanted: Wanted) -> None:
        """Change the updater."""
        updater, optimizer = self.updater, self.optimizer
        if type(optimizer) is type(updater.optimizer):
            _overwrite(updater.optimizer, optimizer)
        else:
            adopted(optimizer)
            updater.optimizer = optimizer
        count_in(updater.optimizer, updater.tally)
        self._tables.set_in(levels(updater.optimizer)[-1], settings=wanted.settings)
        updater.states = {index: entry.state for index, entry in self._placed.items()}
        workers = {index: entry.workers for index, entry in self._placed.items()}
        updater.worker_states = {index: kept for index, kept in workers.items() if kept is not None}
        updater.states_synced = dict.fromkeys(self._placed, False)
        updater.gate.accumulation.restore(self._accumulated)
        updater.gate.skipped = self._skipped


def _settled(
    optimizer: Updatable, saved: Place, may_change_class: bool, settings: bool, problems: list[str]
) -> Updatable:
    """Return a copy of the optimizer with the settings and schedules of the file, or itself if these are not wanted."""
    name = saved["name"].text()
    if name != registry_for("optimizer").name_of(type(optimizer)) and may_change_class:
        return _recreated(optimizer, saved, problems)
    found = _with_settings(optimizer, saved, problems if settings else [])
    if not settings:
        problems += _another_class(optimizer, saved)
    return found if settings else optimizer


def _recreated(former: Updatable, saved: Place, problems: list[str]) -> Updatable:
    """Create an optimizer of the saved class for the parameters of the former one."""
    given: dict[str, Any] = {"param_idx2name": former.idx2name, "param_dict": former.param_dict}
    try:
        created = _optimizer(saved, given)
    except Exception as error:  # a user's constructor may raise anything
        problems.append(f"its optimizer cannot be created: {error}")
        return former
    created.sym_info = former.sym_info
    return _with_settings(created, saved, problems)


def _optimizer(saved: Place, given: dict[str, Any]) -> Updatable:
    """Create an optimizer, and those in it."""
    given = dict(given)
    if "schedule" not in saved:  # a wrapper leaves it to the optimizer inside
        given = {WRAPPED: _optimizer(saved["wrapped"][WRAPPED], given)}
        return cast("Updatable", _created("optimizer", saved, given))
    if saved["schedule"].value is not None:
        given = {**given, "lr_scheduler": _scheduler(saved["schedule"])}
    for name, inner in saved["wrapped"].items():
        attribute, _, place = name.partition("/")
        if place:
            given.setdefault(attribute, []).append(_optimizer(inner, {}))
    return cast("Updatable", _created("optimizer", saved, given))


def _scheduler(saved: Place) -> Any:
    """Create a scheduler, and those in it."""
    given: dict[str, Any] = {}
    for name, inner in saved["parts"].items() if "parts" in saved else ():
        attribute, _, place = name.partition("/")
        if place:
            given.setdefault(attribute, []).append(_scheduler(inner))
        else:
            given[attribute] = _scheduler(inner)
    return _created("lr_scheduler", saved, given)


def _created(kind: str, saved: Place, given: dict[str, Any]) -> Any:
    """Create an instance of a class that is already imported: a file must not trigger an import."""
    cls: Any = registry_for(kind).imported(saved["name"].text())
    if cls is None:
        raise ValueError(
            f"it was saved with the {kind} {saved['name'].text()!r}, which is not imported: a file does not import it. "
            f"If you trust it, use the class once before you load, as in mx.{kind}.create"
        )
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    # The others are set later, when the instance can tell their types.
    required = [field for field in fields if field.init and field.default is attrs.NOTHING and field.alias not in given]
    values = {field: saved["settings"][field.name].value for field in required}
    # A custom converter may turn a string into anything, such as the class of that name.
    safe = {field: value for field, value in values.items() if not (is_converted(field) and has_text(value))}
    return cls(**{field.alias: value for field, value in safe.items()}, **given)


def _another_class(optimizer: Updatable, saved: Place) -> list[str]:
    """Say so if a file was saved by another class."""
    own = provenance(optimizer, "optimizer")
    there = {"name": saved["name"].text(), "distribution": saved["distribution"].text_or_none()}
    if (there["name"], there["distribution"]) == (own["name"], own["distribution"]):
        return []
    of = [f"{one['name']!r}" + f" of {one['distribution']}" * bool(one["distribution"]) for one in (there, own)]
    return [f"it was saved by the optimizer {of[0]}, but the updater has {of[1]}"]


def _with_settings(optimizer: Updatable, saved: Place, problems: list[str]) -> Updatable:
    if others := _another_class(optimizer, saved):
        problems += others
        return optimizer
    # A shallow copy without calling the optimizer: one that delegates to another may not be able to answer yet.
    settled = object.__new__(type(optimizer))
    fresh = {"_counting": Counting(Tally()), "_settings_version": Version(), "_tables_version": Version()}
    vars(settled).update(vars(optimizer), **{name: value for name, value in fresh.items() if name in vars(optimizer)})
    if optimizer._inner is None:
        vars(settled)["lr_scheduler"] = settled_part(
            optimizer.lr_scheduler, saved["schedule"], "lr_scheduler", problems
        )
    if "parts" in saved:  # not in files of older versions
        vars(settled).update(settled_parts(parts_of(numbers_of(optimizer)), saved["parts"], "", problems))
    wrapped = within(optimizer)
    if (names := {name for name, _ in saved["wrapped"].items()}) != set(wrapped):
        problems.append(f"its wrapped optimizers are {sorted(names)}, but the updater's are {sorted(wrapped)}")
        return settled
    replace_members(
        settled, {name: _with_settings(wrapped[name], inner, problems) for name, inner in saved["wrapped"].items()}
    )
    assign(settled, saved["settings"], problems)
    if "groups" in saved:
        vars(settled)["groups"] = settled_groups(settled, saved["groups"], problems)
    return settled


def _misfits(params: Mapping[str, Array], saved: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the names of params that cannot be filled, each with the reason."""
    found = [(name, f"it has no params {name!r}") for name in params if name not in saved]
    locked = [name for name, one in params.items() if not backend_of(one).is_writable(one)]
    found += [(name, f"params {name!r} are read-only") for name in locked]
    differ = unlike(params, saved)
    return found + [
        (name, f"params {name!r} are {here[0]}, in the file {', '.join(there)}") for name, here, there in differ
    ]


def _changes(before: Updatable, after: Updatable) -> list[str]:
    if type(before) is not type(after):
        return [f"the optimizer, now {type(after).__name__}"]
    old, new = settings_of(before), settings_of(after)
    if after._inner is None:
        old, new = {**old, "groups": before.groups}, {**new, "groups": after.groups}
    found = [f"{name} = {new[name]!r} (not {old.get(name)!r})" for name in new if not _same(new[name], old.get(name))]
    now = within(after)
    return found + [change for name, one in within(before).items() for change in _changes(one, now[name])]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Groups) and isinstance(other, Groups):
        one, other = _without_schedules(one), _without_schedules(other)
    return bool(one == other) or (one != one and other != other)  # NaN to NaN is not a change


def _without_schedules(groups: Groups) -> dict[str, dict[str, Any]]:
    """Return groups with the class of each schedule: where a schedule is, like the weights, is no setting."""
    return {
        pattern: {name: type(value) if parts_of({name: value}) else value for name, value in settings.items()}
        for pattern, settings in groups.items()
    }


def _overwrite(optimizer: Updatable, settled: Updatable) -> None:
    """Copy what was loaded into the existing optimizer, its scheduler and what it wraps, keeping their identity."""
    inside: dict[str, list[tuple[Any, Any]]] = {}
    new = within(settled)
    for name, kept in within(optimizer).items():
        inside.setdefault(name.partition("/")[0], []).append((kept, new[name]))
    for name, value in vars(settled).items():
        kept = vars(optimizer).get(name)
        if name in inside:
            for one in inside[name]:
                _overwrite(*one)
        elif type(kept) is type(value) and parts_of({name: value}):
            overwrite_part(kept, value)
        elif name not in _OWN:
            is_kept = isinstance(value, Groups) and isinstance(kept, Groups)
            vars(optimizer)[name] = overwritten_groups(cast("Groups", kept), value) if is_kept else value
    if (version := vars(optimizer).get("_settings_version")) is not None:
        version.number += 1
        optimizer._assigned("groups")
