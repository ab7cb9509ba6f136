r"""
Stopping a run and resuming it exactly
======================================

Long runs get interrupted. If you save only the weights, you lose the optimizer's moments, the position in the schedule
and the state of the random numbers, and the resumed run is a different one. This example stops a run in the middle,
resumes it in another process, and compares every bit.
"""

# %%
# A run that is hard to resume
# ----------------------------
# A small network learns the digits of scikit-learn, with everything that makes resuming hard: an optimizer with two
# moments, a schedule, random batches, dropout, and half-precision weights whose float32 masters the optimizer keeps.
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from safetensors.numpy import load_file

import mxcore as mx

program = '''
import numpy as np
from sklearn.datasets import load_digits

import mxcore as mx

pictures, labels = load_digits(return_X_y=True)
x, y = (pictures / 16).astype(np.float32), labels
names = ["hidden_weight", "hidden_bias", "output_weight", "output_bias"]


def start():
    """New weights of float16, and an updater."""
    weights = [np.empty(shape, np.float16) for shape in [(48, 64), (48,), (10, 48), (10,)]]
    for name, weight in zip(names, weights):
        mx.init.create("xavier")(name, weight)
    schedule = mx.lr_scheduler.create("cosine", max_update=600, base_lr=0.01, warmup_steps=50)
    optimizer = mx.optimizer.create("adam", lr_scheduler=schedule, multi_precision=True)
    return weights, mx.optimizer.get_updater(optimizer)


def step(weights, update):
    """One update from 64 digits chosen at random, with dropout; returns their loss."""
    rows = mx.random.next_generator("batch").integers(0, len(x), 64)
    w1, b1, w2, b2 = (weight.astype(np.float32) for weight in weights)
    kept = 2 * (mx.random.uniform(shape=(64, 48)) < 0.5)
    hidden = np.maximum(x[rows] @ w1.T + b1, 0) * kept
    outputs = hidden @ w2.T + b2
    outputs -= outputs.max(axis=1, keepdims=True)
    p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(64), y[rows]]).mean()
    p[np.arange(64), y[rows]] -= 1
    d_hidden = (p / 64) @ w2 * (hidden > 0) * kept
    gradients = [d_hidden.T @ x[rows], d_hidden.sum(axis=0), (p / 64).T @ hidden, (p / 64).sum(axis=0)]
    update(names, [gradient.astype(np.float16) for gradient in gradients], weights)
    return loss
'''

# A module of its own, because another process is going to import it too.
folder = Path(tempfile.mkdtemp())
(folder / "digits_run.py").write_text(program, encoding="utf-8")
sys.path.insert(0, str(folder))
from digits_run import names, start, step

# %%
# Without interruption
# --------------------
# The run makes 600 updates. In the middle, the state is saved and the run continues.
mx.random.seed(7)
weights, update = start()
losses, path = [], []
for number in range(600):
    if number == 300:
        mx.save_state(folder / "run.safetensors", update, dict(zip(names, weights, strict=True)))
        np.savez(folder / "weights.npz", *weights)
    losses.append(step(weights, update))
    path.append(weights[0].astype(np.float32))
print(f"the file has {(folder / 'run.safetensors').stat().st_size / 1024:.0f} KiB")

# %%
# In another process
# ------------------
# The other process starts with a different seed and different weights, so that nothing agrees by chance, and loads the
# file.
rest = """
import sys

import numpy as np
from digits_run import mx, names, start, step

mx.random.seed(12345)
weights, update = start()
mx.load_state(sys.argv[1], update, dict(zip(names, weights)))
losses, path = [], []
for _ in range(300):
    losses.append(step(weights, update))
    path.append(weights[0].astype(np.float32))
np.savez(sys.argv[2], *weights, losses=losses, path=path)
"""
command = [sys.executable, "-c", rest, folder / "run.safetensors", folder / "resumed.npz"]
subprocess.run(command, check=True, cwd=folder)
resumed = np.load(folder / "resumed.npz")

equal = [np.array_equal(weight, resumed[f"arr_{i}"]) for i, weight in enumerate(weights)]
print("the weights have the same bits:   ", all(equal))
print("all losses have the same bits too:", np.array_equal(losses[300:], resumed["losses"]))

# %%
# With the weights only
# ---------------------
# This is what often happens: the weights are restored and everything else starts again. Adam has no moments, the
# schedule warms up again and then lags 300 updates behind, and the digits come in a different order.
weights_alone, update = start()
for weight, kept in zip(weights_alone, np.load(folder / "weights.npz").values(), strict=True):
    weight[...] = kept
losses_alone, path_alone = [], []
for _ in range(300):
    losses_alone.append(step(weights_alone, update))
    path_alone.append(weights_alone[0].astype(np.float32))

# %%
# On the left the losses. The resumed run coincides exactly with the uninterrupted one, so it is dashed. On the right
# the distance of the first layer's weights from those of the uninterrupted run: 0 after resuming from the state, and
# growing after restoring only the weights.
#
# The run from the weights only is not worse, but it is a different run: if you compare it with another one, you can't
# tell the effect of a setting or a code change from that of the interruption.


def smooth(values):
    """A running mean over 20 updates."""
    return np.convolve(values, np.ones(20) / 20, mode="valid")


def distance(other):
    """The relative distance of the first layer from that of the uninterrupted run, from update 301 on."""
    return [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(other, path[300:], strict=True)]


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(np.arange(20, 601), smooth(losses), lw=4, alpha=0.35, label="uninterrupted")
left.plot(np.arange(320, 601), smooth(resumed["losses"]), color="black", lw=1, ls="--", label="from the state")
left.plot(np.arange(320, 601), smooth(losses_alone), color="C3", label="from the weights only")
left.set(ylabel="loss (running mean of 20)", ylim=(0, 1))
left.legend(frameon=False)
right.plot(np.arange(301, 601), distance(resumed["path"]), color="black", ls="--")
right.plot(np.arange(301, 601), distance(path_alone), color="C3")
right.set(ylabel="distance from the uninterrupted run", ylim=(-0.02, None))
for axes in (left, right):
    axes.axvline(300, color="grey", lw=0.8)
    axes.set(xlabel="update", xlim=(0, 600))
    axes.grid(True)
# sphinx_gallery_panel = 0
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "On the left, the loss over 600 updates: the run resumed from the state at update 300 coincides"
# sphinx_gallery_alt = "with the uninterrupted one, that from the weights only differs. On the right, the distance from"
# sphinx_gallery_alt = "the uninterrupted run: 0 from the state, and rising to 0.38 from the weights only."
plt.show()
from_state, from_weights = distance(resumed["path"])[-1], distance(path_alone)[-1]
print(f"distance at the end: {from_state} from the state, {from_weights:.3f} from the weights only")

# %%
# What is in the file
# -------------------
# It is a single safetensors file, which any tool for that format can read. It contains no pickle, so opening it runs no
# code.
for name, array in load_file(folder / "run.safetensors").items():
    print(f"{name:30} {array.dtype!s:8} {array.shape}")
