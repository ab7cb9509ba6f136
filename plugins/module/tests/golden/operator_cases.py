"""The calls of operators that are compared with MXNet: each a function of ``mx.symbol`` and variables, and the inputs.

An input is a shape of normally distributed numbers, or a pair of a kind and a shape: ``"positive"``, from 0.5 to 1.5,
``"unit"``, from -0.9 to 0.9, ``"grid"``, integers from -2 to 2, so that there are ties; ``"below 4"``, integers from 0
to 3. Arguments that are not named here, such as weights, are normally distributed.
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

CASES = {**WINDOWS, **POOLING}

# fmt: on


def values(key, kind, shape):
    """Return an input; the same everywhere, since NumPy does not change what RandomState draws."""
    draw = np.random.RandomState(zlib.crc32(key.encode()))
    if kind == "grid":
        found = draw.randint(-2, 3, shape)
    elif kind.startswith("below "):
        found = draw.randint(0, int(kind.split()[1]), shape)
    elif kind in ("positive", "unit"):
        found = draw.uniform(*{"positive": (0.5, 1.5), "unit": (-0.9, 0.9)}[kind], size=shape)
    else:
        found = draw.normal(size=shape)
    return found.astype(np.float32)


def prepared(name, symbol):
    """Return the symbol of a case, its inputs, and a function for the values of its arguments."""
    function, inputs = CASES[name]
    given = {key: one if isinstance(one[0], str) else ("normal", one) for key, one in inputs.items()}
    net = function(symbol, *[symbol.Variable(key) for key in inputs])

    def value(key, shape):
        kind = given[key][0] if key in given else "positive" if key.endswith("var") else "normal"
        return values(name + "/" + key, kind, shape)

    return net, {key: shape for key, (_, shape) in given.items()}, value
