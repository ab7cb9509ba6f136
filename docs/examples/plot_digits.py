r"""
A network for handwritten digits, with backpropagation by hand
==============================================================

This example trains a network with one hidden layer on 1797 images of 8 × 8 pixels, without a framework: the gradient
is a dozen lines of NumPy, checked against finite differences. From mxcore come the initial values, the optimizer and
the learning-rate schedule, each created by name.
"""

# %%
# The data
# --------
# The digits come with scikit-learn. Every fourth image is set aside for testing.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import mxcore as mx

mx.random.seed(1)
pictures, labels = load_digits(return_X_y=True)
inputs = (pictures / 16).astype(np.float32)
is_test = np.arange(len(labels)) % 4 == 3
train_x, train_y, test_x, test_y = inputs[~is_test], labels[~is_test], inputs[is_test], labels[is_test]
print(f"{len(train_x)} digits to learn from, {len(test_x)} to test with")

# %%
# The network and its gradient
# ----------------------------
# For a batch :math:`X` of :math:`n` images, one per row,
#
# .. math::
#
#     H = \max(X W_1^T + b_1,\, 0), \qquad
#     P = \mathrm{softmax}(H W_2^T + b_2), \qquad
#     L = -\frac1n \sum_i \log P_{i,\,y_i}
#
# Backpropagation starts with the well-known :math:`\partial L / \partial Z = (P - Y) / n` for the outputs :math:`Z`
# before the softmax, where :math:`Y` contains the one-hot labels. The rest is two matrix products per layer, and a mask
# for the inactive hidden units.


def forward(weights, x):
    """The hidden layer and the log-probabilities of a batch."""
    w1, b1, w2, b2 = weights
    hidden = np.maximum(x @ w1.T + b1, 0)
    outputs = hidden @ w2.T + b2
    outputs -= outputs.max(axis=1, keepdims=True)  # no overflow in exp
    return hidden, outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))


def loss(weights, x, y):
    """The mean negative log-likelihood of the labels."""
    return -forward(weights, x)[1][np.arange(len(y)), y].mean()


def gradient(weights, x, y):
    """The gradient of the loss with respect to each of the weights."""
    hidden, log_p = forward(weights, x)
    d_outputs = np.exp(log_p)
    d_outputs[np.arange(len(y)), y] -= 1
    d_outputs /= len(y)
    d_hidden = (d_outputs @ weights[2]) * (hidden > 0)
    return [d_hidden.T @ x, d_hidden.sum(axis=0), d_outputs.T @ hidden, d_outputs.sum(axis=0)]


# %%
# Initial values
# --------------
# An initializer is called with a parameter's name and its array. ``xavier`` fills parameters whose name ends in
# ``weight`` with random values, and sets those that end in ``bias`` to 0. Besides the seed, the random values depend
# only on the parameter's name, shape and dtype.
names = ["hidden_weight", "hidden_bias", "output_weight", "output_bias"]
shapes = [(48, 64), (48,), (10, 48), (10,)]


def initial_values(dtype=np.float32):
    """New weights; the same ones each time."""
    arrays = [np.empty(shape, dtype) for shape in shapes]
    xavier = mx.init.create("xavier")
    for name, array in zip(names, arrays, strict=True):
        xavier(name, array)
    return arrays


# %%
# Is the gradient right?
# ----------------------
# Always check a gradient before you train with it. Along a random direction :math:`v` the derivative is
# :math:`\langle \nabla L, v \rangle`, and in double precision :math:`(L(w + h v) - L(w - h v)) / 2h` must agree with
# it. (:math:`h` is small because the hidden units have a kink at 0: none of them should switch on or off between the
# two points.)
weights = initial_values(np.float64)
direction = [mx.random.normal(shape=shape, dtype=np.float64) for shape in shapes]
by_hand = sum(np.vdot(g, v) for g, v in zip(gradient(weights, train_x, train_y), direction, strict=True))
h = 1e-7
ahead, behind = ([w + s * h * v for w, v in zip(weights, direction, strict=True)] for s in (1, -1))
by_differences = (loss(ahead, train_x, train_y) - loss(behind, train_x, train_y)) / (2 * h)
print(f"by hand {by_hand:.7f}, by differences {by_differences:.7f}")

# %%
# The loop
# --------
# You write the loop yourself. ``update`` takes lists of names, gradients and weights, and updates the weights in place.
epochs, batch = 20, 32
batches = len(train_x) // batch
schedule = mx.lr_scheduler.create("cosine", max_update=epochs * batches, base_lr=0.01, warmup_steps=batches)
update = mx.optimizer.get_updater(mx.optimizer.create("adam", lr_scheduler=schedule))

weights, history = initial_values(), []
for epoch in range(epochs):
    order = mx.random.generator("order", epoch).permutation(len(train_x))
    for rows in np.array_split(order, batches):
        update(names, gradient(weights, train_x[rows], train_y[rows]), weights)
    history.append([loss(weights, x, y) for x, y in ((train_x, train_y), (test_x, test_y))])

guesses = forward(weights, test_x)[1].argmax(axis=1)
wrong = np.flatnonzero(guesses != test_y)
print(f"{(guesses == test_y).mean():.1%} of the test digits are classified correctly, {len(wrong)} are not")

# %%
# Results
# -------
# On the left the loss; the gap between the two curves shows how far the network overfits. On the right the weights of
# the first 24 hidden units: each responds to ink where it is red, and to its absence where it is blue.
figure = plt.figure(figsize=(9, 3.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(5, 4))
axes = left.subplots()
for curve, label in zip(np.transpose(history), ("training", "test"), strict=True):
    axes.plot(np.arange(1, epochs + 1), curve, label=label)
axes.set(xlabel="epoch", ylabel="loss", xticks=range(0, epochs + 1, 5), ylim=(0, None))
axes.grid(True)
axes.legend(frameon=False)
bound = abs(weights[0]).max()
for axes, unit in zip(right.subplots(4, 6).flat, weights[0], strict=False):
    axes.imshow(unit.reshape(8, 8), cmap="RdBu_r", vmin=-bound, vmax=bound)
    axes.set_axis_off()
# sphinx_gallery_panel = 0
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "On the left, training and test loss fall over 20 epochs and the training loss ends lower. On"
# sphinx_gallery_alt = "the right, the weights of 24 hidden units as 8 × 8 images in red and blue."
plt.show()

# %%
# These are the test digits that it got wrong, with its guesses. Some of them are ambiguous.
figure, grid = plt.subplots(2, 8, figsize=(9, 2.9), layout="constrained")
for axes in grid.flat:
    axes.set_axis_off()
for axes, row in zip(grid.flat, wrong, strict=False):
    axes.imshow(test_x[row].reshape(8, 8), cmap="gray_r")
    axes.set_title(f"{test_y[row]}, not {guesses[row]}", fontsize=9)
# sphinx_gallery_alt = "The test digits that were classified wrongly, each with its label and the network's guess."
plt.show()

# %%
# To try another optimizer, replace ``"adam"`` with any name that ``mxcore list optimizer`` shows.
# :doc:`plot_schedules` compares schedules.
