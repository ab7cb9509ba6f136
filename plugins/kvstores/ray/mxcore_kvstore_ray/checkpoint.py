"""Checkpoints: one file for each server and update, complete or not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mxcore.backend import Host
from mxcore.kvstore import Key
from mxcore.state import load_arrays, save_arrays
from mxcore_kvstore_ray.records import Job
from mxcore_kvstore_ray.travel import Packed, unpack


class Folder:
    """The checkpoints of a job.

    Args:
        job: the job, which has a folder of checkpoints.
        index: the server whose checkpoints are written.
    """

    def __init__(self, job: Job, index: int) -> None:
        self.job, self.index = job, index
        self.path = Path(str(job.checkpoint))
        self.path.mkdir(parents=True, exist_ok=True)

    def file(self, updates: int) -> Path:
        """Return the file of this server after a number of updates."""
        return self.path / f"{self.job.name}-server{self.index}of{self.job.servers}-{updates}.safetensors"

    def updates(self, index: int) -> set[int]:
        """Return after how many updates a server has written its checkpoints."""
        pattern = re.compile(re.escape(f"{self.job.name}-server{index}of{self.job.servers}-") + r"(\d+)\.safetensors")
        return {int(found[1]) for path in self.path.iterdir() if (found := pattern.fullmatch(path.name))}

    def common(self) -> int | None:
        """Return the last number of updates of which all servers have a checkpoint."""
        every = set.intersection(*map(self.updates, range(self.job.servers)))
        return max(every, default=None)

    def latest(self) -> int | None:
        """Return the number of updates in the last checkpoint of this server."""
        return max(self.updates(self.index), default=None)

    def write(
        self, updates: int, about: Mapping[str, Any], weights: Mapping[Key, Host], updater: Any, packed: Packed | None
    ) -> None:
        """Write a checkpoint, and remove those that nobody needs.

        Args:
            updates: the number of updates.
            about: what to keep beside arrays, for JSON.
            weights: the weights by key.
            updater: the updater, or None.
            packed: its optimizer as it was sent, or None.
        """
        arrays = {f"weights/{place}": weight for place, weight in enumerate(weights.values())}
        about = {**about, "keys": list(weights), "optimizer": None}
        if packed is not None:
            about["optimizer"] = [packed.summary, packed.classes, list(packed.names.items()), packed.pickled]
            arrays["states"] = np.frombuffer(updater.get_states(dump_optimizer=True), np.uint8)
            if packed.pickled:
                arrays["optimizer"] = np.frombuffer(packed.data, np.uint8)
        save_arrays(self.file(updates), arrays, about)
        self._prune()

    def read(self, updates: int) -> tuple[dict[str, Any], dict[Key, Host], Any, Packed | None]:
        """Return what :meth:`write` has been given."""
        arrays, about = load_arrays(self.file(updates))
        weights = {key: np.array(arrays[f"weights/{place}"]) for place, key in enumerate(about.pop("keys"))}
        if (described := about.pop("optimizer")) is None:
            return about, weights, None, None
        summary, classes, names, pickled = described
        states = arrays["states"].tobytes()
        packed = Packed(
            summary,
            tuple((kind, name) for kind, name in classes),
            dict(names),
            arrays["optimizer"].tobytes() if pickled else states,
            pickled,
        )
        updater = unpack(packed, self.job.trust)
        if pickled:
            updater.set_states(states)
        return about, weights, updater, packed

    def discard_after(self, updates: int | None) -> None:
        """Remove the checkpoints of this server that are newer."""
        for number in self.updates(self.index):
            if updates is None or number > updates:
                self.file(number).unlink(missing_ok=True)

    def _prune(self) -> None:
        """Remove the checkpoints of this server that are older than the last one that all servers have."""
        needed = self.common() if self.job.synchronous else self.latest()
        for number in self.updates(self.index):
            if needed is not None and number < needed:
                self.file(number).unlink(missing_ok=True)
