"""Reference outputs of torchvision's FCN and DeepLabV3, and of a UNet and a PSPNet written after the papers.

Run from the repository's root where torch and torchvision are installed (Paddle
is not needed):

    python -m tests.golden.make_golden_resnet_family

torchvision's networks are its own classes, filled with formula.py's numbers
under the names their parameters have in the package; UNet and PSPNet are plain
functions of operators. Writes ``resnet_family.npz``: sampled logits of the main
and the auxiliary output, and what is needed to build the same network again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tests.golden.formula import formula_image
from tests.golden.make_golden_vgg_family import SAMPLES, Net, shapes_digest

COMPILED = (
    "nms qnms roi_align qroi_align roi_pool ps_roi_align ps_roi_pool deform_conv2d _roi_align_backward "
    "_roi_pool_backward _ps_roi_align_backward _ps_roi_pool_backward _deform_conv2d_backward"
)


def torchvision_models():
    """torchvision's segmentation builders; detection operators are declared, in case its binary does not load."""
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        for name in COMPILED.split():
            library.define(f"{name}(Tensor x) -> Tensor")
        globals()["_library"] = library  # it lives as long as its definitions must
    from torchvision.models import segmentation

    return segmentation


RENAME = (
    (r"^backbone\.conv1\.", "backbone.stem.0.conv."),
    (r"^backbone\.bn1\.", "backbone.stem.0.bn."),
    (r"^backbone\.layer(\d)\.", lambda m: f"backbone.stages.{int(m[1]) - 1}."),
    (r"^(backbone\.stages\.\d\.\d+)\.conv(\d)\.", r"\1.conv\2.conv."),
    (r"^(backbone\.stages\.\d\.\d+)\.bn(\d)\.", r"\1.conv\2.bn."),
    (r"\.downsample\.0\.", ".shortcut.conv."),
    (r"\.downsample\.1\.", ".shortcut.bn."),
    (r"^aux_classifier\.0\.", "aux_head.conv.conv."),
    (r"^aux_classifier\.1\.", "aux_head.conv.bn."),
    (r"^aux_classifier\.4\.", "aux_head.classifier."),
    (r"\.running_mean$", "._mean"),
    (r"\.running_var$", "._variance"),
)
RENAME_FCN = (
    (r"^classifier\.0\.", "head.conv.conv."),
    (r"^classifier\.1\.", "head.conv.bn."),
    (r"^classifier\.4\.", "head.classifier."),
)
RENAME_V3 = (
    (r"^classifier\.0\.convs\.4\.1\.", "aspp.image_pool.conv."),
    (r"^classifier\.0\.convs\.4\.2\.", "aspp.image_pool.bn."),
    (r"^classifier\.0\.convs\.(\d)\.0\.", r"aspp.branches.\1.conv."),
    (r"^classifier\.0\.convs\.(\d)\.1\.", r"aspp.branches.\1.bn."),
    (r"^classifier\.0\.project\.0\.", "aspp.project.conv."),
    (r"^classifier\.0\.project\.1\.", "aspp.project.bn."),
    (r"^classifier\.1\.", "head.0.conv."),
    (r"^classifier\.2\.", "head.0.bn."),
    (r"^classifier\.4\.", "classifier."),
)


def from_torchvision(net, x, classes, *, builder, rename):
    """Outputs of a torchvision network whose every number comes from the formula."""
    model = getattr(torchvision_models(), builder)(
        weights=None, weights_backbone=None, num_classes=classes, aux_loss=True
    )
    state = {}
    for name, value in model.state_dict().items():
        ours = name
        for pattern, replacement in rename:
            changed = re.sub(pattern, replacement, name)
            if changed != name:
                ours = changed
                break
        for pattern, replacement in RENAME:
            ours = re.sub(pattern, replacement, ours)
        state[name] = value if name.endswith("num_batches_tracked") else net.weight(ours, *value.shape)
    model.load_state_dict(state)
    model.eval()
    return dict(model(x))


