r"""
Sharpening a blurred photograph
===============================

A lens out of focus is a linear map that is known, and nearly cannot be undone: whatever noise there is, undoing it
makes it enormous. So one asks for a picture that explains the blurred one *and* is plausible, writes both as one
function of all pixels, and goes down its gradient. An image is just another weight.
"""

# %%
# The blurred picture
# -------------------
# The blur is a convolution with a Gaussian of a width of two pixels, computed as a product of Fourier transforms, and
# the noise has a standard deviation of one hundredth of white.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

import mxcore as mx

mx.random.seed(1)
photograph = load_sample_image("flower.jpg")[40:360:2, 130:610:2].mean(axis=2) / 255
rows, columns = photograph.shape
frequencies = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :])
transfer = np.exp(-2 * (np.pi * 2.0 * frequencies) ** 2)  # of a Gaussian with a deviation of 2 pixels


def blur(image):
    """A x."""
    return np.fft.irfft2(transfer * np.fft.rfft2(image), s=image.shape)


def blur_adjoint(image):
    """Aᵀ x: for a convolution, the one with the mirrored kernel."""
    return np.fft.irfft2(np.conj(transfer) * np.fft.rfft2(image), s=image.shape)


noise = mx.random.generator("noise").normal(0, 0.01, photograph.shape)
blurred = blur(photograph) + noise

# %%
# The objective
# -------------
# .. math::
#
#     L(x) = \tfrac12 \lVert A x - b \rVert^2 + \lambda \sum_{i,j} \sqrt{|(D x)_{ij}|^2 + \epsilon^2}
#
# where :math:`D x` holds, at each pixel, the differences to its neighbours on the right and below. The sum is the
# *total variation*: edges cost no more than ramps of the same height, but noise costs much. Its gradient is
#
# .. math::
#
#     \nabla L = A^T (A x - b) + \lambda\, D^T \frac{D x}{\sqrt{|D x|^2 + \epsilon^2}}
#
# and needs no matrix, only the two adjoint maps.
strength, epsilon = 0.0015, 0.02


def differences(image):
    """D x, with the last row and column taken as neighbours of the first."""
    return np.stack([np.roll(image, -1, axis) - image for axis in (0, 1)])


def differences_adjoint(pair):
    """Dᵀ of such a pair."""
    return sum(np.roll(one, 1, axis) - one for axis, one in enumerate(pair))


def objective(image):
    """L."""
    variation = np.sqrt((differences(image) ** 2).sum(axis=0) + epsilon**2).sum()
    return 0.5 * ((blur(image) - blurred) ** 2).sum() + strength * variation


def gradient(image):
    """The gradient of L, one number for each pixel."""
    d = differences(image)
    slope = differences_adjoint(d / np.sqrt((d**2).sum(axis=0) + epsilon**2))
    return blur_adjoint(blur(image) - blurred) + strength * slope


# %%
# Two checks before anything runs. A map and its adjoint must satisfy
# :math:`\langle A x, y \rangle = \langle x, A^T y \rangle`, and the gradient must agree with finite differences.
x, y = (mx.random.normal(shape=photograph.shape, dtype=np.float64) for _ in range(2))
print(f"<Ax, y> − <x, Aᵀy> = {np.vdot(blur(x), y) - np.vdot(x, blur_adjoint(y)):.1e}")
h = 1e-5
slope = (objective(photograph + h * x) - objective(photograph - h * x)) / (2 * h)
print(f"by hand {np.vdot(gradient(photograph), x):.6f}, by differences {slope:.6f}")

# %%
# Going down
# ----------
# The second derivative of :math:`L` is at most :math:`\ell = 1 + 8 \lambda / \epsilon`: no eigenvalue of :math:`A^T A`
# is above 1, none of :math:`D^T D` above 8. Nesterov's method at the rate :math:`1 / \ell` is the usual choice here.
# The blurred picture is where it starts.
optimizer = mx.optimizer.create("nag", learning_rate=1 / (1 + 8 * strength / epsilon), momentum=0.95)
update = mx.optimizer.get_updater(optimizer)


def quality(image):
    """The peak signal-to-noise ratio, in decibels: 10 more is a tenth of the squared error."""
    return -10 * np.log10(((image - photograph) ** 2).mean())


image, values, qualities = blurred.copy(), [], []
for _ in range(250):
    values.append(objective(image))
    qualities.append(quality(image))
    update("pixels", gradient(image), image)

# %%
# What it is worth
# ----------------
# Beside it stands the exact inverse of the blur, cut off where it would multiply by more than 1000, and the best that a
# filter with one free number can do (Tikhonov's, :math:`(A^T A + \mu)^{-1} A^T b`, with the :math:`\mu` that brings it
# closest to the photograph, which nobody could know).
spectrum = np.fft.rfft2(blurred)


def inverse(floor):
    """Division by the blur where it is above a floor."""
    return np.fft.irfft2(spectrum / np.maximum(transfer, floor), s=photograph.shape)


def tikhonov(mu):
    """The minimum of ‖Ax − b‖² + μ‖x‖²."""
    return np.fft.irfft2(spectrum * transfer / (transfer**2 + mu), s=photograph.shape)


filtered = max((tikhonov(mu) for mu in np.geomspace(1e-5, 1e-1, 30)), key=quality)
pictures = {
    "blurred": blurred,
    "divided by the blur": inverse(1e-3),
    "best linear filter": filtered,
    "total variation": image,
}
for title, one in pictures.items():
    print(f"{title:20} {quality(one):5.1f} dB")

# %%
figure, grid = plt.subplots(2, 3, figsize=(9, 4.9), layout="constrained")
panels = [(f"{title}, {quality(one):.1f} dB", one) for title, one in pictures.items()]
for axes, (title, one) in zip(grid.flat, [("photograph", photograph), *panels], strict=False):
    axes.imshow(one, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
axes = grid[1, 2]
axes.plot(qualities)
axes.set(xlabel="step", ylabel="dB")
axes.grid(alpha=0.3)
plt.show()

# %%
# Nothing in the loop knew that it was dealing with an image. If :math:`A` were a tomograph or a telescope, ``blur`` and
# its adjoint would be the only lines to change.
