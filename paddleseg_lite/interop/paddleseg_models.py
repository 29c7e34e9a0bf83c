"""``model:`` of a PaddleSeg config: the same network, built here.

Each network's options that make it PaddleSeg's (``style``) are set, its
arguments are renamed, and PaddleSeg's own defaults are written out where ours
differ. An argument of ours that PaddleSeg does not have (``context``, ``dropout``)
may stand in the same file and is passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError, nearest
from ..registry import BACKBONES, DATASETS, MODELS
from .findings import Findings


@dataclass(frozen=True)
class Network:
    """How a network of PaddleSeg is written here.

    Attributes:
        fixed: our arguments that make it PaddleSeg's.
        renamed: its arguments by our names.
        defaults: its defaults (by its names) that are not ours.
        needed: arguments without an equal here: the values that mean what is built.
        backbone: whether it takes one.
        aux: whether it has an auxiliary output, unless turned off.
    """

    fixed: Mapping[str, Any] = field(default_factory=lambda: {"style": "paddleseg"})
    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    needed: Mapping[str, tuple] = field(default_factory=dict)
    backbone: bool = True
    aux: bool = False


AUX = {"enable_auxiliary_loss": "aux"}
ASPP = {"aspp_ratios": "aspp_rates", "aspp_out_channels": "aspp_channels"}
ASPP_RATIOS = {"aspp_ratios": (1, 6, 12, 18)}  # whatever the output stride
NCHW = {"data_format": ("NCHW",)}
NETWORKS = {
    "FCN": Network(
        renamed={"channels": "head_channels"}, needed={"backbone_indices": ((-1,), (3,)), "bias": (True,), **NCHW}
    ),
    "UNet": Network(renamed={"use_deconv": "style"}, backbone=False),
    "SegNet": Network(backbone=False),
    "ENet": Network(needed={"encoder_relu": (False,), "decoder_relu": (True,)}, backbone=False),
    "PSPNet": Network(
        renamed={"pp_out_channels": "head_channels", "bin_sizes": "bins", **AUX},
        needed={"backbone_indices": ((2, 3),)},
        aux=True,
    ),
    "DeepLabV3": Network(renamed=ASPP, defaults=ASPP_RATIOS, needed={"backbone_indices": ((3,), (-1,))}),
    "DeepLabV3P": Network(renamed=ASPP, defaults=ASPP_RATIOS, needed={"backbone_indices": ((0, 3),), **NCHW}),
    "GloRe": Network(
        renamed={"gru_num_state": "num_state", "gru_num_node": "num_nodes", **AUX},
        needed={"backbone_indices": ((2, 3),), "gru_channels": (512,)},
        aux=True,
    ),
    "GINet": Network(renamed=AUX, needed={"backbone_indices": ((0, 1, 2, 3),)}, aux=True),
}
RESNETS = ("ResNet18_vd", "ResNet34_vd", "ResNet50_vd", "ResNet101_vd")
UNDILATED = ("ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152")  # where others' files have them
MOBILENETS = {"MobileNetV1": 1.0, "MobileNetV1_x0_25": 0.25, "MobileNetV1_x0_5": 0.5, "MobileNetV1_x0_75": 0.75}
COMMON = ("type", "backbone", "pretrained", "num_classes", "in_channels", "align_corners")


def translate_model(model: Mapping[str, Any], tree: Mapping[str, Any], found: Findings) -> tuple[dict, int | None]:
    """Our ``model:``, and how many outputs it has in training (None: a network of ours, not known here)."""
    kind = model["type"]
    out: dict[str, Any] = {"type": kind}
    pretrained = model.get("pretrained")
    backbone = model.get("backbone")
    backbone = {"type": backbone} if isinstance(backbone, str) else dict(backbone or {})
    inner = backbone.pop("pretrained", None)
    if pretrained and inner:
        found.note("model.backbone.pretrained", "left out: model.pretrained fills the whole network.")
    network = NETWORKS.get(kind)
    if network is None and kind not in MODELS:
        found.refuse("model.type", f"network {kind} is not built here. Known: {', '.join(NETWORKS)}.")
        return out, None
    if network is None:  # one of ours, or of the user's own, among PaddleSeg's keys
        out.update({k: v for k, v in model.items() if k not in ("backbone", "pretrained")})
        if backbone:
            out["backbone"] = backbone
    else:
        out.update(network.fixed)
        _arguments(kind, network, model, out, found)
        if not network.backbone and backbone:
            found.refuse("model.backbone", f"PaddleSeg's {kind} takes no backbone.")
        elif network.backbone:
            out["backbone"] = _backbone(backbone, out, found)
    if pretrained or inner:
        out["pretrained"] = pretrained or inner
    channels = _in_channels(model, backbone, tree, found)
    if channels not in (None, 3):
        out["in_channels"] = channels
    _check_classes(model, tree, found)
    aux = network is not None and network.aux and model.get("enable_auxiliary_loss", True)
    return out, None if network is None else 1 + bool(aux)


def _arguments(kind: str, network: Network, model: Mapping, out: dict, found: Findings) -> None:
    known = (*COMMON, *network.renamed, *network.needed)
    for key, value in {**network.defaults, **model}.items():
        plain = tuple(value) if isinstance(value, list) else value
        if key in ("num_classes", "align_corners"):
            out[key] = value
        elif key in COMMON:
            continue
        elif key == "use_deconv":
            out["style"] = "paddleseg_deconv" if value else "paddleseg"
        elif key == "aspp_ratios":
            if plain[:1] != (1,) or 1 in plain[1:]:
                found.refuse("model.aspp_ratios", f"{list(plain)}: only one 1x1 branch (1), the first, is built.")
            out["aspp_rates"] = list(plain[1:])
        elif key in network.renamed:
            if value is not None:
                out[network.renamed[key]] = value
        elif key in network.needed:
            if plain not in network.needed[key]:
                allowed = " or ".join(str(list(v) if isinstance(v, tuple) else v) for v in network.needed[key])
                found.refuse(f"model.{key}", f"{value} is not supported, {allowed} is.")
        elif MODELS.accepts(kind, key):
            out[key] = value
        else:
            found.refuse(f"model.{key}", f"PaddleSeg 2.8's {kind} has no such argument.{nearest(key, known)}")


def _backbone(spec: dict[str, Any], model: dict[str, Any], found: Findings) -> Any:
    kind = spec.get("type")
    if not kind:
        found.refuse("model.backbone", f"{model['type']} needs a backbone with a type.")
        return None
    spec.pop("in_channels", None)
    if spec.pop("data_format", "NCHW") != "NCHW":
        found.refuse("model.backbone.data_format", "NCHW is the layout supported.")
    if kind in MOBILENETS:
        spec = {"type": "MobileNetV1", "alpha": MOBILENETS[kind], **{k: v for k, v in spec.items() if k != "type"}}
    elif kind in RESNETS:
        stride, grid = spec.get("output_stride", 8), list(spec.get("multi_grid", (1, 1, 1)))
        stride = stride if stride in (8, 16) else 32  # PaddleSeg dilates for 8 and 16 and else not
        if stride == 32 and grid[0] != 1:
            found.refuse("model.backbone.multi_grid", f"{grid} at output stride 32 takes a stride away in PaddleSeg.")
        spec = {**spec, "output_stride": stride, "multi_grid": grid}
    elif kind in UNDILATED and "output_stride" not in spec:
        found.refuse(
            "model.backbone.type",
            f"PaddleSeg 2.8 has no {kind}, and files that bring one (contrib/RSSegBenchmark) mean a network without "
            f"dilation: write {kind}_vd, or output_stride: 32 beside it for torchvision's {kind} as it is.",
        )
    elif kind not in BACKBONES:
        known = ", ".join((*RESNETS, *MOBILENETS))
        found.refuse("model.backbone.type", f"backbone {kind} is not built here. Known: {known}.")
        return spec
    try:
        BACKBONES.check(spec)
    except ConfigError as e:
        found.refuse("model.backbone", str(e))
    return spec


def _in_channels(model: Mapping, backbone: Mapping, tree: Mapping, found: Findings) -> int | None:
    """PaddleSeg keeps it in the model or its backbone, else takes the dataset's ``img_channels``."""
    datasets = [tree.get(key) or {} for key in ("train_dataset", "val_dataset")]
    inner = model.get("backbone")
    given = [model.get("in_channels"), inner.get("in_channels") if isinstance(inner, Mapping) else None]
    given = [v for v in (*given, *(d.get("img_channels") for d in datasets)) if v is not None]
    if len(set(given)) > 1:
        found.refuse("model.in_channels", f"channels disagree between model and datasets: {given}.")
    return given[0] if given else None


def _check_classes(model: Mapping, tree: Mapping, found: Findings) -> None:
    """PaddleSeg wants ``num_classes`` of model and dataset to agree; better told now than after loading."""
    wanted = model.get("num_classes")
    for key in ("train_dataset", "val_dataset"):
        spec = tree.get(key) or {}
        has = spec.get("num_classes")
        kind = {"PascalContext": "PascalContext60"}.get(spec.get("type"), spec.get("type"))
        if has is None and kind in DATASETS:
            fixed = getattr(DATASETS.get(kind), "fixed_names", None)
            has = len(fixed) if fixed else None
        if wanted is not None and has is not None and wanted != has:
            found.refuse("model.num_classes", f"is {wanted}, but {key} {spec['type']} has {has} classes.")
