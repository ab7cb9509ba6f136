"""What an optimizer shows of the counts, which belong to the updater that is running or ran last."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

from mxcore.step.counts import Counting, Counts, Tally
from mxcore.step.protocol import Index
from mxcore.watched import Watched


class Counted:
    """Counts as attributes of an optimizer: those of an updater, or its own where there is none."""

    begin_num_update: int
    _counting: Counting

    @property
    def num_update(self) -> int:
        """The highest count of updates."""
        return int(self._counting.tally.highest.value)

    @num_update.setter
    def num_update(self, count: int) -> None:
        if getattr(self, "_counting", None) is None:
            self._counting = Counting(Tally())  # assigned before the base class's constructor has been called
        self._counting.tally.highest.value = count

    @property
    def _index_update_count(self) -> MutableMapping[Index, int]:
        """How often each parameter has been updated."""
        return self._counting.tally.table

    @_index_update_count.setter
    def _index_update_count(self, counts: MutableMapping[Index, int]) -> None:
        tally = self._counting.tally
        device = next(number for number, table in tally.tables.items() if table is tally.table)
        tally.tables[device] = tally.table = counts

    @property
    def _all_index_update_counts(self) -> dict[int, MutableMapping[Index, int]]:
        """The same for each device."""
        return self._counting.tally.tables

    @property
    def host_numbers(self) -> dict[Index, dict[str, float]]:
        """The numbers that the rule keeps for each parameter."""
        return self._counting.tally.host_numbers

    @host_numbers.setter
    def host_numbers(self, numbers: Mapping[Index, dict[str, float]]) -> None:
        self._counting.tally.host_numbers = Watched(numbers)

    def _update_count(self, index: Index | Sequence[Index]) -> None:
        """Count an update of a parameter, or of several."""
        counts = self._index_update_count
        for one in index if isinstance(index, (list, tuple)) else (index,):
            count = counts[one] = counts.get(one, self.begin_num_update) + 1
            self.num_update = max(count, self.num_update)

    def _set_current_context(self, device_id: int) -> None:
        """Count for one device, so that several which share an optimizer do not count double."""
        tally = self._counting.tally
        tally.table = tally.tables.setdefault(device_id, Counts())
