"""PaddleSeg's ``.pdparams`` in our names: the nine networks both have, and the vd ResNets alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .conversion import Conversion, Rule, convert, shifted, under

ENDINGS = (
    (r"\._conv\.", ".conv."),
    (r"\._batch_norm\.", ".bn."),
    (r"\.depthwise_conv\.", ".depthwise."),
    (r"\.piontwise_conv\.", ".pointwise."),  # PaddleSeg's own spelling
)
RESNET: tuple[Rule, ...] = (
    (r"conv1_(\d)\.", shifted("stem.{}.", -1)),
    (r"bb_(\d+)_(\d+)\.conv(\d)\.", shifted("stages.{}.{}.conv{}.", 0, 0, 1)),
    (r"bb_(\d+)_(\d+)\.short\.", r"stages.\1.\2.shortcut."),
)
ASPP: tuple[Rule, ...] = (
    (r"head\.aspp\.aspp_blocks\.(\d)\.", r"aspp.branches.\1."),
    (r"head\.aspp\.global_avg_pool\.1\.", "aspp.image_pool."),
    (r"head\.aspp\.conv_bn_relu\.", "aspp.project."),
)


def _aux(prefix: str) -> tuple[Rule, ...]:
    return (
        (rf"{prefix}auxlayer\.conv_bn_relu\.", "aux_head.conv."),
        (rf"{prefix}auxlayer\.conv\.", "aux_head.classifier."),
    )


NETWORKS: dict[str, tuple[Rule, ...]] = {
    "FCN": ((r"head\.conv_1\.", "head.conv."), (r"head\.cls\.", "head.classifier.")),
    "UNet": (
        (r"encode\.double_conv\.(\d)\.", r"backbone.stages.0.\1."),
        (r"encode\.down_sample_list\.(\d)\.(\d)\.", shifted("backbone.stages.{}.1.{}.", 1, -1)),
        (r"decode\.up_sample_list\.(\d)\.deconv\.", r"ups.\1.up."),
        (r"decode\.up_sample_list\.(\d)\.double_conv\.", r"ups.\1.conv."),
        (r"cls\.", "classifier."),
    ),
    "SegNet": (
        (r"enco(\d)\.(\d)\.", shifted("backbone.stages.{}.{}.", -1, 0)),
        (r"deco5\.1\.", "classifier."),
        (r"deco(\d)\.(\d)\.", shifted("decoder.{}.{}.", -1, 0)),
    ),
    "PSPNet": (
        (r"head\.psp_module\.stages\.(\d)\.1\.", r"pyramid.branches.\1."),
        (r"head\.psp_module\.conv_bn_relu2\.", "head."),
        (r"head\.conv\.", "classifier."),
        *_aux(r"head\."),
    ),
    "DeepLabV3": (*ASPP, (r"head\.cls\.", "classifier.")),
    "DeepLabV3P": (
        *ASPP,
        (r"head\.decoder\.conv_bn_relu1\.", "low_level."),
        (r"head\.decoder\.conv_bn_relu([23])\.", shifted("decoder.{}.", -2)),
        (r"head\.decoder\.conv\.", "classifier."),
    ),
    "GloRe": (
        (r"head\.conv_bn_relu\.", "reduce."),
        (r"head\.gru_module\.reduction_dim\.", "unit.conv_state."),
        (r"head\.gru_module\.projection_mat\.", "unit.conv_proj."),
        (r"head\.gru_module\.gcn\.", "unit.gcn."),
        (r"head\.gru_module\.extend_dim\.", "unit.conv_extend."),
        (r"head\.gru_module\.extend_bn\.", "unit.blocker."),
        (r"head\.classifier\.", "classifier."),
        *_aux(r"head\."),
    ),
    "GINet": (
        (r"jpu\.conv(\d)\.", shifted("jpu.projections.{}.", -3)),
        (r"jpu\.dilation(\d)\.", shifted("jpu.dilated.{}.", -1)),
        (r"head\.conv5\.", "reduce."),
        (r"head\.conv6\.1\.", "classifier."),
        (r"head\.inp$", "unit.class_embeddings"),
        (r"head\.fc(\d)\.0\.", shifted("unit.word_fc.{}.", -1)),
        (r"head\.fc(\d)\.1\.", shifted("unit.word_norm.{}.", -1)),
        (r"head\.gloru\.graph\.gamma_vis$", "unit.beta_s2v"),
        (r"head\.gloru\.graph\.gamma_word$", "unit.beta_v2s"),
        (r"head\.gloru\.graph\.vis_gcn\.", "unit.visual_gcn."),
        (r"head\.gloru\.graph\.word_gcn\.", "unit.semantic_gcn."),
        (r"head\.gloru\.graph\.transfer\.(query|key)_conv\.", r"unit.\1."),
        (r"head\.gloru\.graph\.transfer\.value_conv_word\.", "unit.s2v."),
        (r"head\.gloru\.graph\.transfer\.value_conv_vis\.", "unit.v2s."),
        (r"head\.gloru\.extend_dim\.", "unit.conv_extend."),
        (r"head\.gloru\.bn\.", "unit.norm."),
        (r"head\.gloru\.(conv_theta|conv_phi)\.", r"unit.\1."),
        *_aux(""),
    ),
}
ENET_BLOCKS: tuple[Rule, ...] = (
    (r"initial_block\.", "backbone.stages.0.0."),
    (r"downsample1_0\.", "backbone.stages.0.1."),
    (r"regular1_(\d)\.", shifted("backbone.stages.0.{}.", 1)),
    (r"(?:downsample|regular|dilated|asymmetric)2_(\d)\.", r"backbone.stages.1.\1."),
    (r"(?:regular|dilated|asymmetric)3_(\d)\.", r"backbone.stages.2.\1."),
    (r"upsample([45])_0\.", r"decoder.up\1."),
    (r"regular([45])_(\d)\.", shifted("decoder.stage{}.{}.", 0, -1)),
)
ENET_LAST: Rule = (r"transposed_conv\.", "decoder.fullconv.")
# inside a block: (kind of block, its parts -> ours)
ENET_PARTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("initial_block", ((r"main_branch\.", "conv."), (r"batch_norm\.", "bn."), (r"out_activation\.", "act."))),
    (
        "upsample",
        (
            (r"main_conv1\.0\.", "main.conv."),
            (r"main_conv1\.1\.", "main.bn."),
            (r"ext_conv1\.", "squeeze."),
            (r"ext_tconv1_bnorm\.", "bn."),
            (r"ext_tconv1\.", "deconv."),
            (r"ext_conv2\.", "expand.0."),
        ),
    ),
    (
        "asymmetric",
        (
            (r"ext_conv1\.", "ext.0."),
            (r"ext_conv2\.0\.", "ext.1.0."),
            (r"ext_conv2\.1\.", "ext.1.1."),
            (r"ext_conv2\.2\.", "ext.1.2."),
            (r"ext_conv2\.3\.", "ext.2.0."),
            (r"ext_conv2\.4\.", "ext.2.1."),
            (r"ext_conv2\.5\.", "ext.2.2."),
            (r"ext_conv3\.", "ext.3.0."),
            (r"out_activation\.", "act."),
        ),
    ),
    (
        "",
        (
            (r"ext_conv1\.", "ext.0."),
            (r"ext_conv2\.", "ext.1."),
            (r"ext_conv3\.", "ext.2.0."),
            (r"out_activation\.", "act."),
        ),
    ),
)
TRANSPOSED = re.compile(r"unit\.(query|key|s2v|v2s)\.weight$")  # 1x1 convolutions there, linear layers here
SECOND_NAME = {"UNet": {r"^conv\.(weight|bias)$": "the classifier under its second name"}}


def looks_like_paddleseg(state: Mapping[str, Any]) -> bool:
    """Told by names; ENet's blocks have none of the others' (nor has its PyTorch original ``_mean``)."""
    if "initial_block.main_branch.weight" in state:
        return any(name.endswith("._mean") for name in state)
    pattern = re.compile(r"(\._conv\.weight|\._batch_norm\._mean|^(backbone\.)?bb_\d|^head\.psp_module\.)")
    return any(pattern.search(name) for name in state)


def from_paddleseg(state: Mapping[str, np.ndarray], layer: Any) -> Conversion:
    """Convert for ``layer``: one of our networks, or a ResNet alone.

    Args:
        state: arrays by PaddleSeg's names, of a network or of a backbone.
        layer: where they shall go; a network takes a backbone's too.
    """
    kind = next((c.__name__ for c in type(layer).__mro__ if c.__name__ in (*NETWORKS, "ENet")), "")
    backbone = tuple((f"backbone\\.{p}", under("backbone.", t)) for p, t in RESNET)
    if hasattr(layer, "backbone"):  # bare names of a backbone's own file
        backbone += tuple((p, under("backbone.", t)) for p, t in RESNET)
    else:
        backbone += RESNET
    rules = (*NETWORKS.get(kind, ()), *(_enet_rules() if kind == "ENet" else ()), *backbone)
    result = convert(state, rules, ENDINGS, left_out=SECOND_NAME.get(kind))
    own = layer.state_dict()
    for name, array in result.state.items():
        if TRANSPOSED.search(name) and array.ndim == 3:
            result.state[name] = array[:, :, 0].T.copy()
        elif name.endswith((".beta_s2v", ".beta_v2s")):
            result.state[name] = array.reshape(1, -1, 1)
    if getattr(layer, "aux_head", True) is None:
        for name in [n for n in result.state if n.startswith("aux_head.") and n not in own]:
            result.state.pop(name)
            result.left_out[result.sources.pop(name)] = "the network is built without an auxiliary head"
    return result


def _enet_rules():
    yield ENET_LAST
    for pattern, ours in ENET_BLOCKS:
        for start, parts in ENET_PARTS:
            for part, our_part in parts:
                yield rf"(?={start}){pattern}{part}", _then(ours, our_part)


def _then(ours, part: str):
    return (lambda m: ours(m) + part) if callable(ours) else (lambda m: m.expand(ours) + part)
