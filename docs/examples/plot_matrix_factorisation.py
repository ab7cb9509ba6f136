r"""
Filling in a picture by matrix factorisation
============================================

A photograph is a matrix, and nearly one of low rank. Whoever knows a third of its pixels can guess the others: look
for two thin matrices whose product fits what is known. It is the method behind recommendations, where the rows are
people, the columns films, and most of the entries are unknown.
"""

# %%
# The matrix
# ----------
# A temple, in grey, at a third of its size, with values from 0 to 1. Of every three pixels two are hidden.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

import mxcore as mx

mx.random.seed(1)
photograph = load_sample_image("china.jpg")[:426, :639].mean(axis=2) / 255
picture = photograph.reshape(142, 3, 213, 3).mean(axis=(1, 3))
known = mx.random.generator("known").uniform(size=picture.shape) < 1 / 3
print(f"{picture.shape[0]} × {picture.shape[1]} pixels, {known.sum()} of them known")

# %%
# The objective and its gradient
# ------------------------------
# With :math:`U` of :math:`m \times r` and :math:`V` of :math:`n \times r`, and a mask :math:`M` of the pixels that are
# known,
#
# .. math::
#
#     L(U, V) = \tfrac12 \lVert M \odot (U V^T + \mu - A) \rVert^2
#               + \tfrac\lambda2 \left( \lVert U \rVert^2 + \lVert V \rVert^2 \right)
#
# With the error :math:`E = M \odot (U V^T + \mu - A)` the gradient of the first term is :math:`E V` for :math:`U`, and
# :math:`E^T U` for :math:`V`. The second one, again, is weight decay. What it is
# good for will show.
mean = picture[known].mean()


def complete(rank, decay, mask=known, steps=200):
    """The picture that a factorisation of this rank makes of the pixels in ``mask``."""
    schedule = mx.lr_scheduler.create("cosine", max_update=steps, base_lr=0.05)
    update = mx.optimizer.get_updater(mx.optimizer.create("adam", lr_scheduler=schedule, wd=decay))
    factors = [np.empty((size, rank)) for size in picture.shape]
    for name, factor in zip(("row_weight", "column_weight"), factors, strict=True):
        mx.init.create("normal", sigma=0.1)(name, factor)
    u, v = factors
    for _ in range(steps):
        error = np.where(mask, u @ v.T + mean - picture, 0)
        update(["rows", "columns"], [error @ v, error.T @ u], [u, v])
    return u @ v.T + mean


# %%
# A check first
# -------------
# If every pixel is known and nothing decays, there is an answer to compare with: no matrix of rank :math:`r` is closer
# to :math:`A - \mu` than its :math:`r` largest singular values (Eckart and Young, 1936). The problem is not convex, and
# gradient descent finds that matrix all the same.
rank = 12
everything = np.ones_like(known)
left, values, right = np.linalg.svd(picture - mean, full_matrices=False)
closest = (left[:, :rank] * values[:rank]) @ right[:rank] + mean


def rms(candidate, where):
    """The root of the mean squared error over the pixels ``where``."""
    return np.sqrt(((candidate - picture)[where] ** 2).mean())


found = complete(rank, decay=0, mask=everything, steps=600)
print(f"rank {rank}, all pixels known: {rms(found, everything):.6f}, Eckart and Young {rms(closest, everything):.6f}")

# %%
# Now the third
# -------------
# What counts is the error of the pixels that were hidden. Without decay it rises again from some rank on, for there are
# enough numbers to fit whatever is known and to dream up the rest; with it, more rank does no harm.
ranks = [2, 4, 8, 16, 32]
decays = [0.0, 0.3, 1.0]
errors = {decay: [rms(complete(r, decay), ~known) for r in ranks] for decay in decays}
for decay, row in errors.items():
    print(f"decay {decay:3}: " + "  ".join(f"rank {r} {error:.3f}" for r, error in zip(ranks, row, strict=True)))

# %%
# The picture is that of the rank and the decay whose error is smallest. (Here the hidden pixels are there to be looked
# at. In earnest one would hide some of the known ones for this choice.)
best_decay, best_rank = min(
    ((d, r) for d in decays for r in ranks), key=lambda one: errors[one[0]][ranks.index(one[1])]
)
guess = complete(best_rank, best_decay)
figure, grid = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
for axes, (title, image) in zip(
    grid.flat,
    {
        "what is known": np.where(known, picture, np.nan),
        f"filled in: rank {best_rank}, decay {best_decay}": guess,
        "the photograph": picture,
    }.items(),
    strict=False,
):
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.set_axis_off()
axes = grid[1, 1]
for decay, row in errors.items():
    axes.plot(ranks, row, "o-", label=f"decay {decay}")
axes.set(xlabel="rank", ylabel="error of hidden pixels", ylim=(0, None))
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()
