"""Bad recipes and flags of training, and what they must get as an answer."""

from __future__ import annotations

from sandbox import DROP, Sandbox

from tests.export.conftest import PADDLE_3


def recipe(**changes):
    return lambda s: s.write_recipe(**changes)


def text(content, name="recipe.yml"):
    return lambda s: s.write_text(name, content)


def circle(s: Sandbox) -> None:
    s.write_text("recipe.yml", "_base_: other.yml\n")
    s.write_text("other.yml", "_base_: recipe.yml\n")


CROP = [{"type": "Resize", "target_size": [0, 32]}, {"type": "Normalize"}]
PSPNET = {"type": "PSPNet", "backbone": {"type": "ResNet18"}, "head_channels": 8}
PLAIN = "model: {type: UNet}\n"
EMPTY = "would be empty" if PADDLE_3 else "cannot be built"  # Paddle 2 makes no empty weight in the first place

# name, what is done, parts of the message: the thing, the reason, the remedy
RECIPES = [
    # the file
    (
        "no_such_file",
        lambda s: (s.folder / "recipe.yml").rename(s.folder / "recipes.yml"),
        ["config file", "does not exist", "Did you mean 'recipes.yml'"],
    ),
    ("not_yaml", text("model: [1"), ["recipe.yml", "not valid YAML", "line"]),
    ("tabs", text("model:\n\ttype: UNet\n"), ["recipe.yml", "not valid YAML", "'\\t'"]),
    ("python_in_yaml", text("model: !!python/object/apply:os.system ['true']"), ["recipe.yml", "not valid YAML"]),
    (
        "latin1_yaml",
        text("# d\xeda\nmodel: {type: UNet}\n".encode("latin-1")),
        ["recipe.yml", "cannot be read", "UTF-8"],
    ),
    ("empty_yaml", text(""), ["recipe.yml", "must hold a mapping", "model"]),
    ("list_at_the_top", text("- 1"), ["recipe.yml", "must hold a mapping"]),
    (
        "bomb_of_anchors",
        text(
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi"))
            + PLAIN
        ),
        ["recipe.yml", "anchors"],
    ),
    ("circular_base", circle, ["in a circle", "recipe.yml", "other.yml"]),
    ("missing_base", text("_base_: nowhere.yml\nmodel: {type: UNet}\n"), ["nowhere.yml", "does not exist"]),
    # keys, types, values
    ("no_model", recipe(model=DROP), ["there is no 'model'", "Write at least"]),
    ("unknown_key", recipe(batchsize=2), ["recipe.yml", "unknown key 'batchsize'", "Did you mean 'batch_size'"]),
    (
        "unknown_nested_key",
        recipe(test_config={"is_slides": True}),
        ["test_config.is_slides", "Did you mean 'is_slide'"],
    ),
    ("wrong_type", recipe(batch_size="two"), ["'batch_size' must be int", "'two'"]),
    ("bool_for_int", recipe(iters=True), ["'iters'", "must be int", "True"]),
    ("list_for_mapping", recipe(model=["UNet"]), ["'model' must be a mapping", "UNet"]),
    ("iters_and_epochs", recipe(epochs=3), ["iters or epochs, not both", "iters=2, epochs=3"]),
    ("neither_iters_nor_epochs", recipe(iters=DROP), ["neither iters nor epochs", "--iters"]),
    ("zero_batch", recipe(batch_size=0), ["batch_size must be at least 1", "got 0"]),
    ("negative_iters", recipe(iters=-5), ["iters must be at least 1", "got -5"]),
    ("zero_accumulate", recipe(accumulate=0), ["accumulate must be at least 1"]),
    ("zero_interval", recipe(save_interval=0), ["save_interval must be at least 1"]),
    ("zero_log_iters", recipe(log_iters=0), ["log_iters must be at least 1"]),
    ("zero_early_stop", recipe(early_stop_intervals=0), ["early_stop_intervals must be at least 1"]),
    ("keep_no_checkpoint", recipe(keep_checkpoint_max=0), ["keep_checkpoint_max must be at least 1", "got 0"]),
    ("ema_decay_above_1", recipe(ema_decay=1.5), ["ema_decay must be", "between 0 and 1", "got 1.5"]),
    ("negative_workers", recipe(num_workers=-1), ["num_workers must be 0 or more", "got -1"]),
    ("negative_seed", recipe(seed=-1), ["seed must be between 0 and 2**32 - 1"]),
    ("unknown_precision", recipe(precision="fp8"), ["precision is 'fp8'", "fp32, fp16, bf16"]),
    ("unknown_amp_level", recipe(amp_level="O9"), ["amp_level is 'O9'", "O1, O2"]),
    ("unknown_nan_policy", recipe(nan_policy="hope"), ["nan_policy is 'hope'", "stop, skip"]),
    ("unknown_cache", recipe(cache="cloud"), ["cache is 'cloud'", "memory, disk"]),
    ("unknown_convention", recipe(miou_convention="mine"), ["miou_convention is 'mine'", "nan, gt_only"]),
    # the network
    ("unknown_model", recipe(model={"type": "UNett"}), ["unknown model type 'UNett'", "Did you mean 'UNet'"]),
    ("unknown_argument", recipe(model__stile="same"), ["UNet has no argument 'stile'", "Did you mean 'style'"]),
    ("text_for_a_width", recipe(model__base_channels="wide"), ["model UNet", "base_channels", "wide"]),
    ("zero_width", recipe(model__base_channels=0), ["base_channels", EMPTY, "is 0"]),
    (
        "unknown_backbone",
        recipe(model={"type": "PSPNet", "backbone": "ResNet49"}),
        ["unknown backbone type 'ResNet49'", "Did you mean 'ResNet"],
    ),
    (
        "output_stride_7",
        recipe(model={**PSPNET, "backbone": {"type": "ResNet18", "output_stride": 7}}),
        ["output_stride", "7", "8, 16, 32"],
    ),
    (
        "unknown_context",
        recipe(model__context={"type": "GloRee"}),
        ["unknown context unit type 'GloRee'", "Did you mean 'GloRe'"],
    ),
    (
        "unknown_context_position",
        recipe(model__context={"type": "GloRe", "position": "stage9"}),
        ["context position 'stage9' does not exist", "deep, stage1"],
    ),
    (
        "reduce_at_a_stage",
        recipe(model__context={"type": "GloRe", "position": "stage1", "reduce": 8}),
        ["context 'reduce'", "position deep only", "stage1"],
    ),
    ("unknown_style", recipe(model={"type": "PSPNet", "style": "fancy"}), ["PSPNet style 'fancy' is unknown", "paper"]),
    (
        "num_classes_disagree",
        recipe(model__num_classes=5),
        ["model.num_classes is 5", "dataset has 3", "Leave model.num_classes out"],
    ),
    # loss, optimizer, schedule
    ("loss_is_a_number", recipe(loss=3), ["loss must be a mapping", "{type: CrossEntropyLoss}"]),
    ("unknown_loss", recipe(loss={"out": {"type": "CrossEntropy"}}), ["loss.out", "Did you mean 'CrossEntropyLoss'"]),
    (
        "coef_is_a_text",
        recipe(loss={"out": {"type": "CrossEntropyLoss", "coef": "high"}}),
        ["loss of 'out'", "coef is a number", "'high'"],
    ),
    (
        "loss_without_output",
        recipe(loss={"out": {"type": "CrossEntropyLoss"}, "aux": {"type": "CrossEntropyLoss"}}),
        ["loss 'aux' has no such output", "outputs in training: out", "Remove it"],
    ),
    ("output_without_loss", recipe(model=PSPNET), ["output 'aux' has no loss", "losses: out", "coef: 0"]),
    ("no_loss_for_out", recipe(loss={"aux": {"type": "CrossEntropyLoss"}}), ["loss", "out"]),
    (
        "class_weights_too_few",
        recipe(class_weights=[1.0, 2.0]),
        ["class_weights has 2 numbers for 3 classes", "one for each"],
    ),
    ("class_weights_negative", recipe(class_weights=[1.0, -2.0, 1.0]), ["class_weights", "-2.0", "not negative"]),
    ("class_weights_texts", recipe(class_weights=["a", "b", "c"]), ["class_weights", "numbers", "'a'"]),
    ("class_weights_unknown", recipe(class_weights="best"), ["class_weights is 'best'", "enet, median_frequency"]),
    (
        "unknown_optimizer",
        recipe(optimizer={"type": "Adamm"}),
        ["unknown optimizer type 'Adamm'", "Did you mean 'Adam'"],
    ),
    ("misspelt_momentum", recipe(optimizer={"type": "sgd", "momentun": 0.9}), ["momentun", "Did you mean 'momentum'"]),
    ("weight_decay_text", recipe(optimizer={"type": "sgd", "weight_decay": "small"}), ["optimizer sgd", "'small'"]),
    (
        "unknown_clip",
        recipe(optimizer={"type": "sgd", "grad_clip": {"type": "Clip", "clip_norm": 1}}),
        ["unknown grad_clip type 'Clip'", "ClipGradByNorm"],
    ),
    (
        "custom_cfg_matches_nothing",
        recipe(optimizer={"type": "sgd", "custom_cfg": [{"name": "nope", "lr_mult": 2}]}),
        ["custom_cfg name 'nope'", "matches no parameter"],
    ),
    (
        "unknown_schedule",
        recipe(lr_scheduler={"type": "Poly", "learning_rate": 1}),
        ["unknown lr_scheduler type 'Poly'"],
    ),
    (
        "one_class",
        recipe(train_dataset__num_classes=1, val_dataset__num_classes=1),
        ["num_classes is 1", "count the background", "num_classes: 2", "label_map: {255: 1}"],
    ),
    (
        "rate_of_the_backbone",
        recipe(optimizer={"type": "sgd", "backbone_lr_mult": 0.1}),
        ["no argument 'backbone_lr_mult'", "head_lr_mult: 10", "custom_cfg: [{name: backbone., lr_mult: 0.1}]"],
    ),
    ("rate_of_the_backbone_on_top", recipe(backbone_lr_mult=0.1), ["unknown key 'backbone_lr_mult'", "head_lr_mult"]),
    ("frozen_backbone_in_other_words", recipe(freeze_backbone=True), ["'freeze_backbone'", "freeze: backbone"]),
    ("frozen_stages", recipe(model__frozen_stages=2), ["no argument 'frozen_stages'", "freeze: backbone"]),
    (
        "frozen_part_unknown",
        recipe(freeze="bakbone"),
        ["no part 'bakbone'", "Did you mean 'backbone'", "Its parts are"],
    ),
    ("own_dataset_not_loaded", recipe(train_dataset__type="MyPhotos"), ["unknown dataset type 'MyPhotos'", "--import"]),
    ("a_batch_of_repeats", recipe(batch_size=5000), ["batch_size is 5000", "has 4 pictures", "1250 times", "Lower"]),
    ("workers_without_end", recipe(num_workers=100000), ["num_workers is 100000", "cores", "take 0 to"]),
    (
        "losses_that_are_no_list",
        recipe(loss={"types": "CrossEntropyLoss", "coef": [1]}),
        ["loss.types", "list of {type: NAME, ...}"],
    ),
    ("width_below_0", recipe(model__base_channels=-4), ["model UNet", "base_channels", "-4", "cannot be built"]),
    ("negative_rate", recipe(lr_scheduler__learning_rate=-0.1), ["lr_scheduler", "rates are not negative", "-0.1"]),
    ("rate_is_a_text", recipe(lr_scheduler__learning_rate="high"), ["lr_scheduler", "learning_rate", "'high'"]),
    ("rate_is_nan", recipe(lr_scheduler__learning_rate=float("nan")), ["lr_scheduler", "nan"]),
    ("zero_power", recipe(lr_scheduler__power=0), ["lr_scheduler: power must be above 0"]),
    (
        "falling_milestones",
        recipe(lr_scheduler={"type": "MultiStepDecay", "learning_rate": 1, "milestones": [5, 3]}),
        ["milestones must rise", "[5, 3]"],
    ),
    # data sets and transforms
    ("no_train_dataset", recipe(train_dataset=DROP), ["no train_dataset", "training needs one"]),
    ("unknown_dataset", recipe(train_dataset={"type": "CamVids"}), ["train_dataset", "Did you mean 'CamVid'"]),
    (
        "unknown_transform",
        recipe(train_dataset__transforms=[{"type": "Normalise"}]),
        ["train_dataset.transforms.0", "Did you mean 'Normalize'"],
    ),
    (
        "transforms_are_a_mapping",
        recipe(train_dataset__transforms={"type": "Normalize"}),
        ["transforms is a list", "{type: NAME"],
    ),
    (
        "random_transform_in_val",
        recipe(val_dataset__transforms=[{"type": "RandomHorizontalFlip"}]),
        ["RandomHorizontalFlip change images at random", "train_dataset alone"],
    ),
    ("resize_to_zero", recipe(train_dataset__transforms=CROP), ["target_size is two positive integers", "[0, 32]"]),
    (
        "std_of_zero",
        recipe(train_dataset__transforms=[{"type": "Normalize", "std": [0, 1, 1]}]),
        ["Normalize std must not be 0"],
    ),
    (
        "flip_probability_2",
        recipe(train_dataset__transforms=[{"type": "RandomHorizontalFlip", "prob": 2}]),
        ["prob is a probability from 0 to 1", "got 2"],
    ),
    (
        "label_map_beyond_classes",
        recipe(train_dataset__label_map={1: 9}),
        ["label_map leads to [9]", "0..2", "ignore_index"],
    ),
    ("label_map_is_a_list", recipe(train_dataset__label_map=[1, 2]), ["label_map is a table of id: id", "[1, 2]"]),
    (
        "val_has_other_classes",
        recipe(val_dataset__num_classes=4),
        ["train_dataset has 3 classes", "val_dataset has 4", "agree"],
    ),
    ("num_classes_text", recipe(train_dataset__num_classes="three"), ["num_classes is a positive integer", "'three'"]),
    ("palette_of_text", recipe(train_dataset__palette="rainbow"), ["palette", "rainbow"]),
    ("ignore_index_text", recipe(train_dataset__ignore_index="none"), ["ignore_index", "'none'"]),
    (
        "images_of_a_batch_differ",
        recipe(
            train_dataset__transforms=[
                {
                    "type": "ResizeStepScaling",
                    "min_scale_factor": 0.5,
                    "max_scale_factor": 2.0,
                    "scale_step_size": 0.25,
                },
                {"type": "Normalize"},
            ],
            batch_size=4,
        ),
        ["images of a batch differ in size", "RandomPaddingCrop", "batch_size 1"],
    ),
    (
        "window_of_zero",
        recipe(test_config={"is_slide": True, "crop_size": [0, 8]}),
        ["crop_size", "positive", "(0, 8)"],
    ),
    ("scale_of_zero", recipe(test_config={"aug_eval": True, "scales": [0.0, 1.0]}), ["scales", "positive"]),
]

