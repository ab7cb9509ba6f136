"""The engine for parameters on a device whose optimizer is on the host: states and updates are there."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from mxcore_torch.memory import Memory, check_dense

__all__ = ["Offload"]

BUCKET = 16 * 2**20
"""How many bytes of parameters are updated before they are sent back, while the next ones are updated."""


class _Seen:
    """What a tensor was when it was copied: something else has been written to it since if it is no longer the same."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = weakref.ref(tensor)
        self._version = tensor.data_ptr(), tensor._version

    def is_still(self, tensor: torch.Tensor) -> bool:
        return self._version == (tensor.data_ptr(), tensor._version) and self._tensor() is tensor


class _Link:
    """Copies between a device and the host that go on beside what the device computes.

    Args:
        device: the device. If that is the host itself, copies are made at once.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = None if device.type == "cpu" else torch.Stream(device)

    def twin(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor on the host that has the shape, dtype and strides of another one."""
        return torch.empty_like(tensor, device="cpu", requires_grad=False, pin_memory=self.stream is not None)

    def copy(self, source: torch.Tensor, target: torch.Tensor) -> Any:
        """Start to copy a tensor, after what the device has been told so far; return what tells when that is done."""
        if self.stream is None:
            target.copy_(source)
            return None
        self.stream.wait_stream(torch.accelerator.current_stream(self.device))
        with self.stream:
            target.copy_(source, non_blocking=True)
        return self.stream.record_event()

    def join(self) -> None:
        """Let the device wait for all copies before it computes anything further."""
        if self.stream is not None:
            torch.accelerator.current_stream(self.device).wait_stream(self.stream)

    def wait(self) -> None:
        """Wait for all copies."""
        if self.stream is not None:
            self.stream.synchronize()


class _Twin:
    """A parameter, and what the host has of it.

    Args:
        param: the parameter.
        link: the way between its device and the host.
    """

    def __init__(self, param: torch.Tensor, link: _Link) -> None:
        self.param, self.link = param, link
        self.weight = link.twin(param)
        self._weight_seen: _Seen | None = None
        self._grad_seen: _Seen | None = None
        self._arrived: Any = None
        if param.requires_grad:
            own = weakref.ref(self)

            @torch.compiler.disable
            def fetch(_: torch.Tensor) -> None:
                if (twin := own()) is not None:
                    twin.fetch()

            handle = param.register_post_accumulate_grad_hook(fetch)
            weakref.finalize(self, handle.remove)

    @torch.no_grad()
    def fetch(self) -> None:
        """Copy the gradient, and the parameter, if something else than an update has written to it."""
        grad = self.param.grad
        if grad is None:
            self.weight.grad = None
            return
        if self._weight_seen is None or not self._weight_seen.is_still(self.param):
            self._arrived = self.link.copy(self.param, self.weight)
            self._weight_seen = _Seen(self.param)
        if self.weight.grad is None or self._grad_seen is None or not self._grad_seen.is_still(grad):
            check_dense([self.param])
            self.weight.grad = self.link.twin(self.weight) if self.weight.grad is None else self.weight.grad
            self._arrived = self.link.copy(grad, self.weight.grad)
            self._grad_seen = _Seen(grad)

    def await_copies(self) -> None:
        """Wait for what has been fetched."""
        if self._arrived is not None:
            self._arrived.synchronize()
            self._arrived = None

    @torch.no_grad()
    def send(self) -> None:
        """Copy the weight to the parameter."""
        self.link.copy(self.weight, self.param)
        self._weight_seen = _Seen(self.param)


class Offload(Memory):
    """Updates copies of parameters in the memory of the host, where the states are, too.

    A gradient is copied as soon as it has been computed, while the device computes the next ones, and a parameter is
    copied back while the host updates the next ones.
    """

    def __init__(self, optimizer: Any, state: dict[Any, Any]) -> None:
        super().__init__(optimizer, state)
        self._twins: list[_Twin] = []
        self._links: dict[torch.device, _Link] = {}

    def extend(self, params: list[torch.Tensor]) -> None:
        """Take on parameters."""
        self.params = [*self.params, *params]
        for param in params:
            if param.device not in self._links:
                self._links[param.device] = _Link(param.device)
            twin = _Twin(param, self._links[param.device])
            self._twins.append(twin)
            self.tensors.append(twin.weight)

    def step(self, part: str | None = None) -> None:
        """Update every parameter that has a gradient."""
        self._wait()  # the last step's parameters may be on their way
        for twin in self._twins:
            twin.fetch()
        super().step(part)
        for link in self._links.values():
            link.join()

    def _again(self) -> None:
        self._run()

    def _run(self) -> None:
        for first, end in self._buckets():
            present = self._present[first:end]
            for index in present:
                self._twins[index].await_copies()
            self._call(present, self._grads[first:end], self._weights[first:end])
            for index in present:
                self._twins[index].send()

    def _buckets(self) -> Iterator[tuple[int, int]]:
        """Yield where the parts of a step begin and end: one, if its numbers depend on all gradients."""
        first, size, count = 0, 0, len(self._present)
        if not self.optimizer.needs_all and not self.takes_two:
            for place, weight in enumerate(self._weights):
                size += weight.nbytes
                if size >= BUCKET and place + 1 < count:
                    yield first, place + 1
                    first, size = place + 1, 0
        yield first, count

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the evaluation weights in place of the weights for a block."""
        self._wait()
        try:
            with super().evaluating():
                self._send()
                yield
        finally:
            self._send()

    def _send(self) -> None:
        for index in self.shown:
            self._twins[index].send()
        self._wait()

    def _wait(self) -> None:
        for link in self._links.values():
            link.wait()

    def read(self, index: int, saved: Any) -> None:
        """Take over the state of a parameter from torch."""
        twin = self._twins[index]
        twin.link.copy(twin.param.detach(), twin.weight)  # a master begins as a copy of it
        twin.link.wait()
        super().read(index, saved)
