r"""
An optimizer from a paper, in ten lines
=======================================

AdaBelief (2020) is Adam with one change: steps are scaled not by the mean of the squared gradients, but by the mean of
their squared distance from the momentum's prediction. It is not part of mxcore. This example implements it, checks it
against the formula, and compares it with built-in optimizers.
"""

# %%
# The algorithm
# -------------
# J. Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients", 2020,
# https://arxiv.org/abs/2010.07468, algorithm 2:
#
# .. math::
#
#     m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
#     s &\leftarrow \beta_2 s + (1 - \beta_2)\, (g - m)^2 + \epsilon \\
#     w &\leftarrow w - lr \cdot \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}
#
# As a rule these are the same three lines. ``slots`` names the arrays kept for each parameter, and the hyper-parameters
# are declared with their defaults and ranges. The base class provides ``lr`` and ``t``, weight decay, clipping,
# schedules, half precision, saving and resuming.
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_wine

import mxcore as mx


@mx.optimizer.register
@mx.hyperparameters
class AdaBelief(mx.optimizer.Optimizer):
    """Adam, with steps scaled by how far gradients are from their expected value."""

    default_learning_rate = 0.001
    slots = ("mean", "surprise")
    beta1: float = mx.hyperparameter(0.9, mx.in_range(0, 1, right_open=True))
    beta2: float = mx.hyperparameter(0.999, mx.in_range(0, 1, right_open=True))
    epsilon: float = mx.hyperparameter(1e-16, mx.positive)

    @staticmethod
    def rule(weight, grad, mean, surprise, *, lr, t, beta1, beta2, epsilon):
        """The algorithm."""
        mean = beta1 * mean + (1 - beta1) * grad
        surprise = beta2 * surprise + (1 - beta2) * (grad - mean) ** 2 + epsilon
        scale = np.sqrt(surprise / (1 - beta2**t)) + epsilon
        return weight - lr / (1 - beta1**t) * mean / scale, mean, surprise


# %%
# Now you can create it by name, and wrong arguments raise errors:
print(mx.optimizer.create("adabelief", learning_rate=0.1))
try:
    mx.optimizer.create("adabelief", beta1=1.0)
except ValueError as error:
    print(error)

# %%
# The rule is fast although it is plain NumPy: it is traced before the first update and then runs as one pass over all
# parameters, with the kernel that is in use.
print("kernel:", mx.kernel.in_use())

# %%
# Does it match the paper?
# ------------------------
# Compare a hundred steps of the optimizer with the formula, for one number and in plain Python.
update = mx.optimizer.get_updater(mx.optimizer.create("adabelief", learning_rate=0.1))
weight, (w, m, s) = np.array([2.0]), (2.0, 0.0, 0.0)
for t in range(1, 101):
    update("w", 4 * weight**3, weight)
    g = 4 * w**3
    m = 0.9 * m + 0.1 * g
    s = 0.999 * s + 0.001 * (g - m) ** 2 + 1e-16
    w -= 0.1 * m / (1 - 0.9**t) / ((s / (1 - 0.999**t)) ** 0.5 + 1e-16)
print(f"{weight[0]:.12f} by the rule, {w:.12f} by hand")

# %%
# A narrow valley
# ---------------
# Rosenbrock's function :math:`(1 - x)^2 + 100\, (y - x^2)^2` is a classic test: it is easy to reach its valley and hard
# to follow it to the minimum at (1, 1).


def valley(p):
    """The function; p holds x and y."""
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def valley_gradient(p):
    """Its gradient."""
    slope = 200 * (p[1] - p[0] ** 2)
    return np.array([-2 * (1 - p[0]) - 2 * p[0] * slope, slope])


def path(name, steps=800, **arguments):
    """The points that an optimizer visits, starting at (-1.5, 1.5)."""
    update = mx.optimizer.get_updater(mx.optimizer.create(name, **arguments))
    p = np.array([-1.5, 1.5])
    places = [p.copy()]
    for _ in range(steps):
        update("place", valley_gradient(p), p)
        places.append(p.copy())
    return np.array(places)


