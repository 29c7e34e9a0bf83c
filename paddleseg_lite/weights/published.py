"""The table behind :mod:`.zoo`: addresses and scores as their publishers give them, read in November 2026.

torchvision: weight metadata of ``torchvision.models`` (BSD 3-Clause code; the weights were
trained on COCO or ImageNet, whose terms are for research). PaddleSeg: the result tables of
its ``configs/*/README.md`` (Apache 2.0).
"""

from __future__ import annotations

from typing import Any

TORCH = "https://download.pytorch.org/models"
PADDLE = "https://bj.bcebos.com/paddleseg/dygraph"
IMAGENET_PIXELS = {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
BSD, APACHE = "BSD-3-Clause", "Apache-2.0"


def _backbone(file: str, parameters: int, top1: float) -> dict[str, Any]:
    score = f"{top1} top-1 on ImageNet"
    return {"address": f"{TORCH}/{file}", "file": file, "licence": BSD, "score": score, "parameters": parameters}


def _coco(file: str, parameters: int, miou: float, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": f"{TORCH}/{file}",
        "file": file,
        "licence": BSD,
        "score": f"{miou} mIoU on COCO val2017 with VOC labels",
        "parameters": parameters,
        "model": {**model, "aux": True},
        "data": {"type": "PascalVOC", "dataset_root": "data/VOCdevkit"},
        "transforms": [{"type": "ResizeByShort", "short_size": 520}, IMAGENET_PIXELS],
    }


CITYSCAPES = {"type": "Cityscapes", "dataset_root": "data/cityscapes"}
VOC = {"type": "PascalVOC", "dataset_root": "data/VOCdevkit"}
ADE20K = {"type": "ADE20K", "dataset_root": "data/ADEChallengeData2016"}
FOLDERS = {"Cityscapes": "cityscapes", "PascalVOC": "pascal_voc12", "ADE20K": "ade20k"}
CLASSES = {"Cityscapes": "Cityscapes val", "PascalVOC": "VOC 2012 val", "ADE20K": "ADE20K val"}


def _paddleseg(folder: str, miou: float, data: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    dataset = data["type"]
    return {
        "address": f"{PADDLE}/{FOLDERS[dataset]}/{folder}/model.pdparams",
        "file": f"{folder}.pdparams",
        "licence": APACHE,
        "score": f"{miou} mIoU on {CLASSES[dataset]}",
        "model": model,
        "data": data,
        "transforms": [{"type": "Normalize"}],
    }


def _resnet(kind: str, depth: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "style": "paddleseg", "backbone": f"ResNet{depth}_vd", **more}


ENTRIES: dict[str, dict[str, Any]] = {
    "torchvision/resnet18": _backbone("resnet18-f37072fd.pth", 11_689_512, 69.758),
    "torchvision/resnet34": _backbone("resnet34-b627a593.pth", 21_797_672, 73.314),
    "torchvision/resnet50": _backbone("resnet50-0676ba61.pth", 25_557_032, 76.13),
    "torchvision/resnet101": _backbone("resnet101-63fe2227.pth", 44_549_160, 77.374),
    "torchvision/vgg16": _backbone("vgg16-397923af.pth", 138_357_544, 71.592),
    "torchvision/vgg16_bn": _backbone("vgg16_bn-6c64b313.pth", 138_365_992, 73.36),
    "torchvision/fcn_resnet50": _coco(
        "fcn_resnet50_coco-1167a1af.pth", 35_322_218, 60.5, {"type": "FCN", "backbone": "ResNet50"}
    ),
    "torchvision/fcn_resnet101": _coco(
        "fcn_resnet101_coco-7ecb50ca.pth", 54_314_346, 63.7, {"type": "FCN", "backbone": "ResNet101"}
    ),
    "torchvision/deeplabv3_resnet50": _coco(
        "deeplabv3_resnet50_coco-cd0a2569.pth",
        42_004_074,
        66.4,
        {"type": "DeepLabV3", "style": "torchvision", "backbone": "ResNet50"},
    ),
    "torchvision/deeplabv3_resnet101": _coco(
        "deeplabv3_resnet101_coco-586e9e4e.pth",
        60_996_202,
        67.4,
        {"type": "DeepLabV3", "style": "torchvision", "backbone": "ResNet101"},
    ),
    "paddleseg/unet_cityscapes": _paddleseg(
        "unet_cityscapes_1024x512_160k", 65.0, CITYSCAPES, {"type": "UNet", "style": "paddleseg"}
    ),
    "paddleseg/segnet_cityscapes": _paddleseg(
        "segnet_cityscapes_1024x512_80k", 60.09, CITYSCAPES, {"type": "SegNet", "style": "paddleseg"}
    ),
    "paddleseg/enet_cityscapes": _paddleseg(
        "enet_cityscapes_1024x512_80k", 67.42, CITYSCAPES, {"type": "ENet", "style": "paddleseg"}
    ),
    "paddleseg/pspnet_resnet50_cityscapes": _paddleseg(
        "pspnet_resnet50_os8_cityscapes_1024x512_80k", 78.83, CITYSCAPES, _resnet("PSPNet", 50)
    ),
    "paddleseg/pspnet_resnet101_cityscapes": _paddleseg(
        "pspnet_resnet101_os8_cityscapes_1024x512_80k", 80.48, CITYSCAPES, _resnet("PSPNet", 101)
    ),
    "paddleseg/pspnet_resnet50_voc": _paddleseg(
        "pspnet_resnet50_os8_voc12aug_512x512_40k", 80.76, VOC, _resnet("PSPNet", 50)
    ),
    "paddleseg/deeplabv3_resnet50_cityscapes": _paddleseg(
        "deeplabv3_resnet50_os8_cityscapes_1024x512_80k", 79.9, CITYSCAPES, _resnet("DeepLabV3", 50)
    ),
    "paddleseg/deeplabv3_resnet101_cityscapes": _paddleseg(
        "deeplabv3_resnet101_os8_cityscapes_1024x512_80k", 80.85, CITYSCAPES, _resnet("DeepLabV3", 101)
    ),
    "paddleseg/deeplabv3_resnet50_voc": _paddleseg(
        "deeplabv3_resnet50_os8_voc12aug_512x512_40k", 79.76, VOC, _resnet("DeepLabV3", 50)
    ),
    "paddleseg/deeplabv3_resnet101_voc": _paddleseg(
        "deeplabv3_resnet101_os8_voc12aug_512x512_40k", 80.62, VOC, _resnet("DeepLabV3", 101)
    ),
    "paddleseg/deeplabv3p_resnet50_cityscapes": _paddleseg(
        "deeplabv3p_resnet50_os8_cityscapes_1024x512_80k", 80.36, CITYSCAPES, _resnet("DeepLabV3P", 50)
    ),
    "paddleseg/deeplabv3p_resnet101_cityscapes": _paddleseg(
        "deeplabv3p_resnet101_os8_cityscapes_1024x512_80k", 81.1, CITYSCAPES, _resnet("DeepLabV3P", 101)
    ),
    "paddleseg/deeplabv3p_resnet50_voc": _paddleseg(
        "deeplabv3p_resnet50_os8_voc12aug_512x512_40k", 80.66, VOC, _resnet("DeepLabV3P", 50)
    ),
    "paddleseg/deeplabv3p_resnet101_voc": _paddleseg(
        "deeplabv3p_resnet101_os8_voc12aug_512x512_40k", 80.6, VOC, _resnet("DeepLabV3P", 101)
    ),
    "paddleseg/glore_resnet50_cityscapes": _paddleseg(
        "glore_resnet50_os8_cityscapes_1024x512_80k", 78.26, CITYSCAPES, _resnet("GloRe", 50)
    ),
    "paddleseg/glore_resnet50_voc": _paddleseg(
        "glore_resnet50_os8_voc12aug_512x512_40k", 80.16, VOC, _resnet("GloRe", 50)
    ),
    "paddleseg/ginet_resnet50_ade20k": _paddleseg(
        "ginet_resnet50_os8_ade20k_520x520_150k", 43.45, ADE20K, _resnet("GINet", 50)
    ),
    "paddleseg/ginet_resnet101_ade20k": _paddleseg(
        "ginet_resnet101_os8_ade20k_520x520_150k", 45.79, ADE20K, _resnet("GINet", 101)
    ),
}
