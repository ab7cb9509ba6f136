r"""
What is inside the wall? An inverse heat problem
================================================

A wall is heated from one side, and a few thermometers inside it record the temperature. How well does the material
conduct heat at each depth? A differential equation gives the temperature for a given conductivity. To go the other way,
optimise over the conductivity. The gradient costs one more solution, of an equation that runs backwards in time: the
*adjoint method*.
"""

# %%
# The equation
# ------------
# The temperature :math:`u(x, t)` of a wall of width 1 obeys
#
# .. math::
#
#     \frac{\partial u}{\partial t} = \frac{\partial}{\partial x}\left(k(x) \frac{\partial u}{\partial x}\right),
#     \qquad u(0, t) = 1, \quad u(1, t) = 0, \quad u(x, 0) = 0
#
# with the conductivity :math:`k(x) > 0`. On a grid of :math:`n` interior points, with :math:`k` on the :math:`n + 1`
# edges between neighbours, the spatial operator becomes a matrix :math:`K(k) = D^T \mathrm{diag}(k)\, D`, and implicit
# Euler steps of length :math:`\tau` are
#
# .. math::
#
#     B\, u^{s+1} = u^s + \tau f, \qquad B = 1 + \tau K(k),
#
# where :math:`f` is the heat that enters from the hot side. The unknown is :math:`m = \log k`, which keeps :math:`k`
# positive.
import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import solveh_banded

import mxcore as mx

mx.random.seed(1)
n, steps, tau = 60, 80, 0.01
edges = np.linspace(0, 1, n + 1)


def gaps(u):
    """D u on the edges, without the fixed ends: the difference of the two neighbours over their distance."""
    return np.diff(u, prepend=0, append=0, axis=-1) * (n + 1)


def banded(k):
    """B in the form that solveh_banded takes: its upper diagonal and its diagonal."""
    scale = tau * (n + 1) ** 2
    return np.stack([np.concatenate([[0], -scale * k[1:-1]]), 1 + scale * (k[:-1] + k[1:])])


def temperatures(m):
    """The temperatures at each step, from the logarithm of the conductivity."""
    k = np.exp(m)
    matrix, u = banded(k), np.zeros((steps + 1, n))
    heat = np.zeros(n)
    heat[0] = tau * (n + 1) ** 2 * k[0]
    for s in range(steps):
        u[s + 1] = solveh_banded(matrix, u[s] + heat, check_finite=False)
    return u


# %%
# The measurements
# ----------------
# The wall has a layer of insulation and, deeper, a layer that conducts well. Seven thermometers measure at each step,
# with a standard error of 0.002, which is 1/500 of the temperature difference between the two sides.
truth = np.where((edges > 0.25) & (edges < 0.45), 0.2, np.where((edges > 0.6) & (edges < 0.75), 2.0, 0.7))
sensors = np.linspace(7, n - 8, 7).round().astype(int)
noise = mx.random.generator("thermometers").normal(0, 0.002, (steps, len(sensors)))
measured = temperatures(np.log(truth))[1:, sensors] + noise

# %%
# The gradient, by the adjoint method
# -----------------------------------
# The objective is the misfit, plus a regularisation of the profile: a smoothed total variation, as in
# :doc:`plot_deblurring`, which permits layers and penalises oscillations.
#
# .. math::
#
#     L(m) = \frac{1}{2 \sigma^2} \sum_s \lVert P u^s - d^s \rVert^2
#            + \gamma \sum_i \sqrt{(m_{i+1} - m_i)^2 + \epsilon^2}
#
# Differentiating :math:`u` with respect to each of the :math:`n + 1` unknowns would take :math:`n + 1` solutions of the
# equation. One is enough: let :math:`\lambda` run backwards from the end,
#
# .. math::
#
#     B\, \lambda^s = \lambda^{s+1} + P^T (P u^s - d^s) / \sigma^2,
#
# driven by the residuals at the thermometers. (:math:`B` is symmetric.) Because the derivative of :math:`B u` with
# respect to :math:`k_i` is :math:`\tau D_i^T D_i u`,
#
# .. math::
#
#     \frac{\partial L}{\partial k_i} = -\tau \sum_s (D \lambda^s)_i\, (D u^s)_i,
#     \qquad \frac{\partial L}{\partial m_i} = k_i \frac{\partial L}{\partial k_i}
#
# where the difference on the first edge includes the hot side.
sigma, gamma, epsilon = 0.002, 4.0, 0.02


