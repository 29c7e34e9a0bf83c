"""Further forms of single parts that go through the contract of their kind as well: styles, options, extremes.

Nothing here is needed for a new part: its own small version is at its registration.
"""

R18 = {"type": "ResNet18", "width": 0.125}
R50_VD = {"type": "ResNet50_vd", "width": 1 / 16}
HEADS = {"backbone": R18, "reduce_channels": 16}
V3P = {"aspp_channels": 8, "low_channels": 4, "decoder_channels": 8}
MODEL_FORMS = {
    "enet_course faithful": {"type": "enet_course", "width": 0.25, "faithful": True},
    "pspnet_mobilenet faithful": {"type": "pspnet_mobilenet", "alpha": 0.125, "faithful": True},
    "UNet paddleseg": {"type": "UNet", "style": "paddleseg", "base_channels": 4},
    "PSPNet paddleseg": {"type": "PSPNet", "style": "paddleseg", "backbone": R50_VD, "head_channels": 16},
    "DeepLabV3 cascade": {"type": "DeepLabV3", "cascade": 2, "backbone": {**R18, "output_stride": 64}},
    "DeepLabV3P plain paddleseg": {
        "type": "DeepLabV3P",
        "style": "paddleseg",
        "separable": False,
        "backbone": R50_VD,
        **V3P,
    },
    "GINet jpu": {"type": "GINet", **HEADS, "num_state": 16, "num_nodes": 8, "jpu": True, "jpu_width": 8},
}

GLORE = {"type": "GloRe", "num_state": 6, "num_nodes": 5}
GCU = {"type": "GCU", "num_nodes": [2, 4]}
CONTEXT_FORMS = {
    "GCU-residual": {"type": "GCU", "num_nodes": 3, "fusion": "residual"},
    "NonLocal-pool": {"type": "NonLocal", "pool": True},
    "GloRe-steps": {**GLORE, "steps": 2},
    "GCU-steps": {**GCU, "steps": 3},
    "GINet-steps": {"type": "GINet", "num_state": 6, "num_nodes": 5, "steps": 2},
    "IdentityGraph-GCU": {"type": "IdentityGraph", "match": GCU},
    "ShuffledAssignment-GCU": {"type": "ShuffledAssignment", "match": GCU, "grid": 8},
}

LOSS_FORMS = {
    "ce_weighted": {"type": "CrossEntropyLoss", "weight": [0.5, 2.0, 1.0]},
    "ce_smoothed": {"type": "CrossEntropyLoss", "label_smoothing": 0.1},
    "ce_sum": {"type": "CrossEntropyLoss", "reduction": "sum"},
    "ce_hardest": {"type": "CrossEntropyLoss", "top_k_percent_pixels": 0.5},
    "ohem_share": {"type": "OhemCrossEntropyLoss", "top_k_percent": 0.3},
    "dice_flat": {"type": "DiceLoss", "reduction": "flat"},
    "dice_weighted": {"type": "DiceLoss", "weight": [1.0, 2.0, 0.5]},
    "dice_image": {"type": "DiceLoss", "reduction": "image", "weight": [1.0, 2.0, 0.5]},
    "focal_low_gamma": {"type": "FocalLoss", "gamma": 0.5, "alpha": [0.25, 1.0, 0.75]},
    "lovasz_all": {"type": "LovaszSoftmaxLoss", "classes": "all"},
    "lovasz_per_image": {"type": "LovaszSoftmaxLoss", "per_image": True},
}

TRANSFORM_FORMS = {
    "ResizeStepScaling wide": {
        "type": "ResizeStepScaling",
        "min_scale_factor": 0.6,
        "max_scale_factor": 2.0,
        "scale_step_size": 0.2,
    },
    "RandomPaddingCrop small": {"type": "RandomPaddingCrop", "crop_size": [32, 24]},
    "RandomHorizontalFlip by chance": {"type": "RandomHorizontalFlip"},
    "LimitLong up": {"type": "LimitLong", "min_long": 120},
    "RandomRotation wide": {"type": "RandomRotation", "max_rotation": 30},
    "RandomDistort sharp": {"type": "RandomDistort", "sharpness_prob": 0.5},
    "RandomBlur any": {"type": "RandomBlur", "prob": 0.7, "blur_type": "random"},
}
