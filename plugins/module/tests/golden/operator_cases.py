"""The calls of operators that are compared with MXNet: each a function of ``mx.symbol`` and variables, and the inputs.

An input is a shape of normally distributed numbers, or a pair of a kind and a shape: ``"positive"``, from 0.5 to 1.5,
``"unit"``, from -0.9 to 0.9, ``"grid"``, integers from -2 to 2, so that there are ties; ``"below 4"``, integers from 0
to 3; ``"length"``, integers from 1 to 4. Arguments that are not named here, such as weights, are normally distributed.
"""

import zlib

import numpy as np

# fmt: off
WINDOWS = {
    "convolution": (lambda s, x: s.Convolution(x, kernel=(3, 3), num_filter=4), {"x": (2, 3, 6, 5)}),
    "convolution, all options": (
        lambda s, x: s.Convolution(
            x, kernel=(3, 2), stride=(2, 1), dilate=(1, 2), pad=(2, 1), num_filter=4, num_group=2, workspace=256,
            cudnn_tune="off", cudnn_off=True, layout="NCHW"),
        {"x": (2, 4, 6, 5)}),
    "convolution, no bias": (lambda s, x: s.Convolution(x, kernel=(1, 1), num_filter=3, no_bias=True), {"x": (2, 3, 4, 4)}),
    "convolution, 1x1 with stride": (
        lambda s, x: s.Convolution(x, kernel=(1, 1), stride=(2, 2), num_filter=3), {"x": (2, 3, 4, 5)}),
    "convolution, depthwise": (
        lambda s, x: s.Convolution(x, kernel=(3, 3), pad=(1, 1), num_filter=6, num_group=3), {"x": (2, 3, 4, 4)}),
    "convolution, 1-D": (
        lambda s, x: s.Convolution(x, kernel=(3,), stride=(2,), pad=(1,), dilate=(2,), num_filter=2), {"x": (2, 3, 9)}),
    "convolution, 3-D": (
        lambda s, x: s.Convolution(x, kernel=(2, 3, 2), stride=(1, 2, 1), pad=(1, 0, 1), num_filter=2),
        {"x": (2, 2, 3, 5, 4)}),
    "deconvolution": (lambda s, x: s.Deconvolution(x, kernel=(3, 3), num_filter=4), {"x": (2, 3, 4, 5)}),
    "deconvolution, all options": (
        lambda s, x: s.Deconvolution(
            x, kernel=(3, 2), stride=(3, 2), dilate=(1, 2), pad=(1, 0), adj=(2, 1), num_filter=4, num_group=2, no_bias=False),
        {"x": (2, 4, 3, 4)}),
    "deconvolution, 1-D": (lambda s, x: s.Deconvolution(x, kernel=(3,), stride=(2,), num_filter=2), {"x": (2, 3, 4)}),
    "upsampling": (lambda s, x: s.UpSampling(x, scale=2, sample_type="nearest"), {"x": (2, 3, 2, 3)}),
    "upsampling, several": (
        lambda s, x, y: s.UpSampling(x, y, scale=2, sample_type="nearest", num_args=2), {"x": (2, 3, 2, 4), "y": (2, 1, 1, 2)}),
    "upsampling, sum": (
        lambda s, x, y: s.UpSampling(x, y, scale=2, sample_type="nearest", num_args=2, multi_input_mode="sum"),
        {"x": (2, 3, 2, 4), "y": (2, 3, 1, 2)}),
    "upsampling, bilinear": (
        lambda s, x: s.UpSampling(x, scale=3, sample_type="bilinear", num_filter=2), {"x": (2, 2, 3, 3)}),
    "two convolutions": (
        lambda s, x: s.Convolution(
            s.Pooling(s.Convolution(x, kernel=(3, 3), num_filter=2), kernel=(2, 2), stride=(2, 2)),
            kernel=(2, 2), num_filter=3),
        {"x": (2, 1, 8, 8)}),
}

