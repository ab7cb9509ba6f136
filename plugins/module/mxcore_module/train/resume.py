"""Resume a stopped run: its options, and whether they still lead to the same run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from mxcore_module.train.errors import InputError
from mxcore_module.train.report import CONFIG, as_json

__all__ = ["Stopped"]


@attrs.frozen
class Stopped:
    """An existing run, as described by its ``config.json``."""

    path: Path
    config: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Stopped:
        """Read the run in a folder.

        Raises:
            InputError: there is no run in it.
        """
        try:
            config = json.loads((path / CONFIG).read_bytes())
            config["options"]["hidden"] = tuple(config["options"]["hidden"])
            config["seed"] = int(config["seed"])
        except OSError as error:
            why = f"{CONFIG} cannot be read: {error.strerror or error}"
            raise InputError(f"there is no run to resume in {str(path)!r}: {why}") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise InputError(f"{str(path / CONFIG)!r} was not written by `mxcore train`: cannot resume it") from None
        return cls(path, config)

    def options(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of the run.

        Args:
            known: the existing options, by name.

        Raises:
            InputError: the run has other options.
        """
        options: dict[str, Any] = self.config["options"]
        if options.keys() != known.keys():
            raise InputError(f"the run in {str(self.path)!r} was created by another version of mxcore-module")
        return options

    def compare(self, config: Mapping[str, Any]) -> list[str]:
        """Return warnings for versions that have changed since the run was started.

        Args:
            config: the description of the run to be resumed, from :func:`~mxcore_module.train.report.configuration`.

        Raises:
            InputError: something else differs, so that it would be a different run.
        """
        today = json.loads(as_json(dict(config)))
        changed = list(_differences(dict(self.config), today))
        versions = [change for change in changed if change[0].startswith("versions.")]
        if others := [change for change in changed if change not in versions]:
            name, before, now = others[0]
            raise InputError(
                f"this would be a different run from that in {str(self.path)!r}: {name} was {before}, is now {now}"
            )
        return [f"{name.removeprefix('versions.')} was {before}, is now {now}" for name, before, now in versions]


def _differences(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the name of each entry that differs, and its two values as JSON."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            yield from _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif (old := json.dumps(before)) != (new := json.dumps(now)):
        yield name, old, new
