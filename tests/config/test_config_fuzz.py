"""Whatever a recipe or a checkpoint's JSON holds: a result or one of our errors, quickly."""

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paddleseg_lite.config import Config, load_config
from paddleseg_lite.config.reading import MAX_NODES, parse_yaml
from paddleseg_lite.errors import CheckpointError, ConfigError

FEW = settings(max_examples=120, deadline=None, database=None)
KEYS = st.sampled_from(
    [
        "model",
        "type",
        "loss",
        "out",
        "coef",
        "types",
        "train_dataset",
        "transforms",
        "optimizer",
        "lr_scheduler",
        "learning_rate",
        "batch_size",
        "iters",
        "epochs",
        "test_config",
        "scales",
        "_base_",
        "_inherited_",
        "class_weights",
        "seed",
        "momentum",
        "context",
        "backbone",
        "num_classes",
        "style",
        "dataset_root",
        "export",
        "custom_color",
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**40),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["UNet", "PSPNet", "Scenes", "Normalize", "CrossEntropyLoss", "sgd", "PolynomialDecay", "1e-3", "r.yml"]
    ),
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def load(folder, content: bytes):
    path = folder / "r.yml"
    path.write_bytes(content)
    try:
        config = load_config(path)
    except ConfigError as e:
        assert str(e).strip()
    else:
        assert isinstance(config, Config)


@FEW
@given(st.dictionaries(KEYS, TREES, max_size=5), st.booleans())
@example({"model": None, "train_dataset": {"model": None, "type": []}}, False)
def test_any_tree_as_a_recipe(folder, tree, with_model):
    if with_model:
        tree["model"] = {"type": "UNet"}
    load(folder, yaml.safe_dump(tree).encode("utf-8"))


@FEW
@given(
    st.one_of(
        st.binary(max_size=60), st.text(alphabet="model: {}[]&*!<-\n\t?|>'\"%@`#,UNet", max_size=60).map(str.encode)
    )
)
def test_any_bytes_as_a_recipe(folder, content):
    load(folder, content)


@FEW
@given(st.text(alphabet="abmodel.0=[]{}:&*!-9 ", max_size=25))
def test_any_option(folder, text):
    path = folder / "good.yml"
    path.write_text("model: {type: UNet}\noptimizer: {type: sgd}\n", encoding="utf-8")
    try:
        load_config(path, opts=[text])
    except ConfigError as e:
        assert str(e).strip()


def test_anchors_cannot_blow_up():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{c}: &{c} [{', '.join(['*' + p] * 9)}]" for p, c in zip("abcdefgh", "bcdefghi")]
    with pytest.raises(ConfigError, match="anchors"):
        parse_yaml("\n".join(lines), "bomb.yml")
    with pytest.raises(ConfigError, match="an anchor holds itself"):
        parse_yaml("a: &a [*a]", "loop.yml")
    shared = parse_yaml("a: &a {b: 1}\nc: *a\nd: [*a, *a]", "good.yml")
    assert shared["d"] == [{"b": 1}, {"b": 1}] and MAX_NODES > 10_000


@pytest.fixture(scope="module")
def checkpoint(folder):
    import paddle

    from paddleseg_lite.checkpoint import save_checkpoint

    return save_checkpoint(
        folder / "iter_1",
        model=paddle.nn.Linear(2, 2),
        state={"iteration": 1},
        config_text="a: 1\n",
        meta={"num_classes": 2},
    )


@FEW
@given(st.sampled_from(["manifest.json", "state.json"]), st.data())
def test_any_json_in_a_checkpoint(checkpoint, name, data):
    from paddleseg_lite.checkpoint import load_checkpoint

    path = checkpoint / name
    good = path.read_bytes()
    tree = json.loads(good)
    if data.draw(st.booleans()):
        spoilt = data.draw(st.binary(max_size=40))
    else:
        tree[data.draw(st.sampled_from([*tree, "new"]))] = data.draw(TREES)
        spoilt = json.dumps(tree).encode("utf-8")
    try:
        path.write_bytes(spoilt)
        found = load_checkpoint(checkpoint, verify=False)
        assert isinstance(found.state, dict)
    except CheckpointError as e:
        assert "iter_1" in str(e)
    finally:
        path.write_bytes(good)
    assert load_checkpoint(checkpoint).state == {"iteration": 1}


def test_merges_cannot_blow_up():
    """PyYAML before 6.0.4 writes every merge out while it reads."""
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: 1" for i in range(9)) + "}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)]
    with pytest.raises(ConfigError, match=r"names 4e\+11 values through its anchors"):
        parse_yaml("\n".join(lines), "recipe.yml")
    assert parse_yaml("a: &a {b: 1}\nc: {<<: *a, d: 2}", "recipe.yml")["c"] == {"b": 1, "d": 2}