POOLING = {
    f"pooling, {kind}, {what}": (
        lambda s, x, kind=kind, options=options: s.Pooling(x, pool_type=kind, **options),
        {"x": shape},
    )
    for kind in ("max", "avg", "sum", "lp")
    for what, shape, options in (
        ("plain", (2, 2, 4, 6), {"kernel": (2, 2), "stride": (2, 2), "p_value": 2}),
        ("overlapping", (2, 2, 6, 7), {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 1), "p_value": 1}),
        ("excluding", (2, 2, 5, 6), {"kernel": (3, 3), "pad": (1, 1), "count_include_pad": False, "p_value": 2}),
        ("full", (2, 2, 7, 8), {"kernel": (3, 3), "stride": (2, 2), "pooling_convention": "full", "p_value": 3}),
        (
            "full and padded",
            (1, 2, 6, 8),
            {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "p_value": 2, "pooling_convention": "full"},
        ),
        (
            "full and excluding",
            (1, 2, 6, 8),
            {
                "kernel": (3, 3),
                "stride": (2, 2),
                "pad": (1, 1),
                "p_value": 2,
                "pooling_convention": "full",
                "count_include_pad": False,
            },
        ),
        ("global", (2, 3, 4, 5), {"kernel": (2, 2), "global_pool": True, "p_value": 2}),
        ("1-D", (2, 3, 7), {"kernel": (3,), "stride": (2,), "p_value": 2}),
        ("3-D", (1, 2, 4, 5, 4), {"kernel": (2, 3, 2), "stride": (2, 1, 2), "p_value": 2}),
        ("gaps", (1, 2, 8, 8), {"kernel": (2, 2), "stride": (3, 3), "p_value": 2}),
    )
}
POOLING.update(
    {
        f"pooling, ties, {what}": (lambda s, x, options=options: s.Pooling(x, **options), {"x": ("grid", (2, 2, 6, 6))})
        for what, options in (
            ("apart", {"kernel": (2, 2), "stride": (2, 2)}),
            ("overlapping", {"kernel": (3, 3), "pad": (1, 1)}),
        )
    }
)


