r"""
How sure are we? Sampling a posterior with Langevin dynamics
============================================================

An optimizer returns one answer. If you add noise of the right size to each step, the weights visit all answers that are
compatible with the data, each in proportion to its probability: this is stochastic gradient Langevin dynamics. For a
linear regression the posterior is known exactly, so you can see whether it works.
"""

# %%
# A regression whose posterior is known
# -------------------------------------
# The data, from scikit-learn, are measurements of 442 patients and the progression of their diabetes after a year. With
# five standardised measurements per patient as rows :math:`x_i`, the model is
#
# .. math::
#
#     y_i = w \cdot x_i + \text{noise}, \qquad \text{noise} \sim N(0, \sigma^2), \qquad w \sim N(0, 1/\alpha)
#
# The posterior is a normal distribution too:
#
# .. math::
#
#     w \mid y \;\sim\; N(\bar w, \Sigma), \qquad
#     \Sigma^{-1} = \frac{X^T X}{\sigma^2} + \alpha, \qquad \bar w = \Sigma \frac{X^T y}{\sigma^2}
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import mxcore as mx

mx.random.seed(1)
table = load_diabetes(as_frame=False)
columns = ["bmi", "bp", "s1", "s2", "s5"]
x = table.data[:, [table.feature_names.index(name) for name in columns]]
x, y = x / x.std(axis=0), (table.target - table.target.mean()) / table.target.std()
n, sigma, alpha = len(x), 0.7, 1.0

precision = x.T @ x / sigma**2 + alpha * np.eye(len(columns))
covariance = np.linalg.inv(precision)
mean = covariance @ x.T @ y / sigma**2

# %%
# Langevin's noise
# ----------------
# With the gradient :math:`G` of the negative log-posterior, the update is
#
# .. math::
#
#     w \leftarrow w - \tfrac{lr}{2}\, G + \sqrt{lr}\; \text{noise}, \qquad \text{noise} \sim N(0, 1)
#
# The gradient pulls towards the mean, the noise pushes away, and for small learning rates the two balance exactly when
# :math:`w` follows the posterior. The prior contributes :math:`\alpha w` to the gradient, which is weight decay:
# ``wd=alpha``. The contribution of the data is computed below, for 100 chains at a time, one per row, which start far
# from each other.
chains, rate, total, warm = 100, 1e-4, 6000, 2000


def gradient(weights):
    """The gradient of ‖y − Xw‖² / 2σ², for each chain."""
    return (weights @ x.T - y) @ x / sigma**2


optimizer = mx.optimizer.create("sgld", learning_rate=rate, wd=alpha)
update = mx.optimizer.get_updater(optimizer)
weights = mx.random.generator("start").normal(0, 2, (chains, len(columns)))
path = np.empty((total, *weights.shape))
for step in range(total):
    update("weights", gradient(weights), weights)
    path[step] = weights
samples = path[warm:].reshape(-1, len(columns))

# %%
# Comparison with the exact posterior
# -----------------------------------
# Here are the means and standard deviations of the samples after the first 2000 steps, beside the exact ones. With a
# finite learning rate the distribution is a little too wide; the variance in the direction of the largest precision
# :math:`p` is too large by a factor of :math:`1 / (1 - lr\, p / 4)`.
print("           mean            deviation")
print("           sampled  exact  sampled  exact")
for name, *figures in zip(
    columns, samples.mean(axis=0), mean, samples.std(axis=0), np.sqrt(np.diag(covariance)), strict=True
):
    print(f"{name:8}  " + "".join("{:8.3f}{:7.3f} ".format(*figures[i : i + 2]) for i in (0, 2)))
largest = np.linalg.eigvalsh(precision)[-1]
print(f"too wide by at most {1 / (1 - rate * largest / 4) - 1:.1%} of the variance")

# %%
# Two of the measurements, total cholesterol ``s1`` and low-density lipoproteins ``s2``, are strongly correlated. The
# data determine the sum of their weights well and the difference poorly, so the posterior is long and thin, which a
# single best answer would not show. The ellipses contain 50, 90 and 99 % of the exact posterior.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
pair = [columns.index("s1"), columns.index("s2")]
for chain in range(0, chains, 12):
    left.plot(*path[:warm, chain, pair].T, lw=0.6, alpha=0.6)
left.plot(*mean[pair], "k+", ms=12)
left.set(title=f"{len(range(0, chains, 12))} chains, the first {warm} steps")
right.plot(*samples[::37, pair].T, ".", ms=2, alpha=0.5, label="samples afterwards")
angle = np.linspace(0, 2 * np.pi, 200)
root = np.linalg.cholesky(covariance[np.ix_(pair, pair)])
for share in (0.5, 0.9, 0.99):
    radius = np.sqrt(-2 * np.log(1 - share))
    ellipse = mean[pair, None] + radius * root @ np.stack([np.cos(angle), np.sin(angle)])
    right.plot(*ellipse, color="C3", lw=1.2, label="exact posterior" if share == 0.5 else None)
right.set(title="compared with the exact posterior")
right.legend(frameon=False)
for axes in (left, right):
    axes.set(xlabel="weight of s1", ylabel="weight of s2")
    axes.grid(True)
# sphinx_gallery_panel = 1
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "On the left, nine chains start far apart and move to a long, thin region around the posterior"
# sphinx_gallery_alt = "mean of two weights. On the right, the samples of all chains, which fill the ellipses that"
# sphinx_gallery_alt = "contain 50, 90 and 99 % of the exact posterior."
plt.show()
centred = samples[:, pair] - mean[pair]
distances = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(covariance[np.ix_(pair, pair)]), centred)
for share in (0.5, 0.9, 0.99):
    inside = (distances < -2 * np.log(1 - share)).mean()
    print(f"the {share:.0%} ellipse contains {inside:.1%} of the samples")

# %%
# The noise of each step depends only on the seed, the parameter's name and the update count. So this page has the same
# results each time, and a chain that is saved and resumed continues exactly; see :doc:`plot_resume`.
