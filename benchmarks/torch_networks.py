"""Networks in PyTorch to compare with, for ``step_worker.py``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def torch_network(torch, network, num_classes):
    """UNet and ENet (PaddleSeg's graphs), or one of torchvision's."""
    if network["type"] == "ENet":
        return enet(torch, num_classes)
    if network["type"] != "UNet":
        if not hasattr(torch.ops.torchvision, "nms"):  # a torchvision without its compiled operators
            sys.path.insert(0, str(ROOT))
            from paddleseg_lite.interop.origin_outputs import DETECTION_OPERATORS

            library = torch.library.Library("torchvision", "DEF")
            for name in DETECTION_OPERATORS.split():
                library.define(f"{name}(Tensor x) -> Tensor")
            torch.declared = library  # it lives as long as this object
        from torchvision.models import segmentation

        build = getattr(segmentation, network["type"])
        return build(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=True)
    nn, functional = torch.nn, torch.nn.functional

    def double(i, o):
        units = [nn.Sequential(nn.Conv2d(a, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()) for a in (i, o)]
        return nn.Sequential(*units)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [64, 128, 256, 512, 512]
            downs = [nn.Sequential(nn.MaxPool2d(2), double(a, b)) for a, b in zip(widths, widths[1:])]
            self.downs = nn.ModuleList([double(3, 64), *downs])
            self.ups = nn.ModuleList([double(1024, 256), double(512, 128), double(256, 64), double(128, 64)])
            self.classifier = nn.Conv2d(64, num_classes, 3, padding=1)

        def forward(self, x):
            skips = []
            for down in self.downs:
                x = down(x)
                skips.append(x)
            for up, skip in zip(self.ups, skips[-2::-1]):
                x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear")
                x = up(torch.cat([x, skip], 1))
            return self.classifier(x)

    return UNet()


def enet(torch, num_classes):
    """ENet as PaddleSeg has it: PReLU with one slope in the encoder, ReLU in the decoder, indexed pooling, a 3x3 deconvolution."""
    nn, functional = torch.nn, torch.nn.functional

    def unit(convolution, channels, act):
        return nn.Sequential(convolution, nn.BatchNorm2d(channels), act())

    def branch(first, i, middle, o, act, dropout):
        last = unit(nn.Conv2d(i, o, 1, bias=False), o, act)
        return nn.Sequential(unit(first, i, act), *middle, last, nn.Dropout2d(dropout))

    class Regular(nn.Module):
        def __init__(self, c, dropout, act=nn.PReLU, dilation=1, asymmetric=False):
            super().__init__()
            i = c // 4
            if asymmetric:
                kernels = [((5, 1), (2, 0)), ((1, 5), (0, 2))]
                middle = [unit(nn.Conv2d(i, i, k, padding=p, bias=False), i, act) for k, p in kernels]
            else:
                middle = [unit(nn.Conv2d(i, i, 3, padding=dilation, dilation=dilation, bias=False), i, act)]
            self.ext = branch(nn.Conv2d(c, i, 1, bias=False), i, middle, c, act, dropout)
            self.act = act()

        def forward(self, x):
            return self.act(x + self.ext(x))

    class Down(nn.Module):
        def __init__(self, c, o, dropout):
            super().__init__()
            i = c // 4
            middle = [unit(nn.Conv2d(i, i, 3, padding=1, bias=False), i, nn.PReLU)]
            self.ext = branch(nn.Conv2d(c, i, 2, stride=2, bias=False), i, middle, o, nn.PReLU, dropout)
            self.pool, self.act, self.extra = nn.MaxPool2d(2, 2, return_indices=True), nn.PReLU(), o - c

        def forward(self, x):
            y, places = self.pool(x)
            return self.act(functional.pad(y, [0, 0, 0, 0, 0, self.extra]) + self.ext(x)), places

    class Up(nn.Module):
        def __init__(self, c, o, dropout=0.1):
            super().__init__()
            i = c // 4
            middle = [unit(nn.ConvTranspose2d(i, i, 2, stride=2, bias=False), i, nn.ReLU)]
            self.ext = branch(nn.Conv2d(c, i, 1, bias=False), i, middle, o, nn.ReLU, dropout)
            self.main = nn.Sequential(nn.Conv2d(c, o, 1, bias=False), nn.BatchNorm2d(o))
            self.unpool = nn.MaxUnpool2d(2)

        def forward(self, x, places):
            return functional.relu(self.unpool(self.main(x), places) + self.ext(x))

    def section():
        kinds = [{}, {"dilation": 2}, {"asymmetric": True}, {"dilation": 4}]
        kinds += [{}, {"dilation": 8}, {"asymmetric": True}, {"dilation": 16}]
        return [Regular(128, 0.1, **kind) for kind in kinds]

    class ENet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 13, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
            self.act, self.down1, self.down2 = nn.PReLU(), Down(16, 64, 0.01), Down(64, 128, 0.1)
            self.stage1 = nn.Sequential(*(Regular(64, 0.01) for _ in range(4)))
            self.stage2, self.stage3 = nn.Sequential(*section()), nn.Sequential(*section())
            self.up4, self.up5 = Up(128, 64), Up(64, 16)
            self.stage4 = nn.Sequential(*(Regular(64, 0.1, nn.ReLU) for _ in range(2)))
            self.stage5 = Regular(16, 0.1, nn.ReLU)
            self.last = nn.ConvTranspose2d(16, num_classes, 3, stride=2, padding=1, output_padding=1, bias=False)

        def forward(self, x):
            x = self.act(self.norm(torch.cat([self.conv(x), functional.max_pool2d(x, 3, 2, 1)], 1)))
            x, places1 = self.down1(x)
            x, places2 = self.down2(self.stage1(x))
            x = self.stage4(self.up4(self.stage3(self.stage2(x)), places2))
            return self.last(self.stage5(self.up5(x, places1)))

    return ENet()