UNIT = ("arcsin", "arccos", "arctanh")
POSITIVE = ("sqrt", "rsqrt", "cbrt", "rcbrt", "log", "log10", "log2", "log1p", "reciprocal", "gamma", "gammaln")
FUNCTIONS = {
    f"function {name}": (
        lambda s, x, name=name: getattr(s, name)(x),
        {"x": ("unit" if name in UNIT else "positive" if name in POSITIVE else "normal", (2, 3))},
    )
    for name in (
        "abs", "sign", "rint", "ceil", "floor", "trunc", "fix", "round", "square", "sqrt", "rsqrt", "cbrt", "rcbrt", "exp",
        "expm1", "log", "log10", "log2", "log1p", "reciprocal", "negative", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
        "sinh", "cosh", "tanh", "arcsinh", "arctanh", "degrees", "radians", "relu", "sigmoid", "softsign", "erf",
        "logical_not", "zeros_like", "ones_like", "identity")
}
FUNCTIONS.update({
    "function arccosh": (lambda s, x: s.arccosh(x + 1), {"x": ("positive", (2, 3))}),
    "round halves": (lambda s, x: s.round(x * 0.5), {"x": ("grid", (4, 5))}),
    "relu at 0": (lambda s, x: s.relu(x), {"x": ("grid", (4, 5))}),
    "abs at 0": (lambda s, x: s.abs(x), {"x": ("grid", (4, 5))}),
    "clip": (lambda s, x: s.clip(x, -1, 1), {"x": ("grid", (4, 5))}),
    "cast": (lambda s, x: s.Cast(x, dtype="float16") * 1, {"x": (2, 3)}),
    "smooth_l1": (lambda s, x: s.smooth_l1(x, scalar=2.0), {"x": (4, 5)}),
    "hard_sigmoid": (lambda s, x: s.hard_sigmoid(x * 3), {"x": (4, 5)}),
})
ACTIVATIONS = {
    f"activation {kind}": (lambda s, x, kind=kind: s.Activation(x, act_type=kind), {"x": (3, 4)})
    for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")
}
ACTIVATIONS.update({
    "leaky": (lambda s, x: s.LeakyReLU(x, slope=0.1), {"x": (3, 4)}),
    "prelu": (lambda s, x: s.LeakyReLU(x, act_type="prelu"), {"x": (3, 4, 2)}),
    "prelu of rows": (lambda s, x: s.LeakyReLU(x, act_type="prelu"), {"x": (3, 4)}),
    "elu": (lambda s, x: s.LeakyReLU(x, act_type="elu", slope=0.5), {"x": (3, 4)}),
    "selu": (lambda s, x: s.LeakyReLU(x, act_type="selu"), {"x": (3, 4)}),
    "gelu": (lambda s, x: s.LeakyReLU(x, act_type="gelu"), {"x": (3, 4)}),
})
PAIR = {"x": ("positive", (2, 3)), "y": ("positive", (2, 3))}
TIES = {"x": ("grid", (4, 5)), "y": ("grid", (4, 5))}
ARITHMETIC = {
    f"{name}": (lambda s, x, y, name=name: getattr(s, name)(x, y), inputs)
    for names, inputs in (
        (("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "pow", "hypot"), PAIR),
        (("maximum", "minimum"), TIES),
        (("broadcast_add", "broadcast_plus", "broadcast_sub", "broadcast_minus", "broadcast_mul", "broadcast_div",
          "broadcast_power", "broadcast_hypot", "broadcast_mod"), {"x": ("positive", (2, 3, 1)), "y": ("positive", (1, 3, 4))}),
        (("broadcast_maximum", "broadcast_minimum", "broadcast_equal", "broadcast_not_equal", "broadcast_greater",
          "broadcast_greater_equal", "broadcast_lesser", "broadcast_lesser_equal", "broadcast_logical_and",
          "broadcast_logical_or", "broadcast_logical_xor"), {"x": ("grid", (4, 1)), "y": ("grid", (1, 5))}),
    )
    for name in names
}
ARITHMETIC.update({
    f"python {text}": (lambda s, x, y, text=text: eval(text, {"x": x, "y": y, "s": s}), {"x": (kind, (4, 5)), "y": (kind, (4, 5))})
    for kind, texts in (
        ("positive", ("x + y", "x - y", "x * y", "x / y", "x % y", "x ** y", "x + 2 * y", "2 - x + y", "2 / x + y", "x / 2 + y",
                      "x ** 2 + y", "2 ** x + y", "x % 0.3 + y", "2 % x + y", "-x + y", "s.pow(2, x) + y", "s.hypot(x, 2) + y")),
        ("grid", ("x > y", "x >= y", "x < y", "x <= y", "x == y", "x != y", "(x > 1) + y", "(x >= 1) + y", "(x < 1) + y",
                  "(x <= 1) + y", "(x == 1) + y", "(x != 1) + y", "s.maximum(x, 1) + y", "s.minimum(1, x) + y", "abs(x) + y")),
    )
    for text in texts
})
REDUCTIONS = {
    f"{name}, {what}": (lambda s, x, name=name, options=options: getattr(s, name)(x, **options), {"x": ("grid" if name in ("max", "min") else "positive", (2, 3, 4))})
    for name in ("sum", "mean", "max", "min", "prod", "nansum", "nanprod")
    for what, options in (("all", {}), ("one axis", {"axis": 1}), ("kept", {"axis": (0, -1), "keepdims": True}),
                          ("excluded", {"axis": 1, "exclude": True}))
}
REDUCTIONS.update({
    "sum, all kept": (lambda s, x: s.sum(x, keepdims=True), {"x": (2, 3)}),
    "sum, method": (lambda s, x: x.sum(axis=(0, 1)), {"x": (2, 3, 2)}),
    "norm": (lambda s, x: s.norm(x), {"x": (2, 3)}),
    "norm, axis": (lambda s, x: s.norm(x, axis=1), {"x": (2, 3)}),
    "norm, L1": (lambda s, x: s.norm(x, ord=1, axis=(0, 1), keepdims=True), {"x": (2, 3, 2)}),
    "moments": (lambda s, x: s.moments(x, axes=(0, 2)), {"x": (2, 3, 2)}),
    "argmax": (lambda s, x: s.argmax(x, axis=1), {"x": ("grid", (4, 5))}),
    "argmax, all": (lambda s, x: s.argmax(x), {"x": ("grid", (4, 5))}),
    "argmin, kept": (lambda s, x: s.argmin(x, axis=-1, keepdims=True), {"x": ("grid", (4, 5))}),
    "argmax_channel": (lambda s, x: s.argmax_channel(x), {"x": ("grid", (4, 5))}),
})
X = {"x": (2, 3, 4)}
SHAPES = {
    f"reshape {shape}{' reversed' if turn else ''}": (lambda s, x, shape=shape, turn=turn: s.Reshape(x, shape=shape, reverse=turn), {"x": (2, 3, 4, 5)})
    for shape, turn in (((0, -1), False), ((-1,), False), ((-2,), False), ((0, -2), False), ((-3, -2), False), ((0, -3, 5), False),
                        ((-4, 1, 2, -2), False), ((0, 0, -4, -1, 2, 0), False), ((6, 20), False), ((-1, 0), True), ((0, -3, -1), True),
                        ((-1, 0, 0), True), ((-2, 4, -1, -4, 5), True), ((0, -4, 3, -1, -2), False))
}
SHAPES.update({
    "reshape, method": (lambda s, x: x.reshape((4, 6)), X),
    "reshape_like": (lambda s, x, y: s.reshape_like(x, y), {"x": (2, 6), "y": (3, 4)}),
    "flatten": (lambda s, x: s.flatten(x), X),
    "transpose": (lambda s, x: s.transpose(x), X),
    "transpose, axes": (lambda s, x: s.transpose(x, axes=(1, 2, 0)), X),
    "swapaxes": (lambda s, x: s.SwapAxis(x, dim1=0, dim2=2), X),
    "expand_dims": (lambda s, x: s.expand_dims(x, axis=1), X),
    "expand_dims, last": (lambda s, x: s.expand_dims(x, axis=-1), X),
    "squeeze": (lambda s, x: s.squeeze(x), {"x": (2, 1, 3, 1)}),
    "squeeze, axis": (lambda s, x: s.squeeze(x, axis=1), {"x": (2, 1, 3, 1)}),
    "depth_to_space": (lambda s, x: s.depth_to_space(x, 2), {"x": (1, 8, 2, 3)}),
    "space_to_depth": (lambda s, x: s.space_to_depth(x, 2), {"x": (1, 2, 4, 6)}),
    "tile": (lambda s, x: s.tile(x, reps=(2, 3)), {"x": (2, 3)}),
    "tile, fewer": (lambda s, x: s.tile(x, reps=(2,)), {"x": (2, 3)}),
    "tile, more": (lambda s, x: s.tile(x, reps=(2, 1, 3)), {"x": (2, 3)}),
    "repeat": (lambda s, x: s.repeat(x, repeats=2, axis=1), X),
    "repeat, all": (lambda s, x: s.repeat(x, repeats=2), X),
    "broadcast_to": (lambda s, x: s.broadcast_to(x, shape=(0, 3, 4)), {"x": (2, 1, 4)}),
    "broadcast_axis": (lambda s, x: s.broadcast_axis(x, axis=(0, 2), size=(2, 3)), {"x": (1, 4, 1)}),
    "broadcast_axes": (lambda s, x: s.broadcast_axes(x, axis=1, size=3), {"x": (2, 1)}),
    "broadcast_like": (lambda s, x, y: s.broadcast_like(x, y), {"x": (2, 1), "y": (2, 3)}),
    "slice": (lambda s, x: s.slice(x, begin=(0, 1), end=(2, 3)), X),
    "slice, open": (lambda s, x: s.slice(x, begin=(None, -2), end=(1, None)), X),
    "slice, steps": (lambda s, x: s.slice(x, begin=(1, None, 3), end=(None, None, 0), step=(1, 2, -2)), X),
    "slice_axis": (lambda s, x: s.slice_axis(x, axis=1, begin=1, end=None), X),
    "slice_axis, negative": (lambda s, x: s.slice_axis(x, axis=-1, begin=-3, end=-1), X),
    "slice_like": (lambda s, x, y: s.slice_like(x, y), {"x": (3, 4), "y": (2, 3)}),
    "slice_like, axes": (lambda s, x, y: s.slice_like(x, y, axes=(1,)), {"x": (3, 4), "y": (2, 3)}),
    "flip": (lambda s, x: s.flip(x, axis=1), X),
    "reverse": (lambda s, x: s.reverse(x, axis=(0, 2)), X),
    "pad, constant": (lambda s, x: s.Pad(x, mode="constant", pad_width=(0, 0, 0, 0, 1, 2, 0, 1), constant_value=3), {"x": (1, 2, 3, 4)}),
    "pad, edge": (lambda s, x: s.Pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 0, 1)), {"x": (1, 2, 3, 4)}),
    "pad, reflect": (lambda s, x: s.Pad(x, mode="reflect", pad_width=(0, 0, 0, 0, 1, 2, 2, 1)), {"x": (1, 2, 4, 4)}),
    "concat": (lambda s, x, y: s.Concat(x, y, dim=1), {"x": (2, 3), "y": (2, 1)}),
    "concat, last": (lambda s, x, y: s.concat(x, y, x, dim=-1), {"x": (2, 3), "y": (2, 1)}),
    "stack": (lambda s, x, y: s.stack(x, y, axis=1), {"x": (2, 3), "y": (2, 3)}),
    "add_n": (lambda s, x, y: s.add_n(x, y, x), {"x": (2, 3), "y": (2, 3)}),
    "elementwise sum": (lambda s, x, y: s.ElementWiseSum(x, y), {"x": (2, 3), "y": (2, 3)}),
    "split": (lambda s, x: s.SliceChannel(x, num_outputs=3), X),
    "split, squeezed": (lambda s, x: s.split(x, num_outputs=4, axis=-1, squeeze_axis=True), X),
    "split, one part": (lambda s, x: s.split(x, num_outputs=2, axis=0)[1] * 2, X),
    "split_v2, sections": (lambda s, x: s.split_v2(x, 2, axis=2), X),
    "split_v2, indices": (lambda s, x: s.split_v2(x, (1, 3), axis=2), X),
})
PRODUCTS = {
    f"{name}, {a}, {b}": (
        lambda s, x, y, name=name, a=a, b=b: getattr(s, name)(x, y, transpose_a=a, transpose_b=b),
        {"x": lead + ((4, 2) if a else (2, 4)), "y": lead + ((3, 4) if b else (4, 3))})
    for name, lead in (("dot", ()), ("batch_dot", (5,)), ("linalg_gemm2", (2, 1)))
    for a in (False, True) for b in (False, True)
}
PRODUCTS.update({
    "dot of vectors": (lambda s, x, y: s.dot(x, y), {"x": (4,), "y": (4,)}),
    "dot of more axes": (lambda s, x, y: s.dot(x, y), {"x": (2, 3, 4), "y": (4, 5)}),
    "dot of matrix and vector": (lambda s, x, y: s.dot(x, y), {"x": (2, 4), "y": (4,)}),
    "dot of many axes": (lambda s, x, y: s.dot(x, y), {"x": (2, 4), "y": (4, 2, 3)}),
    "fully connected": (lambda s, x: s.FullyConnected(x, num_hidden=3), X),
    "fully connected, not flattened": (lambda s, x: s.FullyConnected(x, num_hidden=3, flatten=False, no_bias=True), X),
    "embedding": (lambda s, x: s.Embedding(x, input_dim=5, output_dim=3), {"x": ("below 5", (2, 4))}),
})
CHOICES = {
    "take": (lambda s, x, y: s.take(x, y), {"x": (4, 3), "y": ("below 6", (2, 3))}),
    "take, axis": (lambda s, x, y: s.take(x, y, axis=1), {"x": (2, 4, 3), "y": ("below 4", (3,))}),
    "take, wrap": (lambda s, x, y: s.take(x, y, axis=-1, mode="wrap"), {"x": (2, 4), "y": ("grid", (6,))}),
    "pick": (lambda s, x, y: s.pick(x, y), {"x": (3, 4), "y": ("below 6", (3,))}),
    "pick, kept": (lambda s, x, y: s.pick(x, y, axis=1, keepdims=True), {"x": (3, 4, 2), "y": ("below 4", (3, 2))}),
    "pick, wrap": (lambda s, x, y: s.pick(x, y, axis=0, mode="wrap"), {"x": (3, 4), "y": ("grid", (4,))}),
    "batch_take": (lambda s, x, y: s.batch_take(x, s.cast(y, dtype="int32")), {"x": (3, 4), "y": ("below 4", (3,))}),
    "gather_nd": (lambda s, x, y: s.gather_nd(x, y), {"x": (3, 4, 2), "y": ("below 3", (2, 5))}),
    "one_hot": (lambda s, x: s.one_hot(x, depth=4), {"x": ("grid", (2, 3))}),
    "one_hot, values": (lambda s, x: s.one_hot(x, depth=3, on_value=2, off_value=-1), {"x": ("below 3", (4,))}),
    "where": (lambda s, c, x, y: s.where(c, x, y), {"c": ("grid", (2, 3)), "x": (2, 3), "y": (2, 3)}),
    "where, rows": (lambda s, c, x, y: s.where(c, x, y), {"c": ("grid", (4,)), "x": (4, 3), "y": (4, 3)}),
    "zeros": (lambda s, x: x + s.zeros((2, 3)), {"x": (2, 3)}),
    "ones": (lambda s, x: x * s.ones((2, 3)), {"x": (2, 3)}),
    "full": (lambda s, x: x * s.full((2, 3), 5), {"x": (2, 3)}),
    "arange": (lambda s, x: x * s.arange(1, 7, step=2, repeat=2), {"x": (6,)}),
    "arange, one bound": (lambda s, x: x * s.arange(3), {"x": (3,)}),
    "linspace": (lambda s, x: x * s.linspace(0, 1, 5), {"x": (5,)}),
    "eye": (lambda s, x: x * s.eye(3, 4, 1), {"x": (3, 4)}),
}
LABEL = {"x": (4, 3), "label": ("below 3", (4,))}
SOFTMAX = {
    "softmax": (lambda s, x: s.softmax(x), X),
    "softmax, axis": (lambda s, x: s.softmax(x, axis=1, temperature=2.0), X),
    "log_softmax": (lambda s, x: s.log_softmax(x), X),
    "log_softmax, axis": (lambda s, x: s.log_softmax(x, axis=0, temperature=0.5), X),
    "softmin": (lambda s, x: s.softmin(x), X),
    "softmax activation": (lambda s, x: s.SoftmaxActivation(x), {"x": (3, 4)}),
    "softmax activation, channel": (lambda s, x: s.SoftmaxActivation(x, mode="channel"), {"x": (2, 3, 2, 2)}),
    "softmax output": (lambda s, x: s.SoftmaxOutput(x), {"x": (4, 3)}),
    "softmax output, preserved": (lambda s, x, y: s.SoftmaxOutput(x, y, preserve_shape=True), {"x": (2, 3, 4), "y": ("below 4", (2, 3))}),
    "softmax output, smooth": (lambda s, x, y: s.SoftmaxOutput(x, y, smooth_alpha=0.2), {"x": (4, 3), "y": ("below 3", (4,))}),
    "softmax output, out_grad": (lambda s, x, y: s.SoftmaxOutput(x, y, out_grad=True), {"x": (4, 3), "y": ("below 3", (4,))}),
    "softmax output, ignoring": (
        lambda s, x, y: s.SoftmaxOutput(x, y, use_ignore=True, ignore_label=1, normalization="valid", grad_scale=2),
        {"x": (4, 3), "y": ("below 3", (4,))}),
}
SOFTMAX.update({
    f"softmax output, multi, {kind}{', ignoring' if ignore else ''}": (
        lambda s, x, y, kind=kind, ignore=ignore: s.SoftmaxOutput(
            x, y, multi_output=True, normalization=kind, use_ignore=ignore, ignore_label=0, grad_scale=3),
        {"x": (2, 3, 2, 2), "y": ("below 3", (2, 2, 2))})
    for kind in ("null", "batch", "valid") for ignore in (False, True)
})
LOSSES = {
    "linear": (lambda s, x: s.LinearRegressionOutput(x, grad_scale=2), {"x": (4, 3)}),
    "logistic": (lambda s, x: s.LogisticRegressionOutput(x), {"x": (4, 3)}),
    "absolute": (lambda s, x: s.MAERegressionOutput(x), {"x": (4, 3)}),
    "absolute, one column": (lambda s, x, y: s.MAERegressionOutput(x, y), {"x": (4, 1), "y": (4,)}),
    "svm": (lambda s, x, y: s.SVMOutput(x, y), {"x": (4, 3), "y": ("below 3", (4,))}),
    "svm, linear": (
        lambda s, x, y: s.SVMOutput(x, y, use_linear=True, margin=0.5, regularization_coefficient=2),
        {"x": (4, 3), "y": ("below 3", (4,))}),
    "make loss": (lambda s, x: s.MakeLoss(x * x, grad_scale=2), {"x": (4, 3)}),
    "make loss, batch": (lambda s, x: s.MakeLoss(x * x, normalization="batch"), {"x": (4, 3)}),
    "make loss, valid": (lambda s, x: s.MakeLoss(x * x, normalization="valid", valid_thresh=0.5), {"x": (4, 3)}),
    "make_loss": (lambda s, x: s.make_loss(x * x), {"x": (4, 3)}),
    "block": (lambda s, x: s.BlockGrad(x) * x, {"x": (4, 3)}),
    "stop_gradient": (lambda s, x: s.stop_gradient(x * x) + x, {"x": (4, 3)}),
    "blocked loss": (lambda s, x: s.Group([s.MakeLoss(s.sum(x)), s.BlockGrad(s.SoftmaxOutput(x))]), {"x": (4, 3)}),
    "softmax_cross_entropy": (lambda s, x, y: s.softmax_cross_entropy(x, y), {"x": (4, 3), "y": ("below 3", (4,))}),
}
IMAGE = {"x": (3, 4, 2, 2)}
NORMS = {
    "batch norm": (lambda s, x: s.BatchNorm(x, fix_gamma=False), IMAGE),
    "batch norm, fixed": (lambda s, x: s.BatchNorm(x), IMAGE),
    "batch norm, options": (lambda s, x: s.BatchNorm(x, fix_gamma=False, momentum=0.5, eps=0.01, axis=-1), {"x": (3, 4, 2)}),
    "batch norm, global": (lambda s, x: s.BatchNorm(x, fix_gamma=False, use_global_stats=True), IMAGE),
    "batch norm, statistics": (lambda s, x: s.BatchNorm(x, fix_gamma=False, output_mean_var=True), IMAGE),
    "layer norm": (lambda s, x: s.LayerNorm(x), IMAGE),
    "layer norm, axis": (lambda s, x: s.LayerNorm(x, axis=1, eps=0.1), IMAGE),
    "layer norm, statistics": (lambda s, x: s.LayerNorm(x, output_mean_var=True), IMAGE),
    "instance norm": (lambda s, x: s.InstanceNorm(x, eps=0.01), IMAGE),
    "group norm": (lambda s, x: s.GroupNorm(x, num_groups=2), IMAGE),
    "l2, instance": (lambda s, x: s.L2Normalization(x), IMAGE),
    "l2, channel": (lambda s, x: s.L2Normalization(x, mode="channel"), IMAGE),
    "l2, spatial": (lambda s, x: s.L2Normalization(x, mode="spatial", eps=0.1), IMAGE),
    "lrn": (lambda s, x: s.LRN(x, nsize=3), IMAGE),
    "lrn, options": (lambda s, x: s.LRN(x, nsize=5, alpha=0.5, beta=0.5, knorm=1), {"x": (2, 7, 2, 2)}),
    "dropout, none": (lambda s, x: s.Dropout(x, p=0), {"x": (4, 3)}),
}
LENGTHS = {"x": (4, 3, 2), "n": ("length", (3,))}
ORDER = {
    "sequence mask": (lambda s, x, n: s.SequenceMask(x, n, use_sequence_length=True, value=-1), LENGTHS),
    "sequence mask, axis": (
        lambda s, x, n: s.SequenceMask(x, n, use_sequence_length=True, axis=1), {"x": (3, 4), "n": ("length", (3,))}),
    "sequence mask, none": (lambda s, x: s.SequenceMask(x), {"x": (4, 3, 2)}),
    "sequence last": (lambda s, x, n: s.SequenceLast(x, n, use_sequence_length=True), LENGTHS),
    "sequence last, axis": (
        lambda s, x, n: s.SequenceLast(x, n, use_sequence_length=True, axis=1), {"x": (3, 4, 2), "n": ("length", (3,))}),
    "sequence last, none": (lambda s, x: s.SequenceLast(x), {"x": (4, 3, 2)}),
    "sequence reverse": (lambda s, x, n: s.SequenceReverse(x, n, use_sequence_length=True), LENGTHS),
    "sequence reverse, none": (lambda s, x: s.SequenceReverse(x), {"x": (4, 3)}),
    "sort": (lambda s, x: s.sort(x), {"x": (3, 4)}),
    "sort, descending": (lambda s, x: s.sort(x, axis=0, is_ascend=False), {"x": (3, 4)}),
    "argsort": (lambda s, x: s.argsort(x, axis=1), {"x": (3, 4)}),
    "topk": (lambda s, x: s.topk(x, k=2), {"x": (3, 4)}),
    "topk, values": (lambda s, x: s.topk(x, k=2, ret_typ="value", axis=0), {"x": (3, 4)}),
    "topk, both": (lambda s, x: s.topk(x, k=3, ret_typ="both", is_ascend=True), {"x": (3, 4)}),
    "topk, mask": (lambda s, x: s.topk(x, k=2, ret_typ="mask"), {"x": (3, 4)}),
    "cumsum": (lambda s, x: s.cumsum(x, axis=1), {"x": (2, 3, 2)}),
    "cumsum, all": (lambda s, x: s.cumsum(x), {"x": (2, 3)}),
}
SEQUENCE = {"x": (2, 3, 4)}


