"""Small variants learn four Scenes images by heart; the end of everything that can go wrong quietly."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.data import Scenes
from paddleseg_lite.models import build_model
from tests.models.checks import total_loss

# DeepLab V1 and V2 are trained at 1/8, on labels subsampled by 8; a pole of two pixels cannot be drawn from there.
NATIVE = {"native_output": True}
SPECS = {
    "fcn32s": {"type": "FCN32s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.25},
    "fcn16s": {"type": "FCN16s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.25},
    "fcn8s": {"type": "FCN8s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.25},
    "fcn8s_pad100": {"type": "FCN8s", "backbone": "VGG16BN", "width": 0.125},
    "segnet": {"type": "SegNet", "width": 0.25},
    "enet": {"type": "ENet"},
    "enet_pytorch": {"type": "ENet", "style": "pytorch"},
    "enet_course": {"type": "enet_course"},
    "deeplab_v1": {"type": "DeepLabV1", "backbone": "VGG16BN", "width": 0.25, **NATIVE},
    "deeplab_v1_msc": {"type": "DeepLabV1", "backbone": "VGG16BN", "msc": True, "width": 0.25, **NATIVE},
    "deeplab_v2_vgg": {"type": "DeepLabV2", "backbone": "VGG16BN", "width": 0.25, **NATIVE},
    "deeplab_v2_resnet": {"type": "DeepLabV2", "backbone": "ResNet50", "width": 0.25, **NATIVE},
}
STEPS = 500


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SPECS))
def test_overfits(name):
    data = Scenes(num_samples=4, size=(64, 64), num_classes=6, transforms=[{"type": "Normalize"}])
    samples = [data.get(i, np.random.default_rng(0)) for i in range(4)]
    x = paddle.to_tensor(np.stack([s["image"].transpose(2, 0, 1) for s in samples]))
    label = paddle.to_tensor(np.stack([s["label"] for s in samples]).astype("int64"))
    model = build_model(SPECS[name], num_classes=6)
    for layer in model.sublayers():
        if isinstance(layer, (paddle.nn.Dropout, paddle.nn.Dropout2D)):
            layer.p = 0.0  # learning by heart is what dropout is against
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(3e-3, STEPS)
    optimizer = paddle.optimizer.Adam(schedule, parameters=model.parameters())
    for _ in range(STEPS):
        loss = total_loss(model(x), label)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
        if float(loss) < 0.1:
            break
    print(f"{name}: loss {float(loss):.3f} after {schedule.last_epoch + 1} steps")
    assert float(loss) < 0.1