def unet(net, x, classes, *, bilinear=False):
    """Padded UNet with BN, full width; ``bilinear``: upsampling by align_corners resize, narrow level 4."""
    widths = [64, 128, 256, 512, 512 if bilinear else 1024]

    def double(y, name, out, middle=None):
        return net.cbr(net.cbr(y, f"{name}.0", middle or out, 3, pad=1), f"{name}.1", out, 3, pad=1)

    maps = [double(x, "backbone.stages.0", widths[0])]
    for level in range(1, 5):
        maps.append(double(F.max_pool2d(maps[-1], 2), f"backbone.stages.{level}.1", widths[level]))
    y = maps.pop()
    for i, skip in enumerate(reversed(maps)):
        if bilinear:
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
        else:
            y = net.deconv(y, f"ups.{i}.up", skip.shape[1], 2, 2, 0, 0, True)
        dy, dx = skip.shape[2] - y.shape[2], skip.shape[3] - y.shape[3]
        y = torch.cat([skip, F.pad(y, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], 1)
        out = skip.shape[1] // 2 if bilinear and i < 3 else skip.shape[1]
        y = double(y, f"ups.{i}.conv", out, y.shape[1] // 2 if bilinear else out)
    return {"out": net.conv(y, "classifier", classes, 1)}


def pspnet(net, x, classes, *, align_corners, width):
    """ResNet-50 with three 3x3 convolutions in its stem, rates 2 and 4, pyramid 1-2-3-6, auxiliary head."""

    def resize(y, size):
        return F.interpolate(y, size=size, mode="bilinear", align_corners=align_corners)

    y = x
    for i, (channels, stride) in enumerate(((64, 2), (64, 1), (128, 1))):
        y = net.cbr(y, f"backbone.stem.{i}", int(channels * width), 3, stride, 1)
    y = F.max_pool2d(y, 3, 2, 1)
    stages = []
    for s, (count, stride, rate) in enumerate(((3, 1, 1), (4, 2, 1), (6, 1, 2), (3, 1, 4))):
        inner = int(64 * 2**s * width)
        for i in range(count):
            name, step = f"backbone.stages.{s}.{i}", stride if i == 0 else 1
            z = net.cbr(y, f"{name}.conv1", inner, 1)
            z = net.cbr(z, f"{name}.conv2", inner, 3, step, rate, rate)
            z = net.cbr(z, f"{name}.conv3", 4 * inner, 1, relu=False)
            if i == 0:
                y = net.cbr(y, f"{name}.shortcut", 4 * inner, 1, step, relu=False)
            y = F.relu(y + z)
        stages.append(y)
    maps = [y]
    for i, bins in enumerate((1, 2, 3, 6)):
        z = net.cbr(F.adaptive_avg_pool2d(y, bins), f"pyramid.branches.{i}", y.shape[1] // 4, 1)
        maps.append(resize(z, y.shape[2:]))
    y = net.conv(net.cbr(torch.cat(maps, 1), "head", 512, 3, pad=1), "classifier", classes, 1)
    z = net.cbr(stages[2], "aux_head.conv", stages[2].shape[1] // 4, 3, pad=1)
    z = net.conv(z, "aux_head.classifier", classes, 1)
    return {"out": resize(y, x.shape[2:]), "aux": resize(z, x.shape[2:])}


# function, network, classes, image, arguments, gains that keep activations and logits at O(1)
LOGITS = {r"classifier\.weight$": 0.3}
UNITS = {r"\.conv3\.bn\.weight": 0.3, **LOGITS}
DEEP_UNITS = {r"\.conv3\.bn\.weight": 0.2, **LOGITS}
SEMSEG = {"type": "PSPNet", "style": "semseg", "backbone": {"type": "ResNet50", "width": 0.5}}
CASES = {
    **{
        f"fcn_resnet{depth}": (
            from_torchvision,
            {"type": "FCN", "backbone": f"ResNet{depth}", "aux": True},
            21,
            [1, 3, 65, 65],
            {"builder": f"fcn_resnet{depth}", "rename": RENAME_FCN},
            gains,
        )
        for depth, gains in ((50, UNITS), (101, DEEP_UNITS))
    },
    **{
        f"deeplabv3_resnet{depth}": (
            from_torchvision,
            {"type": "DeepLabV3", "style": "torchvision", "backbone": f"ResNet{depth}", "aux": True},
            21,
            [1, 3, 65, 65],
            {"builder": f"deeplabv3_resnet{depth}", "rename": RENAME_V3},
            gains,
        )
        for depth, gains in ((50, UNITS), (101, DEEP_UNITS))
    },
    "unet": (unet, {"type": "UNet"}, 5, [1, 3, 45, 67], {}, {}),
    "unet_bilinear": (unet, {"type": "UNet", "style": "bilinear"}, 5, [1, 3, 45, 67], {"bilinear": True}, {}),
    "pspnet": (pspnet, SEMSEG, 21, [1, 3, 89, 105], {"align_corners": True, "width": 0.5}, UNITS),
    "pspnet_half_pixel": (
        pspnet,
        {**SEMSEG, "align_corners": False},
        21,
        [2, 3, 65, 98],
        {"align_corners": False, "width": 0.5},
        UNITS,
    ),
}


def main() -> None:
    torch.set_grad_enabled(False)
    arrays, index = {}, {}
    for name, (function, spec, classes, image, arguments, gains) in CASES.items():
        net = Net(gains)
        outputs = function(net, torch.from_numpy(formula_image(*image)), classes, **arguments)
        steps = {}
        for key, value in outputs.items():
            value = value.numpy()
            assert list(value.shape) == [image[0], classes, *image[2:]]
            steps[key] = max(1, value.size // SAMPLES)
            arrays[f"{name}.{key}"] = value.reshape(-1)[:: steps[key]]
            print(f"{name:22s} {key:4s} mean {value.mean():8.3f} std {value.std():8.3f}")
        index[name] = {
            "spec": spec,
            "num_classes": classes,
            "image": image,
            "gains": gains,
            "steps": steps,
            "shapes": shapes_digest(net.shapes),
        }
    path = Path(__file__).with_name("resnet_family.npz")
    np.savez_compressed(path, index=json.dumps(index), **arrays)
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
