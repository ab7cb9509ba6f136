r"""
An optimizer from a paper, in ten lines
=======================================

AdaBelief (2020) is Adam with one change: steps are scaled not by the mean of the squared gradients, but by that of
their squared distance from what the momentum predicts. It does not come with mxcore. This page writes it, checks it
against the formula, and lets it run against the built-in optimizers.
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
# As a rule it is the same three lines. ``slots`` names what is kept for each parameter, and the hyper-parameters are
# declared with what they may be. ``lr`` and ``t`` come from the base class, as do weight decay, clipping, schedules,
# half precision, saving and resuming.
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_wine

import mxcore as mx


@mx.optimizer.register
@mx.hyperparameters
class AdaBelief(mx.optimizer.Optimizer):
    """Adam, with steps scaled by how far gradients are from what was expected."""

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
# From here on it has a name, and mistakes have messages:
print(mx.optimizer.create("adabelief", learning_rate=0.1))
try:
    mx.optimizer.create("adabelief", beta1=1.0)
except ValueError as error:
    print(error)

# %%
# The rule was never written for speed: it is traced once, and then runs as one pass over all parameters, with whatever
# kernel is installed here.
print("compiled by:", mx.kernel.in_use())

# %%
# Does it do what the paper says?
# -------------------------------
# The formula once more, for one number and with plain Python, against a hundred steps of the optimizer.
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
# Rosenbrock's function :math:`(1 - x)^2 + 100\, (y - x^2)^2` is the classic: easy to get into its valley, hard to
# follow it to the minimum at (1, 1).


def valley(p):
    """The function; p holds x and y."""
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def valley_gradient(p):
    """Its gradient."""
    slope = 200 * (p[1] - p[0] ** 2)
    return np.array([-2 * (1 - p[0]) - 2 * p[0] * slope, slope])


def path(name, steps=800, **arguments):
    """The places that an optimizer visits, from (-1.5, 1.5) on."""
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
    left.plot(*places.T, lw=1.4, label=name)
    right.semilogy(valley(places.T), lw=1.4, label=name)
left.plot(1, 1, "k*", ms=10)
left.set(xlabel="x", ylabel="y", xlim=(-2, 2), ylim=(-0.8, 3))
right.set(xlabel="step", ylabel="value")
right.grid(alpha=0.3)
right.legend(frameon=False)
plt.show()

# %%
# Where gradients are regular, as here, the two are nearly the same: what is seen is what was expected, so that there is
# little to believe or to doubt. And the oldest of the three gets there first: no optimizer is the best one everywhere.

# %%
# A real table
# ------------
# 178 wines from three growers, 13 measurements: softmax regression in batches of 16, with a penalty. Shown is how far
# above its smallest value the objective is. Rates are tried on a grid, and each optimizer appears at its best one, with
# the median of five orders of the data. Anything else would compare rates, not algorithms.
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
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%
# Noise is what AdaBelief was made for, and still the three end within a factor of two of one another: the choice of the
# rate matters far more than that of the algorithm. That is the usual outcome of a fair comparison, and why it should be
# made on one's own problem. To keep and to share such a class, ``mxcore new optimizer adabelief`` makes a project of
# it.
