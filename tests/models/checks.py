"""What every network must do, for the tests of single networks."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from paddleseg_lite.export.recording import no_call_stacks
from paddleseg_lite.models import build_model

SIZES = [(33, 47), (65, 97), (96, 128)]


def lazy_model(spec, **offered):
    """A network without drawn weights: enough for shapes, fast for 130 million parameters."""
    with paddle.LazyGuard():
        return build_model(spec, **offered)


def undrawn_model(spec, **offered):
    """A network whose numbers are all still to come: zeros, where drawing 60 million weights takes a second."""
    model = lazy_model(spec, **offered)
    for parameter in model.parameters():
        parameter.set_init_func(nn.initializer.Constant(0.0).forward)
        parameter.initialize()
    return model


def count(layer) -> int:
    """Trainable parameters."""
    return sum(int(np.prod(p.shape)) for p in layer.parameters() if not p.stop_gradient)


def awake(model):
    """The model with its zero-initialised weights (FCN's scores) drawn at random, so that outputs say something."""
    for parameter in model.parameters():
        if not parameter.stop_gradient and not bool((parameter != 0).any()):
            parameter.set_value(0.1 * paddle.randn(parameter.shape))
    return model


def check_sizes(spec, sizes=SIZES, num_classes=3):
    """Eval output is ``out`` alone, of the image's size and finite, for any batch; the contracts try other channels."""
    for in_channels in (1, 4):
        model = awake(build_model({**spec, "in_channels": in_channels}, num_classes=num_classes))
        model.eval()
        for i, (height, width) in enumerate(sizes[:1] if in_channels == 1 else sizes):
            batch = 1 + i % 2
            with paddle.no_grad():
                outputs = model(paddle.randn([batch, in_channels, height, width]))
            assert list(outputs) == ["out"]
            assert list(outputs["out"].shape) == [batch, num_classes, height, width]
            assert bool(paddle.isfinite(outputs["out"]).all())


def total_loss(outputs, label):
    """Cross-entropy summed over all maps, labels picked by nearest; presence of the classes for ``[N, K]``."""
    total = paddle.zeros([])
    for logits in outputs.values():
        if logits.ndim == 2:
            present = F.one_hot(label.flatten(1), logits.shape[1]).max(1)
            total = total + F.binary_cross_entropy_with_logits(logits, present)
            continue
        fitted = F.interpolate(label.unsqueeze(1).astype("float32"), size=logits.shape[2:], mode="nearest")
        total = total + F.cross_entropy(logits, fitted.squeeze(1).astype("int64"), axis=1)
    return total


def check_gradients(spec, *, size=(64, 64), lr=0.1, num_classes=3):
    """Every trainable parameter gets a non-zero gradient within three steps.

    But for biases that a norm behind them subtracts: they move the output in eval mode and not in train mode.
    """
    model = build_model(spec, num_classes=num_classes)
    model.train()
    optimizer = paddle.optimizer.SGD(lr, parameters=model.parameters())
    missing = {name for name, p in model.named_parameters() if not p.stop_gradient}
    x = paddle.randn([2, model.in_channels, *size])
    label = paddle.randint(0, num_classes, [2, *size])
    for _ in range(3):
        total_loss(model(x), label).backward()
        for name, p in model.named_parameters():
            if p.grad is not None and float(p.grad.abs().max()) > 0:  # Paddle 2.6 calls 1e-8 equal to 0
                assert bool(paddle.isfinite(p.grad).all()), name
                missing.discard(name)
        optimizer.step()
        optimizer.clear_grad()
    missing = {name for name in missing if not (name.endswith("bias") and subtracted_by_a_norm(model, name, x))}
    assert not missing, sorted(missing)


def subtracted_by_a_norm(model, name: str, x) -> bool:
    """Whether moving a bias changes what a network or unit says in eval mode, but not in train mode."""
    bias = dict(model.named_parameters())[name]
    before, moved = bias.clone(), []
    for train in (False, True):
        model.train() if train else model.eval()
        results = []
        for value in (before, before + 0.5):
            bias.set_value(value)
            paddle.seed(0)
            with paddle.no_grad():
                outputs = model(x)
                values = outputs.values() if isinstance(outputs, dict) else outputs[:1]  # a unit: (map, extras)
                results.append(paddle.concat([v.flatten() for v in values]))
        moved.append(float((results[1] - results[0]).abs().max() / results[0].abs().max()))
    bias.set_value(before)
    return moved[0] > max(1e-4, 10 * moved[1])  # one that trains moves both alike


def check_save_load(spec, path, *, size=(33, 47), num_classes=3):
    """Weights written and read back give the same output to the last bit."""
    first, second = (awake(build_model(spec, num_classes=num_classes)) for _ in range(2))
    first.train()
    with paddle.no_grad():
        first(paddle.randn([2, first.in_channels, 64, 64]))  # moves the running statistics
    paddle.save(first.state_dict(), str(path / "model.pdparams"))
    missing, unexpected = second.set_state_dict(paddle.load(str(path / "model.pdparams")))
    assert not missing and not unexpected
    first.eval(), second.eval()
    x = paddle.randn([1, first.in_channels, *size])
    with paddle.no_grad():
        out = first(x)["out"]
        assert float(out.std()) > 0
        assert bool((out == second(x)["out"]).all())


def check_static(model, size=(33, 47)):
    """The static graph, which is what gets exported, agrees with eager mode, at an odd size."""
    model.eval()
    x = paddle.randn([1, model.in_channels, *size])
    with paddle.no_grad():
        expected = model(x)["out"]
    spec = paddle.static.InputSpec([1, model.in_channels, *size])
    static = paddle.jit.to_static(model, input_spec=[spec], full_graph=True)
    with no_call_stacks():
        assert float((static(x)["out"] - expected).abs().max()) <= 1e-5


def check_all_layers_in_state(model):
    """No convolution or norm hides in a plain Python list, where it would neither train nor be saved."""
    state = set(model.state_dict())
    registered = {id(layer) for layer in model.sublayers()}
    for name, layer in model.named_sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Conv2DTranspose, nn.BatchNorm2D, nn.Linear)) and layer.weight is not None:
            assert f"{name}.weight" in state
        for value in vars(layer).values():
            for item in value if isinstance(value, (list, tuple)) else ():
                assert not isinstance(item, nn.Layer) or id(item) in registered, name


