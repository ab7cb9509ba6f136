"""Fixtures that several tests share."""

import pytest

import mxcore as mx


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A separate folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Stop:
    """Interrupts a run after a number of updates."""

    def __init__(self, updates):
        self.left = updates

    @mx.hooks.hookimpl
    def mxcore_after_step(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def stop_after():
    stops = []

    def register(updates):
        stops.append(Stop(updates))
        mx.hooks.register(stops[-1])

    yield register
    for stop in stops:
        mx.hooks.unregister(stop)
