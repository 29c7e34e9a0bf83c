"""Recipes of the small runs that are looked at: a UNet on street scenes, units on context scenes."""

SCENES = {"type": "Scenes", "size": [48, 64], "num_samples": 6, "transforms": [{"type": "Normalize"}]}
CONTEXT = {"type": "ContextScenes", "kind": "prior", "size": [64, 64], "num_samples": 4, "cue_distance": 6,
           "transforms": [{"type": "Normalize"}]}  # fmt: skip
UNET = {"type": "UNet", "base_channels": 4}
UNITS = {
    "glore": {"type": "GloRe", "num_state": 8, "num_nodes": 5, "zero_init": False},
    "gcu": {"type": "GCU", "num_nodes": [2, 3]},
    "ginet": {"type": "GINet", "num_state": 8, "num_nodes": 5, "zero_init": False},
    "nonlocal": {"type": "NonLocal", "pool": True, "zero_init": False},
    "shuffled": {"type": "ShuffledAssignment", "match": {"type": "GloRe", "num_state": 8, "num_nodes": 5}},
    "ppm": {"type": "PPM", "bins": [1, 2, 4]},
    "aspp": {"type": "ASPP", "rates": [2, 4]},
}


def recipe(model, data, iters=2):
    """A recipe of a run of two steps."""
    from paddleseg_lite.config import parse_config

    return parse_config(
        {
            "model": model,
            "train_dataset": {**data, "mode": "train"},
            "val_dataset": {**data, "mode": "val"},
            "batch_size": 2,
            "iters": iters,
            "save_interval": iters,
            "log_iters": 1,
            "seed": 1,
        }
    )


def with_unit(name):
    """A small FCN with a unit."""
    backbone = {"type": "PlainCNN", "widths": [8, 12], "strides": [2, 2]}
    return {"type": "FCN", "style": "paddleseg", "backbone": backbone, "context": UNITS[name]}
