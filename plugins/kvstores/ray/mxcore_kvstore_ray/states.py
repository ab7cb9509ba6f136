"""The states of several servers as those of one updater."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxcore_kvstore_ray.travel import Packed, unpack


def merged(every: Sequence[bytes], packed: Packed, trust: bool) -> Any:
    """Return an updater that has the states of all servers.

    Args:
        every: the states of each server's updater.
        packed: the optimizer, as the servers have got it.
        trust: whether it may be pickled.
    """
    updaters = []
    for states in every:
        updater = unpack(packed if packed.pickled else packed._replace(data=states), trust)
        if packed.pickled:
            updater.set_states(states)
        updaters.append(updater)
    whole = updaters[0]
    for part in updaters[1:]:
        whole.states.update(part.states)
        whole.worker_states.update(part.worker_states)
        whole.states_synced.update(part.states_synced)
        for index, count in part.optimizer._index_update_count.items():
            whole.optimizer._index_update_count[index] = count
        whole.optimizer.host_numbers.update(part.optimizer.host_numbers)
    return whole