def stacked(s, rnn, layout):
    stack = rnn.SequentialRNNCell()
    stack.add(rnn.LSTMCell(3, prefix="a_"))
    stack.add(rnn.DropoutCell(0.0))
    stack.add(rnn.ResidualCell(rnn.GRUCell(3, prefix="b_")))
    return lambda x: stack.unroll(3 if layout == "NTC" else 2, x, layout=layout, merge_outputs=True)[0]


CELLS = {
    "rnn": (lambda s, rnn, x: rnn.RNNCell(3).unroll(3, x, merge_outputs=True)[0], SEQUENCE),
    "rnn, relu": (lambda s, rnn, x: s.Group(rnn.RNNCell(3, activation="relu").unroll(3, x)[0]), SEQUENCE),
    "rnn, lstm": (lambda s, rnn, x: rnn.LSTMCell(3).unroll(3, x, merge_outputs=True)[0], SEQUENCE),
    "rnn, lstm states": (lambda s, rnn, x: s.Group(rnn.LSTMCell(3).unroll(3, x)[1]), SEQUENCE),
    "rnn, gru": (lambda s, rnn, x: rnn.GRUCell(3).unroll(3, x, merge_outputs=True)[0], SEQUENCE),
    "rnn, given states": (lambda s, rnn, x, h: rnn.GRUCell(3).unroll(3, x, begin_state=[h], merge_outputs=True)[0],
                          {"x": (2, 3, 4), "h": (2, 3)}),
    "rnn, stack": (lambda s, rnn, x: stacked(s, rnn, "NTC")(x), SEQUENCE),
    "rnn, stack, time first": (lambda s, rnn, x: stacked(s, rnn, "TNC")(x), SEQUENCE),
    "rnn, both directions": (
        lambda s, rnn, x: rnn.BidirectionalCell(rnn.RNNCell(3, prefix="l_"), rnn.GRUCell(2, prefix="r_")).unroll(
            3, x, merge_outputs=True)[0], SEQUENCE),
    "rnn, both directions, list": (
        lambda s, rnn, x: s.Group(rnn.BidirectionalCell(rnn.RNNCell(3, prefix="l_"), rnn.RNNCell(2, prefix="r_")).unroll(3, x)[0]),
        SEQUENCE),
    "open batch": (lambda s, x: s.Activation(s.zeros((0, 3)) + x, act_type="tanh"), {"x": (2, 3)}),
}

