"""FusedRNN packs the pieces like a fused network, and initialises each by its name."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.initializer import InitDesc, Initializer


class Numbered(Initializer):
    """Fills each piece with its index, and records names and shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[tuple[str, tuple[int, ...]]] = []

    def _dispatch(self, desc: str, array: Any) -> None:
        array[...] = len(self.pieces)
        self.pieces.append((str(desc), array.shape))


def packed(initializer: Initializer, size: int, name: str = "rnn_weight") -> np.ndarray:
    array = np.full(size, np.nan)
    initializer(name, array)
    return array


def test_all_weights_come_first_then_all_biases_by_layer_direction_source_and_gate() -> None:
    init = Numbered()
    vector = packed(mx.init.FusedRNN(init, 2, 2, "gru", bidirectional=True), 180)  # input size 3
    cells = [("l0", 3), ("r0", 3), ("l1", 4), ("r1", 4)]
    weights = [
        (f"rnn_weight_{cell}_{source}_{gate}_weight", (2, columns))
        for cell, inputs in cells
        for source, columns in (("i2h", inputs), ("h2h", 2))
        for gate in "rzo"
    ]
    biases = [
        (f"rnn_weight_{cell}_{source}_{gate}_bias", (2,))
        for cell, _ in cells
        for source in ("i2h", "h2h")
        for gate in "rzo"
    ]
    assert init.pieces == weights + biases
    sizes = [np.prod(shape) for _, shape in init.pieces]
    assert vector.tolist() == np.repeat(np.arange(len(sizes)), sizes).tolist()


@pytest.mark.parametrize("mode", ["rnn_relu", "rnn_tanh"])
def test_a_plain_network_has_one_gate_without_a_name(mode: str) -> None:
    init = Numbered()
    packed(mx.init.FusedRNN(init, 1, 1, mode), 4)
    assert [name for name, _ in init.pieces] == [
        f"rnn_weight_l0_{piece}" for piece in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
    ]


def test_every_forget_gate_of_an_lstm_gets_its_bias() -> None:
    vector = packed(mx.init.FusedRNN(mx.init.One(), 1, 1, "lstm", forget_bias=2.5), 4 * (1 + 1 + 2))
    assert vector.tolist() == [1] * 8 + [0, 2.5, 0, 0] * 2


def test_two_networks_and_two_layers_differ() -> None:
    mx.random.seed(1)
    fused = mx.init.FusedRNN("uniform", 3, 2, "rnn_tanh")
    one, other = packed(fused, 48, "a_weight"), packed(fused, 48, "b_weight")
    weights = np.concatenate([one[:36], other[:36]])
    assert len(set(weights)) == 72
    assert (one[36:] == 0).all()


def test_fusedrnn_takes_text_and_instances() -> None:
    mx.random.seed(1)
    made = [mx.init.FusedRNN(init, 2, 1, "gru") for init in ("uniform", '["uniform", {}]', mx.init.Uniform())]
    assert made[0] == made[1] == made[2] == mx.init.create(made[0].dumps())
    assert len({packed(mx.init.create(fused.dumps()), 36).tobytes() for fused in made}) == 1


def test_without_init_the_initializer_of_the_model_fills_the_pieces() -> None:
    fused, array = mx.init.FusedRNN(None, 1, 1, "rnn_relu"), np.empty(4)
    assert mx.init.create(fused.dumps()) == fused
    mx.init.Constant(3)(InitDesc("rnn_parameters", {"__init__": fused.dumps()}), array)
    assert array.tolist() == [3, 3, 0, 0]
    with pytest.raises(ValueError, match=r"'rnn_weight': FusedRNN\(init=None\) needs an initializer of the"):
        packed(fused, 4)


def test_pieces_may_need_matrices() -> None:
    mx.random.seed(1)
    vector = packed(mx.init.FusedRNN("orthogonal", 4, 1, "rnn_tanh"), 40)
    recurrent = vector[16:32].reshape(4, 4)
    np.testing.assert_allclose(recurrent @ recurrent.T, 1.414**2 * np.eye(4), atol=1e-13)


@pytest.mark.parametrize("shape", [(11,), (8,), (3, 4), ()])
def test_a_size_that_fits_no_input_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"'rnn_weight' of shape .* does not pack the parameters of FusedRNN"):
        mx.init.FusedRNN("one", 2, 1, "rnn_tanh")("rnn_weight", np.empty(shape))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode must be one of 'rnn_relu', 'rnn_tanh', 'lstm', 'gru', got 'lstmp'"):
        mx.init.FusedRNN("one", 2, 1, "lstmp")
