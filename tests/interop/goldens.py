"""Reading ``tests/golden/paddleseg.npz`` and ``torchvision.npz``."""

import json
from pathlib import Path

import numpy as np

from tests.golden.formula import formula_image, formula_state


class Golden:
    """Reference outputs of another library's networks, and what is needed to fill them again."""

    def __init__(self, name):
        with np.load(Path(__file__).parents[1] / "golden" / f"{name}.npz") as found:
            self.arrays = {key: found[key] for key in found.files}
        index = json.loads(self.arrays.pop("index").tobytes().decode())
        self.classes, self.gains, self.cases = index["classes"], index["gains"], index["cases"]

    def state(self, case):
        """Weights by the other library's names, batch counters included."""
        shapes = self.cases[case]["shapes"]
        state = formula_state({k: s for k, s in shapes.items() if s}, self.gains)
        if "cls.weight" in state:  # UNet's classifier has a second name in PaddleSeg
            state.update({f"conv.{leaf}": state[f"cls.{leaf}"] for leaf in ("weight", "bias")})
        return {**state, **{k: np.zeros([], np.int64) for k, s in shapes.items() if not s}}

    def image(self, case):
        return formula_image(*self.cases[case]["image"])

    def check(self, case, mode, outputs):
        """Assert that ``outputs`` (arrays, the main one first) are the reference's."""
        steps = {k: s for k, s in self.cases[case]["steps"].items() if k.startswith(mode)}
        assert len(outputs) == len(steps)
        for i, value in enumerate(outputs):
            expected = self.arrays[f"{case}.{mode}_{i}"]
            assert 0.1 < expected.std() < 20  # so that the tolerance means something
            found = value.reshape(-1)[:: steps[f"{mode}_{i}"]]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1.0, np.abs(expected).max()))
