r"""
Why initial values matter
=========================

A deep network multiplies by one matrix after another. If each makes its input a little smaller, nothing is left after
thirty layers; if each makes it a little larger, the numbers explode. Initializers choose the scale at which neither
happens. This example sends handwritten digits through thirty layers and measures the signals.
"""

# %%
# The experiment
# --------------
# The network has thirty untrained layers of 128 units, :math:`h_{l+1} = \phi(W_l h_l)`. We measure the size of the
# signals on the way forward, and that of the gradients on the way back, which decide whether the first layers can
# learn.
#
# Back through a layer, the chain rule multiplies by the derivative of :math:`\phi` and by :math:`W_l^T`.
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
    """The root mean squares of the outputs of each layer, and of the gradients with respect to its inputs."""
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
# The initializers
# ----------------
# ``normal`` with its default of 0.01 is an arbitrary choice. ``xavier`` preserves the variance in linear layers.
# ``msraprelu`` compensates for the half of the signal that ReLU removes. ``orthogonal`` preserves lengths exactly at
# scale 1; its default scale of :math:`\sqrt 2` is again for ReLU.
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
        print(f"{unit}  {label:19} signal after the last layer {last:.0e}, gradient at the first {first:.0e}")
    column[0].set_title(unit)
    column[1].set_xlabel("layer")
for axes, label in zip(grid[:, 0], ("size of the signal", "size of the gradient"), strict=True):
    axes.set(ylabel=label, ylim=(1e-6, 1e6))
for axes in grid.flat:
    axes.grid(True)
figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
# sphinx_gallery_panel = 0
# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_alt = "Four panels: the size of signals and gradients over 30 layers, with ReLU and with tanh, for six"
# sphinx_gallery_alt = "initializers. With ReLU, msraprelu and orthogonal stay level; with tanh, xavier and orthogonal"
# sphinx_gallery_alt = "of scale 1 change least. Normal values with 0.01 vanish, and those with 0.2 explode."
plt.show()

# %%
# Results
# -------
# * Of the two guessed scales, one makes the signals vanish and the other makes them explode. The right scale lies in
#   between and depends on the width of the layers.
# * With ReLU, ``msraprelu`` and ``orthogonal`` keep signals and gradients level; ``xavier`` loses a factor of
#   :math:`\sqrt 2` per layer.
# * With ``tanh``, a scale that is too large saturates the units: the signals stay level and the gradients explode.
#   ``xavier`` and ``orthogonal`` with scale 1 work best here.
#
# The random values depend on the names of the parameters, not on their order: if you add a layer in the middle, the
# values of all others stay the same.
