"""Updates run in the current stream, whichever it is."""

from typing import Any

import numpy as np
from rule_runs import assert_same_bits

import mxcore as mx
from mxcore.backend import Context

SHAPE = (1000, 1000)


def busy(xp: Any) -> None:
    """Keep the current stream busy for a while."""
    square = xp.ones((3000, 3000), "f4")
    for _ in range(30):
        square = square @ square * xp.float32(1e-4)


def test_an_update_waits_for_what_was_put_into_its_stream_before(gpu: Context, xp: Any) -> None:
    weight, grad = np.ones(SHAPE, "f4"), np.full(SHAPE, 0.5, "f4")
    on_gpu, late, given = gpu.array(weight), gpu.array(np.zeros(SHAPE, "f4")), gpu.array(grad)
    updates = [mx.optimizer.get_updater(mx.optimizer.create("lamb")) for _ in range(2)]
    xp.cuda.Device(0).synchronize()
    stream = xp.cuda.Stream(non_blocking=True)  # which nothing in the null stream waits for
    with stream:
        busy(xp)
        late[...] = given
        for _ in range(3):
            updates[0](0, late, on_gpu)
        late[...] = 0  # after the updates, or they read zeros
    stream.synchronize()
    for _ in range(3):
        updates[1](0, grad, weight)
    assert_same_bits([gpu.backend.to_host(on_gpu)], [weight])


def test_no_step_waits_for_the_device(gpu: Context, xp: Any) -> None:
    weights = [gpu.array(np.ones(SHAPE, "f4")) for _ in range(4)]
    clipped = mx.optimizer.create("average(adam)", clip_global_norm=1.0)
    optimizers = [*map(mx.optimizer.create, ("adam", "lamb", "sgld")), clipped]
    updates = list(map(mx.optimizer.get_updater, optimizers))

    def step() -> None:  # with new gradients, whose addresses have to be copied to the device
        for number, update in enumerate(updates):
            update([0], [xp.full(SHAPE, 0.5, "f4")], [weights[number]])

    for _ in range(3):
        step()
    xp.cuda.Device(0).synchronize()
    for _ in range(100):
        busy(xp)
    begun = xp.cuda.Event()
    begun.record()
    step()
    assert not begun.done
    xp.cuda.Device(0).synchronize()


def test_two_streams_may_take_turns(gpu: Context, xp: Any) -> None:
    weight, grad = np.ones(SHAPE, "f4"), np.full(SHAPE, 0.5, "f4")
    on_gpu, given = gpu.array(weight), gpu.array(grad)
    updates = [mx.optimizer.get_updater(mx.optimizer.create("adam")) for _ in range(2)]
    xp.cuda.Device(0).synchronize()
    streams = [xp.cuda.Stream(non_blocking=True) for _ in range(2)]
    for turn in range(6):
        stream, before = streams[turn % 2], streams[1 - turn % 2]
        stream.wait_event(before.record())
        with stream:
            updates[0](0, given, on_gpu)
        updates[1](0, grad, weight)
    xp.cuda.Device(0).synchronize()
    assert_same_bits([gpu.backend.to_host(on_gpu)], [weight])
