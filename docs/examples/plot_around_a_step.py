r"""
Averages, clipping and groups
=============================

Small batches and wrong labels make gradients noisy. This example trains a network on digits a fifth of whose labels are
random, and measures what three settings around an optimizer's step do about it: ``clip_global_norm``, averaged weights,
and a learning rate of its own for one layer. The optimizer is SGD with momentum throughout.
"""

# %%
# The problem
# -----------
# The digits come with scikit-learn. Every fourth image is set aside for testing, and those labels stay correct. Of the
# others, one in five gets a random label.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import mxcore as mx

pictures, labels = load_digits(return_X_y=True)
inputs = (pictures / 16).astype(np.float32)
is_test = np.arange(len(labels)) % 4 == 3
train_x, train_y, test_x, test_y = inputs[~is_test], labels[~is_test], inputs[is_test], labels[is_test]


def with_noise(y, random):
    """Labels of which a fifth have been replaced by random ones."""
    return np.where(random.uniform(size=len(y)) < 0.2, random.integers(0, 10, len(y)), y)


# %%
# The network has one hidden layer; :doc:`plot_digits` derives its gradient.
names = ["hidden_weight", "hidden_bias", "output_weight", "output_bias"]
shapes = [(48, 64), (48,), (10, 48), (10,)]


def forward(weights, x):
    """The hidden layer and the log-probabilities of a batch."""
    w1, b1, w2, b2 = weights
    hidden = np.maximum(x @ w1.T + b1, 0)
    outputs = hidden @ w2.T + b2
    outputs -= outputs.max(axis=1, keepdims=True)
    return hidden, outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))


def gradient(weights, x, y):
    """The gradient of the mean negative log-likelihood with respect to each of the weights."""
    hidden, log_p = forward(weights, x)
    d_outputs = np.exp(log_p)
    d_outputs[np.arange(len(y)), y] -= 1
    d_outputs /= len(y)
    d_hidden = (d_outputs @ weights[2]) * (hidden > 0)
    return [d_hidden.T @ x, d_hidden.sum(axis=0), d_outputs.T @ hidden, d_outputs.sum(axis=0)]


def error(weights):
    """The fraction of the test digits that are classified wrongly."""
    return (forward(weights, test_x)[1].argmax(axis=1) != test_y).mean()


# %%
# The loop
# --------
# The wrapper ``average`` keeps an average of the weights, here over about the last hundred updates, and leaves the
# optimizer's steps as they are. So one run gives both errors: that of the weights it trains, and, in the block
# ``with update.evaluating(…)``, that of their average.
epochs, batch = 6, 8


def train(rate, seed, **settings):
    """The errors after each epoch, shape (epochs, 2): of the trained weights, and of their average."""
    mx.random.seed(seed)
    y, order = with_noise(train_y, mx.random.generator("noise")), mx.random.generator("order")
    xavier, weights = mx.init.create("xavier"), [np.empty(shape, np.float32) for shape in shapes]
    for name, array in zip(names, weights, strict=True):
        xavier(name, array)
    optimizer = mx.optimizer.create("average(sgd, beta=0.99)", learning_rate=rate, momentum=0.9, **settings)
    update, errors = mx.optimizer.get_updater(optimizer), []
    for _ in range(epochs):
        for rows in np.array_split(order.permutation(len(y)), len(y) // batch):
            update(names, gradient(weights, train_x[rows], y[rows]), weights)
        trained = error(weights)
        with update.evaluating(weights, names):
            errors.append((trained, error(weights)))
    return errors


# %%
# Clipping scales a batch's gradients down if their norm, all parameters together, exceeds 1. The group lets the hidden
# layer, weights and bias, learn at a fifth of the rate of the output layer.
rates, seeds = (0.01, 0.03, 0.1, 0.3), range(3)


def runs(hidden=1.0, **settings):
    """The errors of all runs, shape (rates, seeds, epochs, 2), with the hidden layer at so many times the rate."""

    def at(rate):
        groups = {"hidden_": {"learning_rate": hidden * rate}}
        return [train(rate, seed, groups=groups, **settings) for seed in seeds]

    return np.array([at(rate) for rate in rates])


plain = runs()
clipped = runs(clip_global_norm=1.0)
grouped = runs(clip_global_norm=1.0, hidden=0.2)

ends = {
    "SGD": plain[:, :, -1, 0],
    "averaged": plain[:, :, -1, 1],
    "clipped": clipped[:, :, -1, 0],
    "clipped, averaged": clipped[:, :, -1, 1],
    "clipped, averaged, slow hidden layer": grouped[:, :, -1, 1],
}
print(f"{'mean test error at the rate':36}", *(f"{rate:>6}" for rate in rates))
for name, errors in ends.items():
    print(f"{name:36}", *(f"{one:6.1%}" for one in errors.mean(axis=1)))

# %%
# Results
# -------
# On the left are the runs at a rate that suits the problem, 0.03. Each batch pulls the trained weights to and fro. The
# average of the very same weights makes little more than half as many errors, and differs less from run to run: the
# bands show the best and the worst of three.
#
# On the right are all rates. At 0.1, plain SGD fails, and so does an average of weights that have diverged. Clipping
# rescues most of that, and together with averaging all of it; at lower rates, clipping changes little. The slow hidden
# layer is no better than the others at their best rates, and too slow at the lowest ones, but it is the only one that
# still learns at 0.3.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", width_ratios=(2, 3))
epoch = np.arange(1, epochs + 1)
for kind, label in enumerate(("trained weights", "their average")):
    errors = 100 * plain[rates.index(0.03), :, :, kind]
    left.plot(epoch, errors.mean(axis=0), label=label)
    left.fill_between(epoch, errors.min(axis=0), errors.max(axis=0), alpha=0.15)
left.set(xlabel="epoch", ylabel="test error in %", ylim=(0, None), xticks=epoch)
left.legend(frameon=False)
for name, errors in ends.items():
    right.loglog(rates, 100 * errors.mean(axis=1), marker="o", markersize=4, label=name)
right.set(xlabel="learning rate", ylabel="test error in %")
right.set_xticks(rates, map(str, rates))
right.set_yticks((3, 5, 10, 20, 50, 100), ("3", "5", "10", "20", "50", "100"))
right.minorticks_off()
right.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
for axes in (left, right):
    axes.grid(True)
# sphinx_gallery_panel = 1
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "On the left, the test error over 6 epochs at the learning rate 0.03: the average of the weights"
# sphinx_gallery_alt = "is better and steadier than the weights themselves. On the right, the error against the rate:"
# sphinx_gallery_alt = "plain SGD fails from 0.1 on, clipping helps there, and with a slow hidden layer 0.3 works too."
plt.show()

# %%
# So average nearly always: it costs a copy of the weights. Clip as a safeguard against rates that are too high. A
# learning rate for one layer is one more number to tune; here it made the choice of the other one less critical. All
# three work with any optimizer: replace ``sgd`` in ``"average(sgd, beta=0.99)"``. :doc:`/guides/settings` has the other
# settings, :doc:`/guides/wrappers` the other wrappers.
