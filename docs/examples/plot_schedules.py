r"""
What a schedule is worth
========================

With mini-batch gradients, a constant learning rate is a poor compromise: if it is large enough to make progress, it is
too large to converge, because the noise of the batches keeps the weights moving. A schedule starts with a large rate
and ends with a small one. This example compares five schedules on handwritten digits, each over several orders of the
data.
"""

# %%
# The problem
# -----------
# Softmax regression: one layer, ten classes. The problem is convex, so its minimum can be computed, and the runs are
# compared by their distance from it.
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
    """The mean loss over some rows with a penalty on the weights, and its gradient."""
    outputs = x[rows] @ w
    outputs -= outputs.max(axis=1, keepdims=True)
    log_p = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
    n = len(outputs)
    loss = -(targets[rows] * log_p).sum() / n + decay / 2 * (w**2).sum()
    return loss, x[rows].T @ (np.exp(log_p) - targets[rows]) / n + decay * w


def flat(w):
    """The same for SciPy, which takes vectors only."""
    loss, gradient = loss_and_gradient(w.reshape(65, 10))
    return loss, gradient.ravel()


best = minimize(flat, np.zeros(650), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "maxiter": 5000}).fun
print(f"the smallest loss is {best:.6f}")

# %%
# The schedules
# -------------
# All have the same base learning rate and the same length. A schedule is a function of the update count: for an array
# of counts it returns an array of rates, which you can plot.
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
    """The distance from the smallest loss, after each epoch."""
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
    print(f"{name:12} {np.median(last):.5f} above it at the end ({last.min():.5f} – {last.max():.5f})")

# %%
# Results
# -------
# While the rate is high, all schedules do about equally badly, however long they stay there. When the rate decreases,
# so does the loss, immediately: progress had been hidden by noise. With the constant rate it stays hidden to the end.
#
# The decreasing schedules differ less from each other than from the constant rate. The shaded bands show the best and
# the worst of five orders of the data. With a single run of each schedule, you would compare luck.
figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6), layout="constrained", sharex=True, height_ratios=(2, 3))
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
    axes.grid(True)
# sphinx_gallery_panel = 1
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "Above, the learning rates of five schedules over 20 epochs. Below, the distance of the loss"
# sphinx_gallery_alt = "from its minimum: it stays near 0.03 with the constant rate and falls whenever a rate"
# sphinx_gallery_alt = "decreases, with factor, poly and cosine to below 0.0005."
plt.show()
