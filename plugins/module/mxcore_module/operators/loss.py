"""Loss outputs, at which the gradient starts, ignoring incoming gradients."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math
from typing import Any

import attrs

from mxcore import boolean, hyperparameter, in_range, number, one_of
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.functions import sigmoid

__all__ = ["BlockGrad", "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput", "MakeLoss",
           "SVMOutput", "SoftmaxOutput"]  # fmt: skip


@register("Softmax")
@attrs.frozen
class SoftmaxOutput(Operator):
    """Class probabilities, trained with the cross-entropy.

    The output is ``pᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)``. The gradient with respect to ``x`` is ``(p - onehot(label)) ·
    grad_scale``: that of the summed (not averaged) ``-log p[label]``. The optimizer's ``rescale_grad`` divides it by
    the batch size.

    Args:
        data: ``x``, of shape ``(batch, classes)``; for further axes see ``multi_output`` and ``preserve_shape``.
        label: the classes, of shape ``(batch,)``, from 0; or the target probabilities, in the shape of ``data``.
            It affects only the gradient.
        grad_scale: a factor on the gradient.
        ignore_label: the class to ignore with ``use_ignore``.
        multi_output: whether there is a class for each pixel: data of shape ``(batch, classes, *spatial)``, labels of
            shape ``(batch, *spatial)``. Unless ``normalization="valid"``, the gradient is divided by the number of
            pixels of an image.
        use_ignore: whether rows with the class ``ignore_label`` get no gradient.
        preserve_shape: whether the classes lie along the last axis, with labels of shape ``data.shape[:-1]``.
        normalization: what the gradient is divided by: ``"null"``, nothing; ``"batch"``, the number of rows of the
            data; ``"valid"``, the number of labels other than ``ignore_label``.
        out_grad: whether the gradient is multiplied by that from above, instead of ignoring it.
        smooth_alpha: the probability that is moved from the label to the other classes.

    Returns:
        ``p``, in the shape of ``data``.

    Example:
        >>> import mxcore as mx
        >>> net = mx.symbol.SoftmaxOutput(mx.symbol.Variable("data"), name="softmax")
        >>> net.list_arguments(), net.infer_shape(data=(32, 10))[0]
        (['data', 'softmax_label'], [(32, 10), (32,)])
    """

    inputs = ("data", "label")

    grad_scale: float = hyperparameter(1.0, number)
    ignore_label: float = hyperparameter(-1.0, number)
    multi_output: bool = hyperparameter(False, boolean)
    use_ignore: bool = hyperparameter(False, boolean)
    preserve_shape: bool = hyperparameter(False, boolean)
    normalization: str = hyperparameter("null", one_of("null", "batch", "valid"))
    out_grad: bool = hyperparameter(False, boolean)
    smooth_alpha: float = hyperparameter(0.0, in_range(0, 1))

    @property
    def is_loss(self) -> bool:  # type: ignore[override]  # here it depends on an option
        return not self.out_grad

    def infer_shape(self, data: Shape, label: Shape | None) -> Inferred:
        if len(data) < 2 or (len(data) > 2 and not self.preserve_shape and not self.multi_output):
            raise ShapeError(f"data must have shape (batch, classes), got {data}: put a Flatten before it")
        wanted = [data[:-1] if self.preserve_shape else data[:1]]
        if self.multi_output:
            wanted = [(data[0], math.prod(data[2:])), (data[0], *data[2:]), (data[0], 1, *data[2:])]
        if label not in (None, data, *wanted):
            raise ShapeError(f"label must have shape {wanted[-1]}, or {data} for probabilities, got {label}")
        return (data, label or wanted[0]), data

    def _rows(self, xp: Any, array: Array) -> Array:
        """Return an array in the shape of the data as rows of one element per class."""
        if self.multi_output:
            return xp.moveaxis(array, 1, -1).reshape(-1, array.shape[1])
        return array.reshape(-1, array.shape[-1]) if self.preserve_shape else array.reshape(array.shape[0], -1)

    def _in_shape(self, xp: Any, rows: Array, data: Array) -> Array:
        if self.multi_output:
            return xp.moveaxis(rows.reshape(data.shape[0], *data.shape[2:], data.shape[1]), -1, 1)
        return rows.reshape(data.shape)

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        rows = self._rows(run.xp, data)
        powers = run.xp.exp(rows - rows.max(axis=1, keepdims=True))
        run.kept = powers / powers.sum(axis=1, keepdims=True)
        return self._in_shape(run.xp, run.kept, data)

    def backward(self, run: Run, grad: Array | None, data: Array, label: Array) -> tuple[Array | None, ...]:
        p = run.kept
        if label.shape == data.shape:
            step = (p - self._rows(run.xp, label)) * (
                self.grad_scale / (1 if self.normalization == "null" else len(label))
            )
        else:
            step = self._step(run, p, label.ravel(), len(data))
        found = self._in_shape(run.xp, step, data)
        return (found * grad if self.out_grad and grad is not None else found), None

    def _step(self, run: Run, p: Array, label: Array, batch: int) -> Array:
        chosen = label.astype(run.xp.int64)[:, None] == run.xp.arange(p.shape[1])
        target = chosen
        if self.smooth_alpha:
            other = self.smooth_alpha / (p.shape[1] - 1)
            target = run.xp.where(chosen, 1 - self.smooth_alpha, other).astype(p.dtype)
        counts = label != self.ignore_label
        step = (p - target) * (self.grad_scale / self._divisor(run, counts, batch))
        return step * counts[:, None] if self.use_ignore else step

    def _divisor(self, run: Run, counts: Array, batch: int) -> Any:
        if self.normalization == "valid":  # a 0-d array: reading its value would synchronise with the GPU
            return run.xp.maximum(counts.sum(), 1).astype(run.output.dtype)
        pixels = len(counts) // batch if self.multi_output else 1
        return pixels * (batch if self.normalization == "batch" else 1)


@attrs.frozen
class _Regression(Operator):
    """A link function, with the gradient ``prediction - label``."""

    inputs = ("data", "label")
    is_loss = True

    grad_scale: float = hyperparameter(1.0, number)

    def infer_shape(self, data: Shape, label: Shape | None) -> Inferred:
        if not data:
            raise ShapeError("data has no axes, it needs shape (batch, ...)")
        if label is None:
            label = data[:1] if data[1:] == (1,) else data
        if label[:1] != data[:1] or math.prod(label) != math.prod(data):
            raise ShapeError(f"label must have as many elements per row as data, got {label} for data {data}")
        return (data, label), data

    def slope(self, xp: Any, difference: Array) -> Array:
        """Return the derivative of the loss for a difference to the label."""
        return difference

    def backward(self, run: Run, grad: Array | None, data: Array, label: Array) -> tuple[Array | None, ...]:
        difference = self.slope(run.xp, run.output - label.reshape(data.shape))
        return difference * (self.grad_scale / max(math.prod(data.shape[1:]), 1)), None


@register()
@attrs.frozen
class LinearRegressionOutput(_Regression):
    """A prediction, trained with the squared error.

    The output is ``x`` itself. The gradient is ``(x - label) · grad_scale / k``, with ``k`` elements in a row: that
    of half the squared error, summed over rows and averaged within each.

    Args:
        data: ``x``, of shape ``(batch, ...)``.
        label: the target of ``x``, with the same shape or as many elements per row, such as ``(batch,)`` for
            ``(batch, 1)``.
        grad_scale: a factor on the gradient.

    Returns:
        ``x``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.LinearRegressionOutput(mx.symbol.Variable("data"), name="lro").infer_shape(data=(32, 1))[0]
        [(32, 1), (32,)]
    """

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        return data


@register()
@attrs.frozen
class LogisticRegressionOutput(_Regression):
    """Probabilities, trained with the binary cross-entropy.

    The output is ``p = 1 / (1 + e⁻ˣ)``. The gradient with respect to ``x`` is ``(p - label) · grad_scale / k``, with
    ``k`` elements in a row: that of ``-label log p - (1 - label) log(1 - p)``, summed over rows and averaged within
    each.

    Args:
        data: ``x``, of shape ``(batch, ...)``.
        label: 0, 1 or a probability, with the same shape or as many elements per row, such as ``(batch,)`` for
            ``(batch, 1)``.
        grad_scale: a factor on the gradient.

    Returns:
        ``p``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.LogisticRegressionOutput(mx.symbol.Variable("data"), name="yes").list_outputs()
        ['yes_output']
    """

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        return sigmoid(run.xp, data)


@register()
@attrs.frozen
class MAERegressionOutput(_Regression):
    """A prediction, trained with the absolute error.

    The output is ``x`` itself. The gradient is ``sign(x - label) · grad_scale / k``, with ``k`` elements in a row.

    Args:
        data: ``x``, of shape ``(batch, ...)``.
        label: the target of ``x``, with the same shape or as many elements per row.
        grad_scale: a factor on the gradient.

    Returns:
        ``x``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.MAERegressionOutput(x, y).infer_shape(x=(32, 1))[1]
        [(32, 1)]
    """

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        return data

    def slope(self, xp: Any, difference: Array) -> Array:
        return xp.sign(difference)


@register()
@attrs.frozen
class MakeLoss(Operator):
    """Makes a loss of any symbol: its gradient is ``grad_scale``, whatever comes from above.

    Args:
        data: the loss, of any shape.
        grad_scale: the gradient.
        valid_thresh: with ``normalization="valid"``, only elements above it count.
        normalization: what the gradient is divided by: ``"null"``, nothing; ``"batch"``, the number of rows;
            ``"valid"``, the number of elements above ``valid_thresh``.

    Returns:
        The data.

    Example:
        >>> import mxcore as mx
        >>> a, b = mx.symbol.Variable("a"), mx.symbol.Variable("b")
        >>> mx.symbol.MakeLoss(mx.symbol.square(a - b), name="loss").list_outputs()
        ['loss_output']
    """

    is_loss = True

    grad_scale: float = hyperparameter(1.0, number)
    valid_thresh: float = hyperparameter(0.0, number)
    normalization: str = hyperparameter("null", one_of("null", "batch", "valid"))

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return data

    def backward(self, run: Run, grad: Array | None, data: Array) -> tuple[Array | None, ...]:
        ones = run.xp.full(data.shape, self.grad_scale, data.dtype)
        if self.normalization == "valid":
            return (ones / run.xp.maximum((data > self.valid_thresh).sum(), 1).astype(data.dtype),)
        return (ones / data.shape[0] if self.normalization == "batch" else ones,)


@register(name="make_loss")
@attrs.frozen
class _MakeLoss(Operator):
    """Makes a loss of any symbol: its gradient is 1, whatever comes from above.

    Args:
        data: the loss, of any shape.

    Returns:
        The data.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.make_loss(mx.symbol.abs(x)).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    is_loss = True

    def output_names(self) -> tuple[str, ...]:
        return ("loss",)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return data

    def backward(self, run: Run, grad: Array | None, data: Array) -> tuple[Array | None, ...]:
        return (run.xp.ones_like(data),)