def objective(m):
    """L."""
    misfit = temperatures(m)[1:, sensors] - measured
    return 0.5 * (misfit**2).sum() / sigma**2 + gamma * np.sqrt(np.diff(m) ** 2 + epsilon**2).sum()


def gradient(m):
    """The gradient of L, from one forward and one backward solution."""
    k, u = np.exp(m), temperatures(m)
    matrix, by_k = banded(k), np.zeros(n + 1)
    slopes = gaps(u)
    slopes[:, 0] -= n + 1  # the hot side is at 1
    adjoint = np.zeros(n)
    for s in range(steps, 0, -1):
        adjoint[sensors] += (u[s, sensors] - measured[s - 1]) / sigma**2
        adjoint = solveh_banded(matrix, adjoint, check_finite=False)
        by_k -= tau * gaps(adjoint) * slopes[s]
    jumps = np.diff(m)
    return k * by_k - gamma * np.diff(jumps / np.sqrt(jumps**2 + epsilon**2), prepend=0, append=0)


# %%
# In adjoint code it is easy to get a sign or an index wrong, and the result still looks reasonable. So check every
# single derivative:
m = np.log(np.linspace(0.5, 1, n + 1))
h = 1e-5
by_differences = np.array([objective(m + h * e) - objective(m - h * e) for e in np.eye(n + 1)]) / (2 * h)
error = abs(gradient(m) - by_differences).max() / abs(by_differences).max()
print(f"{n + 1} derivatives, relative error {error:.0e}")

# %%
# Optimisation
# ------------
# The initial guess is a homogeneous wall. Some unknowns matter much more than others, so the derivatives differ by
# orders of magnitude, which Adam evens out.
total = 800
schedule = mx.lr_scheduler.create("cosine", max_update=total, base_lr=0.1)
update = mx.optimizer.get_updater(mx.optimizer.create("adam", beta2=0.99, lr_scheduler=schedule))

m = np.full(n + 1, np.log(0.5))
snapshots = {0: np.exp(m)}
for step in range(1, total + 1):
    update("log_conductivity", gradient(m), m)
    if step in (10, 50, total):
        snapshots[step] = np.exp(m)
fitted = temperatures(m)[1:, sensors]
print(f"L was {objective(np.log(snapshots[0])):.0f}, and is {objective(m):.0f}")
print(f"misfit of a measurement: {np.sqrt(((fitted - measured) ** 2).mean()) / sigma:.2f} of a thermometer's error")

# %%
# Results
# -------
# The model explains the data as well as the measurement errors allow: the misfit equals the standard error. Both layers
# are found, with the right depth and conductivity. The far side of the insulation lies between two thermometers and
# comes out as a ramp: heat conduction smooths out details, whatever the optimizer.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.step(edges, truth, color="black", where="mid", label="the wall")
for (step, profile), shade in zip(snapshots.items(), (0.25, 0.45, 0.65, 0.95), strict=True):
    left.plot(edges, profile, color=plt.colormaps["Oranges"](shade), lw=1.8, label=f"after {step} steps")
left.plot((sensors + 1) / (n + 1), np.full(len(sensors), 0.05), "k^", ms=5, label="thermometers")
left.set(xlabel="depth", ylabel="conductivity", ylim=(0, 2.6))
left.legend(frameon=False, fontsize=9)
time = np.arange(1, steps + 1) * tau
for sensor in range(len(sensors)):
    colour = plt.colormaps["plasma"](sensor / len(sensors))
    right.plot(time, measured[:, sensor], ".", color=colour, ms=3)
    right.plot(time, fitted[:, sensor], color=colour, lw=1)
right.set(xlabel="time", ylabel="temperature (points: measured)", ylim=(0, 1))
for axes in (left, right):
    axes.grid(True)
# sphinx_gallery_panel = 0
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "On the left, the conductivity of the wall against depth: after 800 steps the estimate has found"
# sphinx_gallery_alt = "both layers; only the far side of the insulation is a ramp. On the right, the temperatures"
# sphinx_gallery_alt = "measured by seven thermometers over time, as points, and the fitted curves through them."
plt.show()
