"""The contract of a backbone: a map per stage, of the channels and strides it declares, at any size."""

import paddle
import pytest

from paddleseg_lite.models import build_model
from paddleseg_lite.registry import BACKBONES
from tests.contracts.found import every
from tests.models.checks import check_all_layers_in_state, check_gradients


@every(BACKBONES)
@pytest.mark.parametrize(("batch", "channels", "size"), [(1, 1, (33, 47)), (2, 3, (65, 97)), (1, 4, (96, 128))])
def test_maps_have_the_declared_channels_and_strides(spec, batch, channels, size):
    backbone = BACKBONES.build({**spec, "in_channels": channels})
    backbone.eval()
    with paddle.no_grad():
        maps = backbone(paddle.randn([batch, channels, *size]))
    assert len(maps) == len(backbone.out_channels) == len(backbone.strides) == len(backbone.stages)
    assert backbone.strides == sorted(backbone.strides)
    for feature, width, stride in zip(maps, backbone.out_channels, backbone.strides):
        assert list(feature.shape[:2]) == [batch, width]
        assert bool(paddle.isfinite(feature).all())
        for got, side in zip(feature.shape[2:], size):  # rounded up or down
            assert side // stride <= got <= -(-side // stride)


@every(BACKBONES)
def test_later_stages_see_what_the_hook_returns(spec):
    """The context slot enters a network here."""
    backbone = BACKBONES.build(spec)
    backbone.eval()
    seen = []

    def hook(index, feature):
        seen.append(index)
        return feature * 0 if index == 1 else feature

    with paddle.no_grad():
        x = paddle.randn([1, 3, 65, 97])
        plain, changed = backbone(x), backbone(x, hook)
    assert seen == list(range(len(backbone.stages)))
    assert bool((plain[0] == changed[0]).all()) and not bool(changed[1].any())
    assert float((plain[-1] - changed[-1]).abs().max()) > 0  # to Paddle 2.6 values 1e-8 apart are equal


@every(BACKBONES)
def test_weights_survive_saving(spec, tmp_path):
    first, second = BACKBONES.build(spec), BACKBONES.build(spec)
    check_all_layers_in_state(first)
    with paddle.no_grad():
        first(paddle.randn([2, 3, 64, 64]))  # moves the running statistics
    paddle.save(first.state_dict(), str(tmp_path / "backbone.pdparams"))
    missing, unexpected = second.set_state_dict(paddle.load(str(tmp_path / "backbone.pdparams")))
    assert not missing and not unexpected
    first.eval(), second.eval()
    x = paddle.randn([1, 3, 33, 47])
    with paddle.no_grad():
        for a, b in zip(first(x), second(x)):
            assert bool((a == b).all())


@every(BACKBONES)
def test_a_network_stands_on_it_and_every_parameter_learns(spec):
    """On the deepest map alone; dilated ones keep the resolution that the losses look at."""
    network = {"type": "FCN", "style": "paddleseg", "backbone": spec}
    check_gradients(network, lr=1.0)
    assert build_model(network, num_classes=3).backbone.out_channels == BACKBONES.build(spec).out_channels
