r"""
What a schedule is worth
========================

With gradients of small batches, a constant learning rate is a bad compromise: large enough to get on, it is too large
to arrive, for the noise of the batches keeps the weights from settling. A schedule takes the one first and the other
later. Here five of them are compared on handwritten digits, each over several orders of the data.
"""

# %%
# The problem
# -----------
# Softmax regression: one layer, ten classes, convex. What the best weights are worth can therefore be computed, and the
# distance to it is what is compared.
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits

import mxcore as mx

pictures, labels = load_digits(return_X_y=True)
x = np.column_stack([pictures / 16, np.ones(len(pictures))])  # the last column is the intercept
targets = np.eye(10)[labels]
decay = 1e-3


def loss_and_gradient(w, rows=slice(None)):
    """The mean loss of some rows, with a penalty on the weights, and its gradient."""
    outputs = x[rows] @ w
    outputs -= outputs.max(axis=1, keepdims=True)
    log_p = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    n = len(outputs)
    loss = -(targets[rows] * log_p).sum() / n + decay / 2 * (w**2).sum()
    return loss, x[rows].T @ (np.exp(log_p) - targets[rows]) / n + decay * w


def flat(w):
    """The same for SciPy, which knows vectors alone."""
    loss, gradient = loss_and_gradient(w.reshape(65, 10))
    return loss, gradient.ravel()


best = minimize(flat, np.zeros(650), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "maxiter": 5000}).fun
print(f"the smallest loss is {best:.6f}")

# %%
# The schedules
# -------------
# Each ends after the same number of updates, and begins with the same rate. They are functions of the number of the
# update: an array of updates gives an array of rates, which is all that a plot needs.
epochs, batch, rate = 20, 32, 0.5
per_epoch = len(x) // batch
total = epochs * per_epoch
schedules = {
    "constant": mx.lr_scheduler.create("factor", step=total, base_lr=rate),
    "factor": mx.lr_scheduler.create("factor", step=2 * per_epoch, factor=0.6, base_lr=rate),
    "multifactor": mx.lr_scheduler.create("multifactor", step=[total // 2, 3 * total // 4], factor=0.1, base_lr=rate),
    "poly": mx.lr_scheduler.create("poly", max_update=total, pwr=1, base_lr=rate),
    "cosine": mx.lr_scheduler.create("cosine", max_update=total, base_lr=rate, warmup_steps=per_epoch),
}


def train(schedule, seed):
    """The distance to the smallest loss, after each epoch."""
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd", momentum=0.9, lr_scheduler=schedule))
    w, gaps = np.zeros((65, 10)), []
    for epoch in range(epochs):
        order = mx.random.generator("order", seed, epoch).permutation(len(x))
        for rows in np.array_split(order, per_epoch):
            update("weight", loss_and_gradient(w, rows)[1], w)
        gaps.append(loss_and_gradient(w)[0] - best)
    return gaps


mx.random.seed(1)
runs = {name: np.array([train(schedule, seed) for seed in range(5)]) for name, schedule in schedules.items()}
for name, gaps in runs.items():
    last = gaps[:, -1]
    print(f"{name:12} {np.median(last):.5f} above it in the end ({last.min():.5f} – {last.max():.5f})")

# %%
# What one sees
# -------------
# While a rate is high, all that use it are about equally bad, however long they stay there. Where it falls, so does the
# loss, at once: what had been learned was hidden below the noise. The constant rate pays for it to the end.
#
# Among those that fall the differences are smaller than between any of them and none. The shaded bands are the best and
# the worst of five orders of the data. A comparison of two schedules by one run each would be a comparison of luck.
figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 6.4), layout="constrained", sharex=True, height_ratios=(2, 3))
updates = np.arange(1, total + 1)
epoch = np.arange(1, epochs + 1)
for name, gaps in runs.items():
    top.plot(updates / per_epoch, schedules[name](updates), label=name)
    bottom.semilogy(epoch, np.median(gaps, axis=0), label=name)
    bottom.fill_between(epoch, gaps.min(axis=0), gaps.max(axis=0), alpha=0.15)
top.set(ylabel="learning rate", ylim=(0, None))
bottom.set(xlabel="epoch", ylabel="loss − its minimum", xlim=(0, epochs), xticks=range(0, epochs + 1, 2))
top.legend(frameon=False, ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1))
for axes in (top, bottom):
    axes.grid(alpha=0.3)
plt.show()
