"""Optimizers from YAML: ``{type: Momentum, momentum: 0.9, weight_decay: 4.0e-5, head_lr_mult: 10}``.

``SGD`` with a momentum is Paddle's Momentum, as in PaddleSeg, whose lower-case
names and keys (``grad_clip_cfg``, ``custom_cfg``) are understood too.

Multipliers are set on the parameters themselves and not through Paddle's parameter
groups: with groups, Paddle clips the "global" norm of every group by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import paddle
from paddle import nn
from paddle.optimizer.lr import LRScheduler
from paddle.regularizer import L2Decay

from ..errors import ConfigError
from ..registry import OPTIMIZERS, Registry
from .schedules import build_scheduler

Multipliers = list[tuple[Any, float, float]]  # parameter, factors of its learning rate and of its weight decay
CLIPS = Registry("grad_clip")


@CLIPS.register(name="ClipGradByGlobalNorm")
def clip_by_global_norm(*, clip_norm: float) -> nn.ClipGradByGlobalNorm:
    """Scale all gradients together so that their joint norm is at most ``clip_norm``."""
    return nn.ClipGradByGlobalNorm(float(clip_norm))


@CLIPS.register(name="ClipGradByNorm")
def clip_by_norm(*, clip_norm: float) -> nn.ClipGradByNorm:
    """Scale each gradient by itself."""
    return nn.ClipGradByNorm(float(clip_norm))


@CLIPS.register(name="ClipGradByValue")
def clip_by_value(*, max: float, min: float | None = None) -> nn.ClipGradByValue:
    """Cut each element to ``[min, max]``; ``min`` is ``-max`` by default."""
    return nn.ClipGradByValue(float(max), None if min is None else float(min))


class OptimizerRecipe:
    """What all optimizers take.

    Args:
        weight_decay: L2 factor (decoupled in AdamW).
        grad_clip: ``{type: ClipGradByGlobalNorm, clip_norm: 1.0}``, ClipGradByNorm or ClipGradByValue.
        grad_clip_cfg: the same with PaddleSeg's key ``name`` for the type.
        head_lr_mult: factor for every parameter outside the pretrained part.
        head_bias_lr_mult: the same for their biases, where it differs (20 in DeepLab V1 and V2).
        no_bias_decay: no weight decay on biases.
        custom_cfg: ``[{name: part of a parameter's name, lr_mult, weight_decay_mult}, ...]``;
            the first match counts (PaddleSeg).
    """

    def __init__(
        self,
        *,
        weight_decay: float | None = None,
        grad_clip: Mapping[str, Any] | None = None,
        grad_clip_cfg: Mapping[str, Any] | None = None,
        head_lr_mult: float = 1.0,
        head_bias_lr_mult: float | None = None,
        no_bias_decay: bool = False,
        custom_cfg: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        if grad_clip_cfg is not None:
            grad_clip = {**grad_clip_cfg}
            grad_clip["type"] = grad_clip.pop("name", grad_clip.get("type"))
        self.weight_decay = None if weight_decay is None else float(weight_decay)
        self.grad_clip = None if grad_clip is None else CLIPS.build(grad_clip)
        self.head_lr_mult, self.head_bias_lr_mult = head_lr_mult, head_bias_lr_mult
        self.no_bias_decay = no_bias_decay
        self.custom = [dict(item) for item in custom_cfg or []]
        for item in self.custom:
            if "name" not in item or set(item) - {"name", "lr_mult", "weight_decay_mult"}:
                raise ConfigError(f"custom_cfg entries are {{name, lr_mult, weight_decay_mult}}, got {item!r}.")

    def build(self, model: nn.Layer, rate: float | LRScheduler) -> paddle.optimizer.Optimizer:
        """The optimizer over the trainable parameters of ``model``."""
        multipliers = self.multipliers(model)
        parameters = []
        for parameter, lr_mult, _ in multipliers:
            parameter.optimize_attr["learning_rate"] = lr_mult
            parameters.append(parameter)
        self.set_decay(multipliers)
        if not parameters:
            raise ConfigError("the network has no trainable parameter: nothing to optimize.")
        return self.create(
            learning_rate=rate, parameters=parameters, weight_decay=self.weight_decay, grad_clip=self.grad_clip
        )

    def multipliers(self, model: nn.Layer) -> Multipliers:
        """``(parameter, learning-rate factor, weight-decay factor)`` of every trainable parameter."""
        head = {}
        if self.head_lr_mult != 1.0 or self.head_bias_lr_mult is not None:
            if not hasattr(model, "parameter_groups"):
                raise ConfigError(f"head_lr_mult: {type(model).__name__} does not tell its head from its backbone.")
            groups = model.parameter_groups(head_lr_mult=self.head_lr_mult, head_bias_lr_mult=self.head_bias_lr_mult)
            head = {id(p): group["learning_rate"] for group in groups for p in group["params"]}
        unused = [item["name"] for item in self.custom]
        result = []
        for name, parameter in model.named_parameters():
            if parameter.stop_gradient:
                continue
            lr_mult = head.get(id(parameter), 1.0)
            decay_mult = 0.0 if self.no_bias_decay and name.rpartition(".")[2] == "bias" else 1.0
            for item in self.custom:
                if item["name"] in name:
                    lr_mult *= item.get("lr_mult", 1.0)
                    decay_mult *= item.get("weight_decay_mult", 1.0)
                    unused = [u for u in unused if u != item["name"]]
                    break
            result.append((parameter, float(lr_mult), float(decay_mult)))
        if unused:
            raise ConfigError(f"custom_cfg name '{unused[0]}' matches no parameter of {type(model).__name__}.")
        return result

    def set_decay(self, multipliers: Multipliers) -> None:
        """Tell each parameter its own L2 factor where it differs from the optimizer's."""
        for parameter, _, mult in multipliers:
            parameter.regularizer = L2Decay((self.weight_decay or 0.0) * mult) if mult != 1.0 else None

    def create(self, **common: Any) -> paddle.optimizer.Optimizer:
        """Paddle's optimizer with the arguments of this kind."""
        raise NotImplementedError


@OPTIMIZERS.register
class SGD(OptimizerRecipe):
    """Stochastic gradient descent; ``v <- momentum v + g; w <- w - lr v`` where momentum is above 0.

    Args:
        momentum: share of the last step that goes on; 0 is plain descent.
        use_nesterov: step by the gradient where the momentum leads, ``w <- w - lr (g + momentum v)``.
    """

    def __init__(self, *, momentum: float = 0.0, use_nesterov: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self.momentum, self.use_nesterov = momentum, use_nesterov

    def create(self, **common: Any) -> paddle.optimizer.Optimizer:
        if not self.momentum:
            return paddle.optimizer.SGD(**common)
        return paddle.optimizer.Momentum(momentum=self.momentum, use_nesterov=self.use_nesterov, **common)


@OPTIMIZERS.register
class Momentum(SGD):
    """:class:`SGD` with momentum 0.9 unless told otherwise."""

    def __init__(self, *, momentum: float = 0.9, **common: Any) -> None:
        super().__init__(momentum=momentum, **common)


@OPTIMIZERS.register
class Adam(OptimizerRecipe):
    """Kingma and Ba, arXiv:1412.6980; weight decay is added to the gradient.

    Args:
        beta1, beta2: decay of the running means of the gradient and of its square.
        epsilon: added to the root of the latter.
    """

    def __init__(self, *, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, **common: Any) -> None:
        super().__init__(**common)
        self.arguments: dict[str, Any] = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon}

    def create(self, **common: Any) -> paddle.optimizer.Optimizer:
        return paddle.optimizer.Adam(**self.arguments, **common)


@OPTIMIZERS.register
class AdamW(Adam):
    """Adam with decoupled weight decay, Loshchilov and Hutter, arXiv:1711.05101."""

    def __init__(self, *, weight_decay: float | None = 0.01, **common: Any) -> None:
        super().__init__(weight_decay=weight_decay or 0.0, **common)  # Paddle's takes no None

    def set_decay(self, multipliers: Multipliers) -> None:
        if any(mult not in (0.0, 1.0) for _, _, mult in multipliers):
            raise ConfigError("AdamW: weight_decay_mult is 0 or 1.")
        free = {parameter.name for parameter, _, mult in multipliers if mult == 0.0}
        self.decays = lambda name: name not in free
        super().set_decay([(p, lr_mult, 1.0) for p, lr_mult, _ in multipliers])

    def create(self, **common: Any) -> paddle.optimizer.Optimizer:
        return paddle.optimizer.AdamW(apply_decay_param_fun=self.decays, **self.arguments, **common)


@OPTIMIZERS.register
class RMSProp(OptimizerRecipe):
    """Divide by a running root mean square of the gradient.

    Args:
        rho: decay of the running mean of the square.
        epsilon: added to it under the root.
        momentum: share of the last step that goes on.
        centered: take the running mean of the gradient off, as a variance does.
    """

    def __init__(
        self, *, rho: float = 0.95, epsilon: float = 1e-6, momentum: float = 0.0, centered: bool = False, **common: Any
    ) -> None:
        super().__init__(**common)
        self.arguments: dict[str, Any] = {"rho": rho, "epsilon": epsilon, "momentum": momentum, "centered": centered}

    def create(self, **common: Any) -> paddle.optimizer.Optimizer:
        return paddle.optimizer.RMSProp(**self.arguments, **common)


for _name, _recipe in (("sgd", SGD), ("momentum", Momentum), ("adam", Adam), ("adamw", AdamW), ("rmsprop", RMSProp)):
    OPTIMIZERS.register(_recipe, name=_name)


def build_optimizer(
    spec: Mapping[str, Any] | str,
    model: nn.Layer,
    lr_scheduler: Mapping[str, Any] | LRScheduler | float,
    *,
    iters: int = 1,
) -> tuple[paddle.optimizer.Optimizer, LRScheduler | float]:
    """Build optimizer and schedule.

    Args:
        spec: the recipe's ``optimizer``.
        model: its trainable parameters are optimized.
        lr_scheduler: the recipe's ``lr_scheduler``, a built schedule, or a constant rate.
        iters: optimizer steps of the run, for schedules that end with it.

    Returns:
        ``(optimizer, schedule)``; call ``schedule.step()`` after every optimizer step.

    Raises:
        ConfigError: unknown type or argument, with the nearest match.
    """
    rate = lr_scheduler
    if isinstance(rate, (int, float)):
        rate = {"type": "Constant", "learning_rate": float(rate)}
    if isinstance(rate, (Mapping, str)):
        rate = build_scheduler(rate, iters=iters)
    return OPTIMIZERS.build(spec).build(model, rate), rate
