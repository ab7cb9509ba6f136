r"""
Filling in an image by matrix factorisation
===========================================

A photograph is a matrix of approximately low rank. If you know a third of its pixels, you can estimate the others: find
two thin matrices whose product fits the known ones. Recommender systems use the same method, with people as rows, films
as columns, and most entries unknown.
"""

# %%
# The matrix
# ----------
# A grey-scale photograph of a temple at a third of its size, with values from 0 to 1. Two thirds of the pixels are
# hidden.
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
# With :math:`U` of shape :math:`m \times r`, :math:`V` of shape :math:`n \times r` and the mask :math:`M` of the known
# pixels,
#
# .. math::
#
#     L(U, V) = \tfrac12 \lVert M \odot (U V^T + \mu - A) \rVert^2
#               + \tfrac\lambda2 \left( \lVert U \rVert^2 + \lVert V \rVert^2 \right)
#
# With the error :math:`E = M \odot (U V^T + \mu - A)`, the gradient of the first term is :math:`E V` with respect to
# :math:`U` and :math:`E^T U` with respect to :math:`V`. The second term is weight decay; its effect is shown below.
mean = picture[known].mean()


def complete(rank, decay, mask=known, steps=200):
    """The image that a factorisation of this rank estimates from the pixels in ``mask``."""
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
# A check
# -------
# If every pixel is known and there is no weight decay, the best answer is known: the closest matrix of rank :math:`r`
# to :math:`A - \mu` comes from its :math:`r` largest singular values (Eckart and Young, 1936). Although the problem is
# not convex, the optimizer comes very close to it.
rank = 12
everything = np.ones_like(known)
left, values, right = np.linalg.svd(picture - mean, full_matrices=False)
closest = (left[:, :rank] * values[:rank]) @ right[:rank] + mean


def rms(candidate, where):
    """The root mean squared error over the pixels ``where``."""
    return np.sqrt(((candidate - picture)[where] ** 2).mean())


found = complete(rank, decay=0, mask=everything, steps=600)
print(f"rank {rank}, all pixels known: {rms(found, everything):.6f}, Eckart and Young {rms(closest, everything):.6f}")

# %%
# A third of the pixels
# ---------------------
# What matters is the error over the hidden pixels. Without weight decay it rises again beyond some rank: the factors
# then have enough freedom to overfit the known pixels. With weight decay, a higher rank does no harm.
ranks = [2, 4, 8, 16, 32]
decays = [0.0, 0.3, 1.0]
errors = {decay: [rms(complete(r, decay), ~known) for r in ranks] for decay in decays}
for decay, row in errors.items():
    print(f"decay {decay:3}: " + "  ".join(f"rank {r} {error:.3f}" for r, error in zip(ranks, row, strict=True)))

# %%
# The picture shows the result with the rank and decay whose error is smallest. (This choice uses the hidden pixels. In
# practice you would set some known ones aside for it.)
best_decay, best_rank = min(
    ((d, r) for d in decays for r in ranks), key=lambda one: errors[one[0]][ranks.index(one[1])]
)
guess = complete(best_rank, best_decay)
figure, grid = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
for axes, (title, image) in zip(
    grid.flat,
    {
        "known pixels": np.where(known, picture, np.nan),
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
axes.grid(True)
axes.legend(frameon=False)
# sphinx_gallery_panel = 1
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "Four panels: a third of the pixels of a photograph of a temple; the image filled in from them,"
# sphinx_gallery_alt = "in which the temple is recognisable; the photograph; and the error of the hidden pixels against"
# sphinx_gallery_alt = "the rank, which rises beyond rank 4 without weight decay and stays low with it."
plt.show()
