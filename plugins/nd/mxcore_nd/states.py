"""The states that MXNet's updaters wrote, ``.states``, as states of ours."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

import mxcore as mx
from mxcore.state.manifest import slot_names
from mxcore.step import depth_of
from mxcore_nd import pickles
from mxcore_nd.pickles import Held, Record

__all__ = ["converted"]

_logger = logging.getLogger(__name__)

_OPTIMIZERS = {
    "AdaDelta", "AdaGrad", "Adam", "Adamax", "DCASGD", "FTML", "Ftrl", "GroupAdaGrad", "LAMB", "LARS", "LBSGD", "NAG",
    "Nadam", "RMSProp", "SGD", "SGLD", "Signum", "ccSGD",
}  # fmt: skip
_MASTER_LAST = ("SGD", "NAG", "LARS", "LBSGD")
"""The classes whose states MXNet keeps as (state, master); all others have (master, state)."""
_RENAMED = {"float_stable_eps": "eps"}
_OFF = ("clip_gradient", "clip_weights", "lower_bound", "upper_bound")
"""The settings that MXNet ignores unless they are above 0."""
_TABLES = ("idx2name", "lr_scheduler", "sym_info", "param_dict", "lr_mult", "wd_mult", "lr")
_DEEPEST, _MOST = 8, 2**53


def converted(data: bytes, source: str, updater: Any) -> bytes:
    """Return what ``get_states`` of an updater would return if it had the state in a file of MXNet.

    Args:
        data: the pickle that the file holds: states by index, or a pair of these and the optimizer.
        source: the file, for messages.
        updater: the updater that is to have the state; it is not changed.

    Raises:
        ValueError: the pickle is damaged or has anything else, or the state does not fit the optimizer.
    """
    optimizer = updater.optimizer
    own = [type(one).__name__ for one in (optimizer, optimizer.lr_scheduler) if one is not None]
    found = pickles.parse(data, source, own)
    is_pair = type(found) is tuple and len(found) == 2
    states, record = found if is_pair else (found, None)
    if type(states) is not dict or not (record is None or type(record) is Record):
        raise ValueError(f"{source} is not a state of MXNet's updater: it has no dict of states by index")
    try:
        if record is None:
            shadow = copy.copy(updater)
        else:
            optimizer = _optimizer(record, updater.optimizer)
            shadow = mx.optimizer.get_updater(optimizer)
        names = _Names(optimizer.idx2name or updater.optimizer.idx2name)
        shadow.worker_states = {}
        sums = {} if record is None else record.attributes.get("cumgrads", {})
        shadow.states = names.by_index(_states(states, optimizer, sums))
        if record is not None:
            _count(shadow, record.attributes, names)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{source}: MXNet's state does not fit: {why:.300}") from None
    counts = "and the counts" if record else "but no counts: bias correction and schedules go on from this updater's"
    _logger.info("%s: read the states of %d parameters in MXNet's format, %s", source, len(states), counts)
    return bytes(shadow.get_states(dump_optimizer=record is not None))


# --- states ----------------------------------------------------------------------------------------------------------


class _Names:
    """The names of parameters, and their indices in the tables of a file."""

    def __init__(self, names: Mapping[Any, str]) -> None:
        self._indices = {name: index for index, name in names.items()}

    def by_index(self, table: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return a table by index, where the file may have names, or the indices of a Module on several devices."""
        keys = [key.decode() if isinstance(key, bytes) else key for key in table]
        found = dict(zip([self._indices.get(key, key) for key in keys], table.values(), strict=True))
        if len(found) < len(table):
            raise ValueError("it has several entries for the same parameter")
        return _of_first_device(found, len(self._indices))


