"""Plans by layout: parameters that lie alike share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mxcore.backend import Backend
from mxcore.kernel import Member, Plan, Program, in_use, plan_of

_LIMIT = 256


class Plans:
    """Makes plans, and keeps those that do for other parameters too, as long as they are not too many."""

    def __init__(self) -> None:
        self._kept: dict[Any, Plan] = {}

    def plan(self, backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> Plan:
        """A plan of a rule over these parameters; see :class:`mxcore.kernel.Plan`."""
        noise = tuple(member.noise_key for member in members) if program.takes("noise") else ()
        layouts = tuple(member.layouts for member in members)
        key = (backend.name, in_use(), program, tuple(sorted(static.items())), noise, layouts)
        plan = self._kept.pop(key, None)
        if plan is None:
            plan = plan_of(backend, program, static, members)
        if plan.shared:
            self._kept[key] = plan
            if len(self._kept) > _LIMIT:
                del self._kept[next(iter(self._kept))]
        return plan


def grouped(backend: Backend, members: Sequence[Member]) -> list[list[int]]:
    """The places of those members that can run in one pass."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, member in enumerate(members):
        static = tuple(sorted(member.static.items()))
        kind = (backend.device_of(member.weight), member.weight.dtype, member.computed.dtype, static)
        groups.setdefault(kind, []).append(place)
    return list(groups.values())
