"""Reference outputs of PaddleSeg's attention blocks, for tests/graph/test_attention_parity.py.

Run from the repository's root where PaddleSeg 2.8.0 and Paddle are installed:

    python -m tests.golden.make_golden_attention

Each block is filled with formula.py's numbers under the names of our unit
(``attention_names.py`` says which is which). Writes ``attention.npz``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
from paddleseg.models import ann, ccnet, danet, dnlnet, emanet, gcnet, isanet, ocrnet

from tests.golden.attention_names import CHANNELS, CLASSES, INNER, NAMES, SHAPE, fold_bias, image, numbers


class DualAttention(paddle.nn.Layer):
    """Both attentions of DAHead over the same map, which then counts once."""

    def __init__(self) -> None:
        super().__init__()
        self.pam, self.cam = danet.PAM(CHANNELS), danet.CAM(CHANNELS)

    def forward(self, x):
        return self.pam(x) + self.cam(x) - x


class ObjectContext(paddle.nn.Layer):
    """OCRHead behind its first convolution, for a given coarse map."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = ocrnet.SpatialGatherBlock(CHANNELS, CLASSES)
        self.ocr = ocrnet.SpatialOCRModule(CHANNELS, INNER, CHANNELS)

    def forward(self, x):
        return self.ocr(x, self.gather(x, paddle.to_tensor(image(CLASSES))))


class CrissCross(ccnet.CrissCrossAttention):
    """Twice, as RCCAModule does with recurrence 2."""

    def forward(self, x):
        return super().forward(super().forward(x))


class ExpectationMaximisation(paddle.nn.Layer):
    """EMAHead between its first and its last convolution."""

    def __init__(self) -> None:
        super().__init__()
        head = emanet.EMAHead(CLASSES, [8, 8], CHANNELS, 4, 6, 3, 0.1)
        self.mid, self.emau, self.out = head.ema_mid_conv, head.emau, head.ema_out_conv

    def forward(self, x):
        rebuilt = self.out(paddle.nn.functional.relu(self.emau(self.mid(x))))
        return paddle.nn.functional.relu(x + rebuilt)


class Interlaced(paddle.nn.Layer):
    """ISAHead between its first and its last convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.head = isanet.ISAHead(CLASSES, [4 * CHANNELS], INNER, (4, 4), False)
        self.head.in_conv, self.head.cls = paddle.nn.Identity(), paddle.nn.Identity()

    def forward(self, x):
        return self.head([None, x])[0]


BLOCKS = {
    "OCR": ObjectContext,
    "DANet": DualAttention,
    "CCNet": lambda: CrissCross(CHANNELS),
    "EMANet": ExpectationMaximisation,
    "GCNet": lambda: gcnet.GlobalContextBlock(CHANNELS, CHANNELS, 0.25),
    "ANN": lambda: ann.APNB(CHANNELS, CHANNELS, INNER, INNER, 0.05),
    "ISANet": Interlaced,
    "DNL": lambda: dnlnet.DisentangledNonLocal2D(
        in_channels=CHANNELS, reduction=2, use_scale=True, temperature=0.05, mode="embedded_gaussian"
    ),
}


def main() -> None:
    outputs = {}
    for kind, make in BLOCKS.items():
        block = make()
        block.eval()
        state = block.state_dict()
        theirs = {k for k in state if not k.startswith(("head.aux", "head.cls"))}
        missing = theirs - set(NAMES[kind]) - fold_bias(kind)
        assert not missing, (kind, sorted(missing))
        for name, ours in NAMES[kind].items():
            state[name].set_value(numbers(kind, ours, list(state[name].shape)))
        for name in fold_bias(kind):
            state[name].set_value(paddle.zeros_like(state[name]))
        with paddle.no_grad():
            outputs[kind] = block(paddle.to_tensor(image(CHANNELS))).numpy()
        print(kind, outputs[kind].shape, float(np.abs(outputs[kind]).mean()))
        assert list(outputs[kind].shape) == SHAPE
    np.savez_compressed(Path(__file__).with_name("attention.npz"), **outputs)


if __name__ == "__main__":
    main()