@register("stop_gradient")
@attrs.frozen
class BlockGrad(Operator):
    """Returns its input, and lets no gradient pass.

    Args:
        data: of any shape.

    Returns:
        The data.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> (x * mx.symbol.BlockGrad(x)).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    is_loss = True  # no gradient has to come from above

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return data

    def backward(self, run: Run, grad: Array | None, data: Array) -> tuple[Array | None, ...]:
        return (None,)


@register()
@attrs.frozen
class SVMOutput(Operator):
    """Class scores, trained with the hinge loss of a support-vector machine.

    The output is ``x`` itself. With ``s = 1`` for the label and -1 for the other classes, the gradient is that of
    ``regularization_coefficient · Σ max(0, margin - s x)``, or of the squares of these terms.

    Args:
        data: ``x``, of shape ``(batch, classes)``.
        label: the classes, of shape ``(batch,)``.
        margin: the margin.
        regularization_coefficient: a factor on the gradient.
        use_linear: whether the loss is the sum of the terms instead of their squares.

    Returns:
        ``x``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.SVMOutput(x, y).infer_shape(x=(32, 10))[1]
        [(32, 10)]
    """

    inputs = ("data", "label")
    is_loss = True

    margin: float = hyperparameter(1.0, number)
    regularization_coefficient: float = hyperparameter(1.0, number)
    use_linear: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape, label: Shape | None) -> Inferred:
        if len(data) != 2:
            raise ShapeError(f"data must have shape (batch, classes), got {data}")
        return (data, data[:1]), data

    def forward(self, run: Run, data: Array, label: Array) -> Array:
        return data

    def backward(self, run: Run, grad: Array | None, data: Array, label: Array) -> tuple[Array | None, ...]:
        xp = run.xp
        chosen = label.astype(xp.int64)[:, None] == xp.arange(data.shape[1])
        side = xp.where(chosen, 1, -1).astype(data.dtype)
        missing = xp.maximum(self.margin - side * data, 0)
        terms = (missing > 0).astype(data.dtype) if self.use_linear else 2 * missing
        return -self.regularization_coefficient * side * terms, None