# fmt: on
CASES = {
    **WINDOWS,
    **POOLING,
    **FUNCTIONS,
    **ACTIVATIONS,
    **ARITHMETIC,
    **REDUCTIONS,
    **SHAPES,
    **PRODUCTS,
    **CHOICES,
    **SOFTMAX,
    **LOSSES,
    **NORMS,
    **ORDER,
    **CELLS,
}  # fmt: skip


def values(key, kind, shape):
    """Return an input; the same everywhere, since NumPy does not change what RandomState draws."""
    draw = np.random.RandomState(zlib.crc32(key.encode()))
    if kind == "grid":
        found = draw.randint(-2, 3, shape)
    elif kind.startswith("below "):
        found = draw.randint(0, int(kind.split()[1]), shape)
    elif kind == "length":
        found = draw.randint(1, 5, shape)
    elif kind in ("positive", "unit"):
        found = draw.uniform(*{"positive": (0.5, 1.5), "unit": (-0.9, 0.9)}[kind], size=shape)
    else:
        found = draw.normal(size=shape)
    return found.astype(np.float32)


def prepared(name, symbol, rnn):
    """Return the symbol of a case, its inputs, and a function for the values of its arguments."""
    function, inputs = CASES[name]
    given = {key: one if isinstance(one[0], str) else ("normal", one) for key, one in inputs.items()}
    modules = (symbol, rnn) if name.startswith("rnn") else (symbol,)
    net = function(*modules, *[symbol.Variable(key) for key in inputs])

    def value(key, shape):
        kind = given[key][0] if key in given else "positive" if key.endswith("var") else "normal"
        return values(name + "/" + key, kind, shape)

    return net, {key: shape for key, (_, shape) in given.items()}, value