def _of_first_device(table: Mapping[Any, Any], known: int) -> dict[Any, Any]:
    """Return a table by index without the copies that a Module has on all but the first of several devices.

    Args:
        table: by index, or by ``index * devices + device``.
        known: the number of parameters; 0 if it is not known.
    """
    devices = len(table) // max(known, 1)
    if not known or len(table) != known * devices or {*table} != {*range(len(table))}:
        return dict(table)
    return {key // devices: value for key, value in table.items() if key % devices == 0}


def _states(states: Mapping[Any, Any], optimizer: Any, sums: Any) -> dict[Any, Any]:
    """Return the states of MXNet as an optimizer keeps them; ``sums`` has what LBSGD has summed up."""
    if depth_of(optimizer):
        raise ValueError(f"{type(optimizer).__name__} wraps another optimizer, which MXNet's optimizers don't")
    seen: set[int] = set()
    plain = {key: _plain(state, seen) for key, state in states.items()}
    slots = slot_names(optimizer)
    if slots is None:
        return plain
    totals = _plain(sums, seen)
    found = {}
    for key, state in plain.items():
        total = totals[key]["cum_grad"] if key in totals else None
        found[key] = _kept(state, optimizer, slots, total)
    return {key: kept for key, kept in found.items() if kept is not None or not slots}


def _plain(value: Any, seen: set[int], depth: int = 0) -> Any:
    """Return a state with its arrays; each of them, and each container, may occur once, as they do in MXNet's files."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if type(value) not in (Held, tuple, list, dict) or depth > _DEEPEST:
        raise ValueError(f"a state has a {type(value).__name__}, or is nested too deeply")
    if id(value) in seen and value != ():
        raise ValueError("an array, or a list of them, is the state of two parameters")
    seen.add(id(value))
    if isinstance(value, Held):
        return np.zeros(0, np.float32) if value.value is None else value.value
    if isinstance(value, dict):
        return {key: _plain(one, seen, depth + 1) for key, one in value.items()}
    return type(value)(_plain(one, seen, depth + 1) for one in value)


def _kept(state: Any, optimizer: Any, slots: Sequence[str], total: Any) -> Any:
    """Return the state of a parameter as an optimizer with slots keeps it; None if there is nothing to keep.

    Args:
        state: the state of MXNet.
        optimizer: the optimizer.
        slots: the names of its slots.
        total: the sum of the parameter's gradients; a number for none.
    """
    wanted = [name for name in slots if name != "gradient_sum"]  # which LBSGD keeps elsewhere in MXNet
    master, inner = _split(state, optimizer, len(wanted))
    arrays = [one for one in (inner if isinstance(inner, (tuple, list)) else (inner,)) if one is not None]
    if len(arrays) != len(wanted) or not all(isinstance(one, np.ndarray) for one in arrays):
        if not type(optimizer).__module__.startswith("mxcore"):
            return state  # of a class of the program, which may keep anything
        kept = ", ".join(wanted) or "nothing"
        raise ValueError(
            f"it has {len(arrays)} arrays for a parameter, but {type(optimizer).__name__} keeps {kept} with its "
            "present settings: create it with those of the run that wrote the file"
        )
    if len(wanted) < len(slots):
        like = next((one for one in (master, *arrays, total) if hasattr(one, "shape")), None)
        if like is None:
            return None
        arrays.append(np.zeros_like(like))
        arrays[-1][...] = 0 if total is None else total
    packed = tuple(arrays) if len(arrays) > 1 else arrays[0] if arrays else None
    return packed if master is None else (master, packed)


def _split(state: Any, optimizer: Any, count: int) -> tuple[Any, Any]:
    """Return the master of a weight, or None, and the state without it."""
    if not (isinstance(state, tuple) and len(state) == 2):
        return None, state
    first, second = state
    if any(cls.__name__ in _MASTER_LAST for cls in type(optimizer).__mro__):
        return second, first
    has_master = isinstance(second, (tuple, list)) or (count < 2 and first is not None)
    return (first, second) if has_master else (None, state)


# --- the optimizer ---------------------------------------------------------------------------------------------------


def _optimizer(record: Record, present: Any) -> Any:
    """Return a new optimizer with the settings of one that MXNet has written, and with the others of ``present``."""
    attributes, own = record.attributes, type(present)
    if record.name != own.__name__ and record.name not in _OPTIMIZERS:
        raise ValueError(f"it was written by {record.name}, which is not one of MXNet's optimizers")
    scheduler = _scheduler(attributes.get("lr_scheduler"), present.lr_scheduler)
    if record.name == own.__name__ and not own.__module__.startswith("mxcore"):
        found = copy.deepcopy(present)
        _assign(found, attributes)
        found.lr_scheduler = scheduler
    else:
        cls: Any = own if record.name == own.__name__ else type(mx.optimizer.create(record.name))
        given = _arguments(cls, attributes, present if cls is own else None)
        if scheduler is None:
            found = cls(**given, learning_rate=attributes.get("lr"))
        else:
            found = cls(**given, lr_scheduler=scheduler)
            found.lr = _setting("lr", attributes.get("lr"))
    names = _table(attributes, "idx2name", str)
    found.set_names(_of_first_device(names, len({*names.values()})))
    found.lr_mult, found.wd_mult = (_table(attributes, name, (int, float)) for name in ("lr_mult", "wd_mult"))
    return found


def _arguments(cls: Any, attributes: Mapping[Any, Any], present: Any) -> dict[str, Any]:
    """Return the arguments that make an optimizer with the settings of a file."""
    saved = {_RENAMED.get(name, name): value for name, value in attributes.items()}
    if "init_updates" in saved:  # LBSGD
        saved["begin_epoch"] = saved["init_updates"] // max(saved.get("updates_per_epoch", 1), 1)
    given = {}
    for field in attrs.fields(cls):
        if not field.init or field.name in _TABLES:
            continue
        if field.name in saved:
            given[field.alias] = _setting(field.name, saved[field.name])
        elif present is not None:
            given[field.alias] = getattr(present, field.name)
    return given


def _setting(name: str, value: Any) -> Any:
    value = value.value if isinstance(value, Held) else value
    if not (value is None or isinstance(value, (bool, int, float, str)) or getattr(value, "size", 0) == 1):
        raise ValueError(f"{name} is a {type(value).__name__}, not a number")
    return None if name in _OFF and value is not None and not value > 0 else value


def _assign(instance: Any, attributes: Mapping[Any, Any]) -> None:
    """Set those public attributes of an instance that are numbers, or strings, both there and in a file."""
    kinds = (bool, (int, float, type(None)), (str, type(None)))
    for name, kept in list(vars(instance).items()):
        value = attributes.get(name, instance)
        if not name.startswith("_") and any(isinstance(kept, kind) and isinstance(value, kind) for kind in kinds):
            setattr(instance, name, value)


def _table(attributes: Mapping[Any, Any], name: str, kind: Any) -> dict[Any, Any]:
    found = attributes.get(name, {})
    if type(found) is not dict or not all(isinstance(value, kind) for value in found.values()):
        raise ValueError(f"its {name} is not a table")
    return found


def _scheduler(record: Any, present: Any) -> Any:
    """Return a new scheduler like one that MXNet has written."""
    if record is None:
        return None
    if type(record) is not Record:
        raise ValueError("its lr_scheduler is not one of MXNet's")
    saved = record.attributes
    common = {name: saved[name] for name in ("warmup_steps", "warmup_begin_lr", "warmup_mode") if name in saved}
    rate, factor, schedulers = saved.get("base_lr"), saved.get("factor"), mx.lr_scheduler
    match record.name:
        case "FactorScheduler":  # it lowers its base_lr as it goes
            drops = saved["count"] // saved["step"]
            own = {name: saved[name] for name in ("step", "factor", "stop_factor_lr")}
            return schedulers.FactorScheduler(**own, base_lr=rate / factor**drops, **common)
        case "MultiFactorScheduler":
            own = {name: saved[name] for name in ("step", "factor")}
            return schedulers.MultiFactorScheduler(**own, base_lr=rate / factor ** saved["cur_step_ind"], **common)
        case "PolyScheduler" | "CosineScheduler":
            own = {name: saved[name] for name in ("max_update", "final_lr")}
            own |= {"pwr": saved["power"]} if record.name == "PolyScheduler" else {}
            return getattr(schedulers, record.name)(**own, base_lr=saved["base_lr_orig"], **common)
    if record.name != type(present).__name__:
        raise ValueError(f"its lr_scheduler is a {record.name}, which is not one of MXNet's")
    found = copy.deepcopy(present)
    _assign(found, saved)
    return found


# --- counts ----------------------------------------------------------------------------------------------------------


def _count(updater: Any, attributes: Mapping[Any, Any], names: _Names) -> None:
    """Give an updater the update counts of MXNet's optimizer, and the numbers that follow from them."""
    optimizer, tally = updater.optimizer, updater.tally
    devices = attributes.get("_all_index_update_counts", {0: attributes.get("_index_update_count", {})})
    if type(devices) is not dict:
        raise ValueError("its update counts are not a table")
    counts: dict[Any, int] = {}
    for table in devices.values():
        for index, count in _table({"counts": table}, "counts", int).items():
            counts[index] = max(_checked(count), counts.get(index, 0))
    counts = names.by_index(counts)
    tally.table.update(counts)
    tally.highest.value = _checked(attributes.get("num_update", 0))
    kept = {slot.name for slot in optimizer.state_slots() if slot.on_host}
    for index, count in counts.items() if kept else ():
        if "product" in kept:  # of Nadam, from its definition: MXNet has a single one for all parameters
            steps = np.arange(1, min(count, 10**6) + 1)
            momenta = optimizer.beta1 * (1 - 0.5 * 0.96 ** (steps * optimizer.schedule_decay))
            tally.host_numbers[index] = {"product": float(np.prod(momenta))}
        elif "last_lr" in kept:
            tally.host_numbers[index] = {"last_lr": float(attributes.get("last_lr") or 0.0)}


def _checked(count: Any) -> int:
    if type(count) is not int or not 0 <= count < _MOST:
        raise ValueError("an update count is not an integer of at least 0")
    return count