paths = {
    "sgd": path("sgd", learning_rate=0.001, momentum=0.9),
    "adam": path("adam", learning_rate=0.05),
    "adabelief": path("adabelief", learning_rate=0.05),
}
grid = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-0.8, 3, 200))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", width_ratios=(5, 4))
left.contour(*grid, np.log10(valley(grid) + 1e-3), levels=12, colors="grey", linewidths=0.5)
for name, places in paths.items():
    left.plot(*places.T, lw=3.0 if name == "adam" else 1.4, label=name)  # adabelief would hide it
    right.semilogy(valley(places.T), lw=1.4, label=name)
left.plot(1, 1, "k*", ms=10)
left.set(xlabel="x", ylabel="y", xlim=(-2, 2), ylim=(-0.8, 3))
right.set(xlabel="step", ylabel="value")
right.grid(True)
right.legend(frameon=False)
# sphinx_gallery_panel = 0
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "On the left, the paths of three optimizers in Rosenbrock's valley. On the right, the function"
# sphinx_gallery_alt = "value over 800 steps: Adam and AdaBelief are nearly equal and fall slowly to about 0.2, SGD"
# sphinx_gallery_alt = "with momentum to 0.0001."
plt.show()

# %%
# With smooth gradients, as here, AdaBelief and Adam are nearly the same: gradients are close to their prediction. And
# the oldest of the three gets there first: no optimizer is best everywhere.

# %%
# Real data
# ---------
# The data are 13 measurements of 178 wines from three growers. The model is a softmax regression with a penalty,
# trained in batches of 16. The picture shows the distance of the objective from its minimum. Learning rates are tried
# on a grid, and each optimizer is shown at its best one, with the median over five orders of the data. Anything else
# would compare learning rates instead of algorithms.
table = load_wine()
x = np.column_stack([(table.data - table.data.mean(axis=0)) / table.data.std(axis=0), np.ones(len(table.data))])
targets, decay = np.eye(3)[table.target], 0.02


def probabilities(w, rows):
    """The softmax of the outputs."""
    outputs = np.exp(x[rows] @ w - (x[rows] @ w).max(axis=1, keepdims=True))
    return outputs / outputs.sum(axis=1, keepdims=True)


def objective(w):
    """The mean loss over the whole table, with the penalty; w may be flat."""
    w = w.reshape(-1, 3)
    losses = -np.log(probabilities(w, slice(None))[np.arange(len(x)), table.target])
    return losses.mean() + decay / 2 * (w**2).sum()


smallest = minimize(objective, np.zeros(3 * x.shape[1])).fun


def train(name, seed, epochs=12, **arguments):
    """The distance to the smallest value, after each epoch."""
    update = mx.optimizer.get_updater(mx.optimizer.create(name, wd=decay, **arguments))
    w, gaps = np.zeros((x.shape[1], 3)), []
    for epoch in range(epochs):
        order = mx.random.generator("order", seed, epoch).permutation(len(x))
        for rows in np.array_split(order, len(x) // 16):
            update("weight", x[rows].T @ (probabilities(w, rows) - targets[rows]) / len(rows), w)
        gaps.append(objective(w) - smallest)
    return gaps


mx.random.seed(1)
rates = (0.01, 0.03, 0.1, 0.3)
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name in paths:
    extra = {"momentum": 0.9} if name == "sgd" else {}
    curves = {r: np.median([train(name, s, learning_rate=r, **extra) for s in range(5)], axis=0) for r in rates}
    best = min(curves, key=lambda rate: curves[rate][-1])
    axes.semilogy(np.arange(1, 13), curves[best], "o-", ms=4, label=f"{name}, {best}")
    print(f"{name:10} " + "  ".join(f"{rate}: {curve[-1]:.4f}" for rate, curve in curves.items()))
axes.set(xlabel="epoch", ylabel="objective − its smallest value")
axes.grid(True)
axes.legend(frameon=False)
# sphinx_gallery_alt = "The distance of the objective from its minimum over 12 epochs, for SGD, Adam and AdaBelief at"
# sphinx_gallery_alt = "their best learning rates: the three curves fall from 0.1 to below 0.001, close to each other."
plt.show()

# %%
# AdaBelief is designed for noisy gradients, and yet the three end within a factor of two of each other: the learning
# rate matters far more than the algorithm. That is the usual outcome of a fair comparison, and a reason to make one on
# your own problem. To publish a class like this, start with ``mxcore new optimizer adabelief``, which creates a project
# for it.