def check_context(spec, unit, position, *, num_classes=3):
    """A unit after a stage leaves the untrained network's output as it was; returns the network with the unit."""
    plain = awake(build_model(spec, num_classes=num_classes))
    slotted = build_model({**spec, "context": {**unit, "position": position}}, num_classes=num_classes)
    own = {name: value for name, value in slotted.state_dict().items() if name.startswith("context.")}
    missing, unexpected = slotted.set_state_dict({**plain.state_dict(), **own})
    assert not missing and not unexpected
    plain.eval(), slotted.eval()
    x = paddle.randn([1, plain.in_channels, 65, 97])
    with paddle.no_grad():
        a, b = plain(x)["out"], slotted(x)["out"]
    assert a.shape == b.shape
    if position != "deep":
        assert bool((a == b).all())
    return slotted


def check_context_of_another_width(spec):
    """A unit that reduces the deep map to 16 channels still gives logits of the input's size; returns the network."""
    unit = {"type": "GloRe", "num_state": 8, "num_nodes": 4, "reduce": 16}
    model = build_model({**spec, "context": unit}, num_classes=3)
    model.eval()
    assert list(model(paddle.randn([1, 3, 33, 47]))["out"].shape) == [1, 3, 33, 47]
    return model


def sees_the_last_column(spec, width):
    """Whether the gradient of the first column of logits reaches the last column of an image of that width."""
    model = awake(build_model(spec, num_classes=3))
    model.eval()
    x = paddle.randn([1, 3, 33, width])
    x.stop_gradient = False
    model(x)["out"][:, :, :, 0].square().sum().backward()
    return float(x.grad[:, :, :, -1].abs().max()) > 0


def geometry(layer):
    """``(kernel, stride, padding, dilation)`` of a convolution or pooling, along the height."""
    if isinstance(layer, (nn.MaxPool2D, nn.AvgPool2D)):
        return layer.ksize, layer.stride, layer.padding, 1
    first = lambda value: value[0] if isinstance(value, (list, tuple)) else value  # noqa: E731
    return tuple(first(v) for v in (layer._kernel_size, layer._stride, layer._padding, layer._dilation))


def receptive_field(layers):
    """``(field, jump)`` of layers in a row: r <- r + (k - 1) d j, then j <- j s."""
    r = j = 1
    for layer in layers:
        if isinstance(layer, (nn.Conv2D, nn.MaxPool2D, nn.AvgPool2D)):
            kernel, stride, _, dilation = geometry(layer)
            r, j = r + (kernel - 1) * dilation * j, j * stride
    return r, j
