"""GloRe: the equations in float64, invariances, and parity with the official layout in torch."""

from pathlib import Path

import numpy as np
import paddle
import pytest
from graph_helpers import C, build, features, randomise
from graph_reference import as_rows, glore, parameters

from paddleseg_lite.graph import GloRe

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "graph.npz"


def test_equals_the_equations():
    unit = randomise(build("GloRe"))
    x = features(2, 6, 7)
    y = unit(x)[0].numpy()
    p = parameters(unit)
    for n in range(2):
        np.testing.assert_allclose(as_rows(y[n]), glore(x.numpy()[n], p), atol=1e-5)


def test_node_shapes():
    unit = GloRe(in_channels=32, num_state=10, num_nodes=7)
    x = features(2, 5, 6, 32)
    assert unit.gather(x, unit.assign(x)).shape == [2, 10, 7]


@pytest.mark.parametrize("normalize", [True, False])
def test_tiling_the_image(normalize):
    """G-2: divided by L, the nodes do not notice that the image was tiled 2 x 2; undivided they grow fourfold."""
    unit = randomise(GloRe(in_channels=C, num_state=6, num_nodes=5, normalize=normalize))
    x = features(1, 6, 7)
    tiled = x.tile([1, 1, 2, 2])
    once, four = (unit.gather(t, unit.assign(t)).numpy() for t in (x, tiled))
    np.testing.assert_allclose(four, once if normalize else 4 * once, rtol=1e-5, atol=1e-5)


def test_pixel_permutation():
    unit = randomise(build("GloRe"))
    x = features(1, 4, 5)
    order = paddle.to_tensor(np.random.default_rng(0).permutation(20))
    moved = x.flatten(2)[:, :, order].reshape([1, C, 4, 5])
    expected = unit(x)[0].flatten(2)[:, :, order].numpy()
    np.testing.assert_allclose(unit(moved)[0].flatten(2).numpy(), expected, atol=1e-5)


def test_parity_with_torch():
    """G-7: the weights of the official module, copied by name (tests/golden/make_golden_graph.py)."""
    from golden.formula import formula_image, formula_state

    golden = np.load(GOLDEN)
    unit = GloRe(in_channels=16, num_state=8, num_nodes=6)
    unit.set_state_dict(formula_state({k: v.shape for k, v in unit.state_dict().items()}))
    unit.eval()
    x = formula_image(2, 16, 7, 9)
    np.testing.assert_allclose(unit(paddle.to_tensor(x))[0].numpy(), golden["glore"], atol=1e-5, rtol=1e-5)
