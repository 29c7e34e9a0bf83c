"""What all networks share: backbone -> context -> head, the resize and the output dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from ..backbones.base import Backbone, FeatureMaps
from ..layers import BatchNorm, resize
from ..registry import BACKBONES, Spec
from .context import ContextSlot


class Segmentor(nn.Layer):
    """Base of every network: ``forward(x [N, in_channels, H, W]) -> {"out": [N, K, H, W], ...}``, raw logits.

    A network calls :meth:`build_encoder` in its constructor, builds its head
    for ``self.deep_channels``, and implements :meth:`decode`. What `decode`
    returns is resized to the input here, and entries other than ``"out"`` are
    meant for training only.

    Args:
        num_classes: K.
        in_channels: channels of the image.
        align_corners, half_pixel: for every resize in the network, as in :func:`paddleseg_lite.layers.resize`.
        pretrained: weights of the backbone or of the whole network, a path in any
            supported format; read by :func:`paddleseg_lite.models.build_model`.
        native_output: leave 4-D outputs at the head's own resolution in train mode
            (the recipes that subsample labels: DeepLab V1, V2).

    Every network takes ``context`` besides: the slot as written in YAML, ``{type, position, ...}``, or none
    (:class:`~.context.ContextSlot`).
    """

    backbone: Backbone
    label_fit = "resize"  # how labels come to the size of the logits, unless a recipe's loss says so
    same_size = True  # whether ``forward`` gives logits at the size of the image, as :meth:`logits` does
    smallest = 1  # pixels a side; a smaller picture gets zeros on the right and below, lest its maps become empty

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        align_corners: bool = False,
        half_pixel: bool = True,
        pretrained: str | None = None,
        native_output: bool = False,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be positive, got {num_classes}.")
        self.num_classes, self.in_channels = num_classes, in_channels
        self.align_corners, self.half_pixel, self.native_output = align_corners, half_pixel, native_output
        self.pretrained = pretrained

    def build_encoder(
        self, backbone: Backbone | Mapping[str, Any] | str, context: Spec | None = None, **defaults: Any
    ) -> None:
        """Set ``self.backbone`` and ``self.context``.

        Args:
            backbone: a layer with the :class:`Backbone` contract, or the name or
                ``{type, ...}`` of a registered one.
            context: the slot as written in YAML, or ``None``.
            **defaults: backbone arguments that ``backbone`` may override; ``None`` leaves the backbone's own.
        """
        if isinstance(backbone, nn.Layer):
            self.backbone = backbone
        else:
            told = {name: value for name, value in defaults.items() if value is not None}
            self.backbone = BACKBONES.build(backbone, offered={**told, "in_channels": self.in_channels})
        self.context = ContextSlot(context, channels=self.backbone.out_channels, num_classes=self.num_classes)

    @property
    def deep_channels(self) -> int:
        """Channels of the map that the head receives."""
        return self.context.out_channels

    def encode(self, x: Tensor) -> FeatureMaps:
        """Feature maps of all stages, the last one after the context slot."""
        extras: dict[str, Tensor] = {}
        maps = FeatureMaps.of(self.backbone(x, self.context.after_stage(extras)))
        deep = self.context.deep(maps[-1], extras)
        return FeatureMaps([*maps[:-1], deep], places=maps.places, extras=extras)

    def decode(self, features: FeatureMaps, x: Tensor) -> dict[str, Any]:
        """Logits from feature maps; ``{"out": [N, K, h, w], ...}`` at any resolution.

        Args:
            features: as :meth:`encode` returns them.
            x: the image batch, for its size.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        height, width = x.shape[2:]
        if self._too_small(height, width):
            wide = F.pad(x, [0, max(0, self.smallest - width), 0, max(0, self.smallest - height)])
            outputs = self.forward(wide)
            return {name: y[:, :, :height, :width] if y.ndim == 4 else y for name, y in outputs.items()}
        features = FeatureMaps.of(self.encode(x))
        outputs = self.decode(features, x)
        outputs.update(features.extras)
        return self.finish(outputs, x)

    def _too_small(self, height: Any, width: Any) -> bool:
        """Whether zeros must be added; a static graph with open sizes does not know, and its caller sees to it."""
        return isinstance(height, int) and isinstance(width, int) and 0 < min(height, width) < self.smallest

    def logits(self, x: Tensor) -> Tensor:
        """Raw logits ``[N, K, H, W]`` for any H, W: what prediction takes a network for."""
        return self(x)["out"]

    def finish(self, outputs: dict[str, Any], x: Tensor) -> dict[str, Any]:
        """Resize maps to the input; in eval mode keep ``"out"`` alone."""
        if not self.training:
            outputs = {"out": outputs["out"]}
        if self.training and self.native_output:
            return outputs
        size = x.shape[2:]
        return {
            name: resize(value, size, align_corners=self.align_corners, half_pixel=self.half_pixel)
            if value.ndim == 4
            else value
            for name, value in outputs.items()
        }

    # -- training recipes ----------------------------------------------------------------------

    def side_losses(self) -> dict[str, dict[str, Any]]:
        """The usual loss of outputs that recipes may forget, by name: what a context unit gives besides its map."""
        return self.context.side_losses()

    def pretrained_part(self) -> nn.Layer:
        """The layer that ImageNet weights fill."""
        return self.backbone

    def parameter_groups(self, *, head_lr_mult: float = 10.0, head_bias_lr_mult: float | None = None) -> list[dict]:
        """Partition the trainable parameters for recipes that train new layers faster.

        Returns:
            Groups ``{"params": [...], "learning_rate": multiplier}`` as Paddle's
            optimizers take them: the pretrained part at 1x, the rest at
            ``head_lr_mult`` (biases at ``head_bias_lr_mult`` where given).
        """
        base_ids = {id(p) for p in self.pretrained_part().parameters()}
        bias_mult = head_lr_mult if head_bias_lr_mult is None else head_bias_lr_mult
        groups: dict[float, list] = {}
        for name, parameter in self.named_parameters():
            if parameter.stop_gradient:
                continue
            is_bias = name.endswith("bias")
            multiplier = 1.0 if id(parameter) in base_ids else (bias_mult if is_bias else head_lr_mult)
            groups.setdefault(multiplier, []).append(parameter)
        return [{"params": p, "learning_rate": m} for m, p in groups.items()]

    def name_layers(self) -> Segmentor:
        """Tell every batch normalisation its structured name, for its error message."""
        for name, layer in self.named_sublayers():
            if isinstance(layer, BatchNorm):
                layer.structured_name = name
        return self
