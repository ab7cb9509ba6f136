"""Calls of actors that may be lost and restarted at any moment."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from mxcore_kvstore_ray.records import NAMESPACE

PAUSE = 0.1
"""Seconds between two tries."""


class Calls:
    """Calls actors by name until they answer.

    Args:
        timeout: how many seconds to try.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._handles: dict[str, Any] = {}

    def once(self, name: str, method: str, *arguments: Any, timeout: float) -> None:
        """Call a method of an actor that may be gone, which does not matter."""
        with contextlib.suppress(LookupError, RayError):
            ray.get(getattr(self.handle(name), method).remote(*arguments), timeout=timeout)

    def __call__(self, name: str, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Return what a method of an actor returns.

        Args:
            name: the name of the actor.
            method: the method, which must do no harm if it is called twice.
            arguments: its arguments.
            timeout: how many seconds to try; by default that of all calls, and as much again for what waits in the
                actor, so that its own error comes first.

        Raises:
            TimeoutError: there was no answer.
            Exception: what the method has raised.
        """
        wait = 2 * self.timeout + 5 if timeout is None else timeout
        deadline = time.monotonic() + wait
        while True:
            try:
                left = max(deadline - time.monotonic(), 0.0)
                return ray.get(getattr(self.handle(name), method).remote(*arguments), timeout=left)
            except GetTimeoutError:
                break
            except RayTaskError as error:
                raise (error.cause or error) from None
            except (RayActorError, LookupError):
                self._handles.pop(name, None)
                if time.monotonic() + PAUSE > deadline:
                    break
                time.sleep(PAUSE)
        raise TimeoutError(f"{name} did not answer within {wait:g} s: is the Ray cluster still up?")

    def handle(self, name: str) -> Any:
        """Return the handle of an actor.

        Raises:
            LookupError: there is no such actor.
        """
        if name not in self._handles:
            try:
                self._handles[name] = ray.get_actor(name, namespace=NAMESPACE)
            except ValueError as error:
                raise LookupError(str(error)) from None
        return self._handles[name]

    def kill(self, name: str) -> None:
        """End an actor, which is not restarted then."""
        with contextlib.suppress(LookupError, RayActorError):
            ray.kill(self.handle(name), no_restart=True)
        self._handles.pop(name, None)
