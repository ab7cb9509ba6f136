r"""
Why the first values matter
===========================

A deep network multiplies by one matrix after the other. If each makes its input a little smaller, nothing is left
after thirty of them; if each makes it a little larger, numbers overflow. Initializers are formulas for the scale at
which neither happens. This page sends handwritten digits through thirty layers and looks.
"""

# %%
# The experiment
# --------------
# Thirty layers of 128 units, :math:`h_{l+1} = \phi(W_l h_l)`, nothing trained. Of interest are the size of the signals
# on their way forward, and that of the gradients on their way back, which decide whether the first layers can learn at
# all.
#
# Back through a layer the chain rule multiplies by the derivative of :math:`\phi` and by :math:`W_l^T`.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import mxcore as mx

mx.random.seed(1)
pictures = load_digits().data
x = (pictures - pictures.mean(axis=0)) / pictures.std()
depth, width = 30, 128
units = {
    "relu": (lambda z: np.maximum(z, 0), lambda h: 1.0 * (h > 0)),
    "tanh": (np.tanh, lambda h: 1 - h**2),
}


def sizes(initializer, unit):
    """The root mean squares of the signals behind each layer, and of the gradients in front of it."""
    function, derivative = units[unit]
    weights = [np.empty((width, 64 if layer == 0 else width)) for layer in range(depth)]
    for layer, weight in enumerate(weights):
        initializer(f"layer{layer}_weight", weight)
    signals = [x]
    for weight in weights:
        signals.append(function(signals[-1] @ weight.T))
    gradient = mx.random.generator("upstream").normal(size=signals[-1].shape)
    gradients = []
    for weight, signal in zip(reversed(weights), reversed(signals[1:]), strict=True):
        gradient = (gradient * derivative(signal)) @ weight
        gradients.append(gradient)
    return [[np.sqrt((array**2).mean()) for array in arrays] for arrays in (signals[1:], reversed(gradients))]


# %%
# The candidates, by name
# -----------------------
# ``normal`` with its default of 0.01 is what one writes without thinking. ``xavier`` keeps the variance through linear
# layers, ``msraprelu`` makes up for the half that rectified units take away, and ``orthogonal`` keeps every length
# exactly; its default scale of :math:`\sqrt 2`, again, is for rectified units.
candidates = {
    "normal, 0.01": mx.init.create("normal", sigma=0.01),
    "normal, 0.2": mx.init.create("normal", sigma=0.2),
    "xavier": mx.init.create("xavier"),
    "msraprelu, slope 0": mx.init.create("msraprelu", slope=0),
    "orthogonal": mx.init.create("orthogonal"),
    "orthogonal, 1": mx.init.create("orthogonal", scale=1.0),
}
figure, grid = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", sharex=True, sharey="row")
layers = np.arange(1, depth + 1)
for column, unit in zip(grid.T, units, strict=True):
    for label, initializer in candidates.items():
        forwards, backwards = sizes(initializer, unit)
        for axes, values in zip(column, (forwards, backwards), strict=True):
            axes.semilogy(layers, values, label=label)
        last, first = forwards[-1], backwards[0]
        print(f"{unit}  {label:19} signal behind the last layer {last:.0e}, gradient at the first {first:.0e}")
    column[0].set_title(unit)
    column[1].set_xlabel("layer")
for axes, label in zip(grid[:, 0], ("size of the signal", "size of the gradient"), strict=True):
    axes.set(ylabel=label, ylim=(1e-6, 1e6))
for axes in grid.flat:
    axes.grid(alpha=0.3)
figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
plt.show()

# %%
# What one sees
# -------------
# * Of the two scales that were guessed, one loses everything and the other makes it explode. The right one is in
#   between, and no constant: it depends on the width.
# * For rectified units it is ``msraprelu`` and ``orthogonal`` that stay level; ``xavier`` loses a factor of
#   :math:`\sqrt 2` per layer.
# * With ``tanh`` a scale that is too large saturates, so that the signal stays and the gradient explodes. There
#   ``xavier`` and ``orthogonal`` of scale 1 are at home.
#
# Names, by the way, are what the values depend on, and not the order of the layers: whoever adds one in the middle
# leaves all others as they were.
