"""Small variants learn: a few steps in every run of the tests, four Scenes images by heart in the slow ones."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.data import Scenes
from paddleseg_lite.models import build_model
from tests.models.checks import total_loss

# network, side of the images: at 64 pixels a map at 1/8 cannot draw a pole that is two pixels wide
SPECS = {
    "fcn32s": ({"type": "FCN32s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.25}, 64),
    "fcn16s": ({"type": "FCN16s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.25}, 64),
    "fcn8s": ({"type": "FCN8s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.25}, 64),
    "fcn8s_pad100": ({"type": "FCN8s", "backbone": "VGG16BN", "width": 0.125}, 64),
    "segnet": ({"type": "SegNet", "width": 0.25}, 64),
    "enet": ({"type": "ENet"}, 64),
    "enet_pytorch": ({"type": "ENet", "style": "pytorch"}, 64),
    "enet_course": ({"type": "enet_course"}, 64),
    "deeplab_v1": ({"type": "DeepLabV1", "backbone": "VGG16BN", "width": 0.25}, 128),
    "deeplab_v1_msc": ({"type": "DeepLabV1", "backbone": "VGG16BN", "msc": True, "width": 0.25}, 128),
    "deeplab_v2_vgg": ({"type": "DeepLabV2", "backbone": "VGG16BN", "width": 0.25}, 128),
    "deeplab_v2_resnet": ({"type": "DeepLabV2", "backbone": "ResNet50", "width": 0.25}, 128),
}


def learn(spec, size, steps, *, rate=3e-3, until=0.0):
    """Losses of Adam on four images, without dropout: learning by heart is what it is against."""
    data = Scenes(num_samples=4, size=(size, size), num_classes=6, transforms=[{"type": "Normalize"}])
    samples = [data.get(i, np.random.default_rng(0)) for i in range(4)]
    x = paddle.to_tensor(np.stack([s["image"].transpose(2, 0, 1) for s in samples]))
    label = paddle.to_tensor(np.stack([s["label"] for s in samples]).astype("int64"))
    model = build_model(spec, num_classes=6)
    for layer in model.sublayers():
        if isinstance(layer, (paddle.nn.Dropout, paddle.nn.Dropout2D)):
            layer.p = 0.0
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(rate, steps)
    optimizer = paddle.optimizer.Adam(schedule, parameters=model.parameters())
    history = []
    while len(history) < steps and (not history or history[-1] >= until):
        loss = total_loss(model(x), label)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
        history.append(float(loss))
    return history


@pytest.mark.parametrize("name", ["fcn8s", "segnet", "enet", "deeplab_v1_msc", "deeplab_v2_vgg"])
def test_learns(name):
    small, steps, rate = ({}, 16, 1e-2) if name == "enet" else ({"width": 0.125}, 12, 3e-3)
    history = learn({**SPECS[name][0], **small}, 64, steps, rate=rate)
    assert min(history[-3:]) < 0.8 * history[0], history


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SPECS))
def test_learns_four_images_by_heart(name):
    history = learn(*SPECS[name], 500, until=0.1)
    print(f"{name}: loss {history[-1]:.3f} after {len(history)} steps")
    assert history[-1] < 0.1
