"""The course's training loop with our parts: ``python docs/course/scripts/train_basic.py --net unet --num_epochs 1``.

Everything stands in the open: model, data, loss, optimizer, loop, score. The
images are procedural (Scenes), so nothing is downloaded; an epoch is 400 of them.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run from a checkout, uninstalled

import paddleseg_lite

R18 = {"type": "ResNet18", "width": 0.5, "output_stride": 8}
VGG = {"backbone": "VGG16BN", "width": 0.25, "dropout": 0.1}
MOBILE = {"type": "MobileNetV1", "alpha": 0.5, "output_stride": 8}
PROGRESSIVE = {"bottleneck_channels": 128, "up_channels": [64, 32, 32], "presence_channels": 64}
NODES = {"reduce_channels": 128, "num_state": 32, "num_nodes": 16}
DECODER = {"aspp_rates": [1, 2, 3], "aspp_channels": 64, "low_channels": 24, "decoder_channels": 64}
NETS = {  # small versions; the papers' sizes are the defaults of each class
    "fcn32s": {"type": "FCN32s", "padding_mode": "same", **VGG},
    "fcn16s": {"type": "FCN16s", "padding_mode": "same", **VGG},
    "fcn8s": {"type": "FCN8s", "padding_mode": "same", **VGG},
    "segnet": {"type": "SegNet", "width": 0.25},
    "unet": {"type": "UNet", "base_channels": 16},
    "enet": {"type": "ENet"},
    "enet_nearest": {"type": "ENet", "decoder_upsample": "nearest"},
    "pspnet": {"type": "PSPNet", "backbone": R18, "head_channels": 128},
    "pspnet_mobilenet": {"type": "PSPNet", "style": "mobilenet", "backbone": MOBILE, "head_channels": 128},
    "pspnet_progressive": {"type": "PSPNetProgressive", "backbone": R18, **PROGRESSIVE},
    "deeplab_v1": {"type": "DeepLabV1", **VGG},
    "deeplab_v1_msc": {"type": "DeepLabV1", "msc": True, **VGG},
    "deeplab_v2": {"type": "DeepLabV2", **VGG, "rates": [1, 2, 3, 4]},
    "deeplab_v3": {"type": "DeepLabV3", "backbone": R18, "aspp_rates": [2, 4, 6], "aspp_channels": 64},
    "deeplab_v3plus": {"type": "DeepLabV3P", "backbone": {**R18, "output_stride": 16}, **DECODER},
    "plain": {"type": "FCN", "backbone": R18},  # the same backbone without a unit: the baseline of days 6 and 7
    "glore": {"type": "GloRe", "backbone": R18, **NODES},
    "gcu": {"type": "GCUNet", "backbone": R18, "reduce_channels": 64},
    "ginet": {"type": "GINet", "backbone": R18, **NODES},
}
LOSS_WEIGHTS = {"out": 1.0, "aux": 0.4, "presence": 0.2}  # by the name of the output


def train(net="unet", lr=2e-3, num_epochs=2, batch_size=8, num_samples=400, size=96, crop=0, head_lr=1.0):
    """Train and validate; returns the network and its scores.

    ``crop``: train on windows of that side, in which not every class is. ``head_lr``: how much faster the
    layers behind the backbone learn; 10 where the backbone has been trained before.
    """
    paddleseg_lite.setup(seed=0)  # threads, allocator, device: before paddle is imported
    import paddle

    from paddleseg_lite import accel, data, losses
    from paddleseg_lite.models import build_model

    scenes = {"size": (size, size), "num_classes": 8}
    flip, normalize = {"type": "RandomHorizontalFlip"}, {"type": "Normalize"}
    cut = [{"type": "RandomPaddingCrop", "crop_size": [crop, crop]}] if crop else []
    train_set = data.Scenes(mode="train", num_samples=num_samples, transforms=[*cut, flip, normalize], **scenes)
    val_set = data.Scenes(mode="val", num_samples=max(10, num_samples // 8), transforms=[normalize], **scenes)

    model = build_model(NETS[net], num_classes=8)
    accel.enable(model, "fp32")  # oneDNN kernels on a CPU; nothing changes elsewhere
    cross_entropy = losses.CrossEntropyLoss(ignore_index=255)
    terms = {"out": cross_entropy, "aux": cross_entropy, "presence": losses.PresenceLoss()}
    sampler = data.BatchSampler(len(train_set), batch_size, seed=0)
    steps = num_epochs * sampler.batches_per_epoch
    poly = paddle.optimizer.lr.PolynomialDecay(lr, steps, end_lr=0.0, power=0.9)  # lr (1 - step / steps)^0.9
    groups = model.parameter_groups(head_lr_mult=head_lr)  # [{params, learning_rate: 1}, {params, learning_rate: 10}]
    optimizer = paddle.optimizer.AdamW(poly, parameters=groups, weight_decay=1e-4)

    model.train()
    started = time.perf_counter()
    for step, batch in enumerate(data.train_batches(train_set, sampler, seed=0, stop_iter=steps), 1):
        outputs = model(batch["image"])  # {"out": [N, K, H, W], "aux": ..., "presence": [N, K]}, raw logits
        loss = sum(LOSS_WEIGHTS[name] * terms[name](value, batch["label"]) for name, value in outputs.items())
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        poly.step()
        if step % 10 == 0 or step == steps:
            print(f"step {step}/{steps} loss {float(loss):.3f} lr {poly():.5f} {time.perf_counter() - started:.0f} s")
    scores = paddleseg_lite.evaluate(model, val_set).scores
    print(scores.table(val_set.class_names))
    return model, scores


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", default="unet", choices=NETS)
    flags = {"lr": 2e-3, "num_epochs": 2, "batch_size": 8, "num_samples": 400, "size": 96, "crop": 0, "head_lr": 1.0}
    for flag, default in flags.items():
        p.add_argument(f"--{flag}", type=type(default), default=default)
    train(**vars(p.parse_args()))
