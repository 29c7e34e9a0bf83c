"""Joint pyramid upsampling (Wu et al., FastFCN, arXiv:1903.11816, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from paddle import Tensor, nn

from .conv import ConvBNAct
from .functional import concat
from .separable import SeparableConv
from .upsample import resize


class JPU(nn.Layer):
    """Three maps into one at the resolution of the first; ``[c3, c4, c5] -> [N, 4 * width, h3, w3]``.

    Each map is projected by a 3x3 convolution and resized to the first one's
    size; four separable convolutions of dilation 1, 2, 4 and 8 look at their
    concatenation side by side.

    Args:
        in_channels: of the three maps, finest first.
        width: of every projection and of every dilated branch.
        align_corners: of the resizing (True in the original code and in PaddleSeg).
    """

    def __init__(self, in_channels: Sequence[int], *, width: int = 512, align_corners: bool = True) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.projections = nn.LayerList([ConvBNAct(c, width, 3) for c in in_channels])
        joined = len(in_channels) * width
        self.dilated = nn.LayerList([SeparableConv(joined, width, dilation=d) for d in (1, 2, 4, 8)])
        self.out_channels = 4 * width

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        maps = [project(x) for project, x in zip(self.projections, features)]
        size = maps[0].shape[2:]
        maps = [resize(x, size, align_corners=self.align_corners) for x in reversed(maps)]  # deepest first
        joined = concat(maps)
        return concat([branch(joined) for branch in self.dilated])