# name, flags after `train --config recipe.yml --save_dir out`, parts of the message
FLAGS = [
    ("iters_text", "--iters ten", ["--iters", "takes a whole number, not 'ten'"]),
    ("unknown_flag", "--itres 10", ["there is no flag --itres", "Did you mean '--iters'"]),
    ("device_unknown", "--device tpu", ["device 'tpu' is unknown", "use auto, cpu, gpu"]),
    ("gpu_absent", "--device gpu", ["--device gpu", "CUDA", "Use --device cpu"]),
    ("gpu_number_absent", "--device gpu:3", ["--device gpu:3", "CUDA", "Use --device cpu"]),
    ("threads_zero", "--threads 0", ["--threads", "at least 1", "got 0"]),
    ("opts_without_value", "--opts batch_size", ["--opts takes key=value", "Example"]),
    ("opts_beyond_list", "--opts train_dataset.transforms.7.type=x", ["is a list of 1", "'7' is no index"]),
    (
        "opts_blamed_argument",
        "--opts model.varient=same",
        ["--opts model.varient=same: model", "Did you mean 'variant'"],
    ),
    ("opts_blamed_loss", "--opts loss.out=5", ["--opts loss.out=5: loss 'out' must be a name"]),
    ("opts_blamed_type", "--opts optimizer.type=Sgdd", ["--opts optimizer.type=Sgdd: optimizer: unknown optimizer"]),
    (
        "opts_blamed_transform",
        "--opts train_dataset.transforms.-1.men=1",
        ["--opts train_dataset.transforms.-1.men=1: train_dataset.transforms.0: transform Normalize has no argument"],
    ),
    ("opts_index_of_another_script", "--opts train_dataset.transforms.\u00b2=3", ["'\u00b2' is no index"]),
    ("workers_flag_without_end", "--num_workers 4000 --no_doctor", ["num_workers is 4000", "cores"]),
    ("batch_flag_without_end", "--batch_size 1000000000 --no_doctor", ["batch_size is 1000000000", "4 pictures"]),
    ("opts_not_yaml", "--opts iters=[1", ["--opts iters=[1", "not valid YAML"]),
    ("import_missing", "--import nowhere.py", ["--import nowhere.py", "there is no such file"]),
    ("import_broken", "--import {folder}/broken.py", ["--import", "broken.py, line 2", "ZeroDivisionError"]),
    ("profile_text", "--profile soon", ["--profile takes START:STOP", "'soon'"]),
    ("profile_backwards", "--profile 5:2", ["--profile takes START:STOP", "5:2"]),
    ("rate_negative", "--learning_rate -1", ["lr_scheduler", "rates are not negative"]),
    (
        "save_dir_is_a_file",
        "--save_dir {folder}/recipe.yml",
        ["cannot write to the output folder", "recipe.yml", "--save_dir"],
    ),
    (
        "save_dir_below_a_file",
        "--save_dir {folder}/recipe.yml/run",
        ["cannot write to the output folder", "--save_dir"],
    ),
    ("save_dir_unwritable", "--save_dir /proc/run", ["cannot write to the output folder /proc/run", "--save_dir"]),
    ("resume_from_nothing", "--resume_model", ["no checkpoint to resume from", "without --resume_model"]),
    ("resume_missing_folder", "--resume_model {folder}/none", ["none", "there is no such checkpoint folder"]),
    ("resume_a_file", "--resume_model {folder}/recipe.yml", ["recipe.yml", "is a file, not a checkpoint", "iter_N"]),
]
