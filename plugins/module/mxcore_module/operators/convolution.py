"""Convolution, as one matrix product over the columns of all windows."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import boolean, hyperparameter, integer, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, along, axes_but, register, turned
from mxcore_module.operators.windows import Windows, batch_first, batch_last, sizes

__all__ = ["Convolution", "Deconvolution"]

LAYOUTS = ("NCW", "NCHW", "NCDHW")


def check_layout(layout: str | None, axes: int) -> None:
    """Check that a layout has the batch first and then the channels.

    Raises:
        ShapeError: it is another one.
    """
    if layout not in (None, LAYOUTS[axes - 1]):
        raise ShapeError(f"layout must be {LAYOUTS[axes - 1]} for {axes} spatial axes, got {layout}")


@attrs.frozen
class _Filters(Operator):
    """The base class of these two."""

    inputs = ("data", "weight", "bias")
    partial = True

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return shapes[0] is not None and 0 not in shapes[0][2:]

    kernel: tuple[int, ...] = hyperparameter(sizes)
    stride: tuple[int, ...] = hyperparameter((), sizes)
    dilate: tuple[int, ...] = hyperparameter((), sizes)
    pad: tuple[int, ...] = hyperparameter((), sizes)
    num_filter: int = hyperparameter(integer(at_least=1), kw_only=True)
    num_group: int = hyperparameter(1, integer(at_least=1))
    workspace: int = hyperparameter(1024, integer(at_least=0))
    no_bias: bool = hyperparameter(False, boolean)
    cudnn_tune: str | None = hyperparameter(None, optional(one_of("off", "limited_workspace", "fastest")))
    cudnn_off: bool = hyperparameter(False, boolean)
    layout: str | None = hyperparameter(None, optional(one_of(*LAYOUTS)))

    def input_names(self) -> tuple[str, ...]:
        return self.inputs[:2] if self.no_bias else self.inputs


@register()
@attrs.frozen
class Convolution(_Filters):
    """A convolution over 1 to 3 spatial axes, ``y[n, f] = b[f] + Σ_c x[n, c] ⋆ W[f, c]``.

    ``⋆`` is the cross-correlation, ``(x ⋆ w)[i] = Σ_k w[k] · x[stride · i + dilate · k - pad]``, with zeros outside of
    ``x``. With groups, each group of filters reads its own group of channels.

    Args:
        data: ``x``, of shape ``(batch, channels, *spatial)``.
        weight: ``W``, of shape ``(num_filter, channels / num_group, *kernel)``.
        bias: ``b``, of shape ``(num_filter,)``.
        kernel: the size of the window along each spatial axis.
        stride: the steps of the window; 1 by default.
        dilate: the steps between the elements of the window; 1 by default.
        pad: the zeros added on both sides of each axis; none by default.
        num_filter: the number of filters, a multiple of ``num_group``.
        num_group: the number of groups, which divides the channels.
        no_bias: whether to leave out ``b``.
        layout: ``"NCW"``, ``"NCHW"`` or ``"NCDHW"``, which is also the default.
        workspace, cudnn_tune, cudnn_off: accepted for MXNet's sake, without effect.

    Returns:
        ``y``, of shape ``(batch, num_filter, *out)``, where ``out`` is
        ``⌊(size + 2 pad - dilate (kernel - 1) - 1) / stride⌋ + 1``.

    Example:
        >>> import mxcore as mx
        >>> layer = mx.symbol.Convolution(mx.symbol.Variable("data"), kernel=(5, 5), num_filter=20, name="conv")
        >>> layer.infer_shape(data=(32, 1, 28, 28))
        ([(32, 1, 28, 28), (20, 1, 5, 5), (20,)], [(32, 20, 24, 24)], [])
    """

    def windows(self, spatial: Shape) -> Windows:
        return Windows.over(spatial, self.kernel, self.stride, self.dilate, self.pad, full=False)

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        axes = len(self.kernel)
        if not 1 <= axes <= 3 or len(data) != axes + 2:
            raise ShapeError(f"data must have shape (batch, channels, ...) with {axes} sizes more, got {data}")
        check_layout(self.layout, axes)
        if data[1] % self.num_group or self.num_filter % self.num_group:
            raise ShapeError(
                f"num_group={self.num_group} must divide the {data[1]} channels and num_filter={self.num_filter}"
            )
        weight = (self.num_filter, data[1] // self.num_group, *self.kernel)
        bias = () if self.no_bias else ((self.num_filter,),)
        return (data, weight, *bias), (data[0], self.num_filter, *self.windows(data[2:]).places)

    def forward(self, run: Run, data: Array, weight: Array, bias: Array = None) -> Array:
        windows = self.windows(data.shape[2:])
        columns = windows.columns(run.xp, data)
        columns = columns.reshape(self.num_group, weight[0].size, -1)
        product = weight.reshape(self.num_group, -1, columns.shape[1]) @ columns
        product = product.reshape(self.num_filter, -1)
        if bias is not None:
            product += bias[:, None]
        run.kept = columns if run.training else None
        return batch_first(product.reshape(self.num_filter, *windows.places, data.shape[0]))

    def backward(
        self, run: Run, grad: Array, data: Array, weight: Array, bias: Array = None
    ) -> tuple[Array | None, ...]:
        columns = run.kept
        flat = batch_last(grad).reshape(self.num_group, self.num_filter // self.num_group, -1)
        for_weight = (flat @ turned(columns)).reshape(weight.shape)
        for_data = self._data_gradient(run.xp, flat, data, weight) if run.wanted[0] else None
        return (for_data, for_weight) if bias is None else (for_data, for_weight, flat.sum(axis=2).ravel())

    def _data_gradient(self, xp: Any, flat: Array, data: Array, weight: Array) -> Array:
        windows = self.windows(data.shape[2:])
        parts = turned(weight.reshape(self.num_group, flat.shape[1], -1)) @ flat
        parts = parts.reshape(data.shape[1], *self.kernel, *windows.places, data.shape[0])
        return windows.summed(xp, parts, data.shape[2:])


@register()
@attrs.frozen
class Deconvolution(_Filters):
    """The transpose of a convolution: what :class:`Convolution` does to gradients, over 1 to 3 spatial axes.

    Args:
        data: of shape ``(batch, channels, *spatial)``.
        weight: of shape ``(channels, num_filter / num_group, *kernel)``.
        bias: of shape ``(num_filter,)``.
        kernel: the size of the window along each spatial axis.
        stride: the steps of the window; 1 by default.
        dilate: the steps between the elements of the window; 1 by default.
        pad: the elements cut off on both sides of each axis; none by default.
        adj: the elements added after each axis, fewer than the stride; none by default.
        target_shape: the spatial shape of the result, instead of ``pad`` and ``adj``.
        num_filter: the number of filters, a multiple of ``num_group``.
        num_group: the number of groups, which divides the channels.
        no_bias: whether there is no bias, which is the default.
        layout: ``"NCW"``, ``"NCHW"`` or ``"NCDHW"``, which is also the default.
        workspace, cudnn_tune, cudnn_off: accepted for MXNet's sake, without effect.

    Returns:
        An array of shape ``(batch, num_filter, *out)``, where ``out`` is
        ``stride (size - 1) + dilate (kernel - 1) + 1 - 2 pad + adj``.

    Example:
        >>> import mxcore as mx
        >>> layer = mx.symbol.Deconvolution(mx.symbol.Variable("data"), kernel=(4, 4), stride=(2, 2), pad=(1, 1),
        ...                                 num_filter=8, name="up")
        >>> layer.infer_shape(data=(32, 16, 7, 7))
        ([(32, 16, 7, 7), (16, 8, 4, 4)], [(32, 8, 14, 14)], [])
    """

    adj: tuple[int, ...] = hyperparameter((), sizes)
    target_shape: tuple[int, ...] = hyperparameter((), sizes)
    workspace: int = hyperparameter(512, integer(at_least=0))
    no_bias: bool = hyperparameter(True, boolean)

    def _placed(self, spatial: Shape) -> tuple[Windows, Shape]:
        """Return the windows over the result, of which there is one for each element of the data, and its sizes."""
        ones, zeros = (1,) * len(spatial), (0,) * len(spatial)
        stride, dilate = self.stride or ones, self.dilate or ones
        pad, adj = self.pad or zeros, self.adj or zeros
        if not len(stride) == len(dilate) == len(pad) == len(adj) == len(self.kernel):
            raise ShapeError(f"stride, dilate, pad and adj must have a size for each of {len(spatial)} spatial axes")
        whole = tuple(
            step * (size - 1) + apart * (length - 1) + 1
            for step, size, apart, length in zip(stride, spatial, dilate, self.kernel, strict=True)
        )
        if self.target_shape:
            out = self.target_shape
            pad = tuple((full - size + 1) // 2 for full, size in zip(whole, out, strict=True))
        else:
            out = tuple(full - 2 * cut + more for full, cut, more in zip(whole, pad, adj, strict=True))
        if min(out) < 1 or min(pad) < 0:
            raise ShapeError(f"nothing is left, or too much is asked for: {out} of {whole}")
        return Windows(self.kernel, stride, dilate, pad, spatial), out

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        axes = len(self.kernel)
        if not 1 <= axes <= 3 or len(data) != axes + 2:
            raise ShapeError(f"data must have shape (batch, channels, ...) with {axes} sizes more, got {data}")
        check_layout(self.layout, axes)
        if data[1] % self.num_group or self.num_filter % self.num_group:
            raise ShapeError(
                f"num_group={self.num_group} must divide the {data[1]} channels and num_filter={self.num_filter}"
            )
        weight = (data[1], self.num_filter // self.num_group, *self.kernel)
        bias = () if self.no_bias else ((self.num_filter,),)
        return (data, weight, *bias), (data[0], self.num_filter, *self._placed(data[2:])[1])

    def _grouped(self, data: Array, weight: Array) -> tuple[Array, Array]:
        flat = batch_last(data).reshape(self.num_group, data.shape[1] // self.num_group, -1)
        return flat, weight.reshape(self.num_group, flat.shape[1], -1)

    def forward(self, run: Run, data: Array, weight: Array, bias: Array = None) -> Array:
        windows, out = self._placed(data.shape[2:])
        flat, filters = self._grouped(data, weight)
        parts = (turned(filters) @ flat).reshape(self.num_filter, *self.kernel, *windows.places, data.shape[0])
        found = windows.summed(run.xp, parts, out)
        if bias is not None:
            found += along(1, found.ndim, bias)
        return found

    def backward(
        self, run: Run, grad: Array, data: Array, weight: Array, bias: Array = None
    ) -> tuple[Array | None, ...]:
        windows, _ = self._placed(data.shape[2:])
        flat, filters = self._grouped(data, weight)
        columns = windows.columns(run.xp, grad).reshape(self.num_group, filters.shape[2], -1)
        for_weight = (flat @ turned(columns)).reshape(weight.shape)
        for_data = (filters @ columns).reshape(data.shape[1], *data.shape[2:], data.shape[0])
        both = batch_first(for_data), for_weight
        return both if bias is None else (*both, grad.sum(axis=axes_but(1, grad.ndim)))
