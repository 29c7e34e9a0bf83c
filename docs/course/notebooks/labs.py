"""What a notebook has that its page has not: code of the lab, the form of the answer, the hidden solution."""

LABS = {
    1: """
import paddle
import paddle.nn.functional as F
from paddle import nn

from paddleseg_lite import data
from paddleseg_lite.metrics import ConfusionMatrix

normalize = [{"type": "Normalize"}]
train_set = data.Scenes(mode="train", num_samples=160, size=(64, 64), num_classes=8, transforms=normalize)
val_set = data.Scenes(mode="val", num_samples=24, size=(64, 64), num_classes=8, transforms=normalize)
schedule = data.BatchSchedule(len(train_set), batch_size=8, seed=0)
models, curves, scores = {}, {}, {}
nets = {  # sees 1 pixel, sees 7 x 7
    "pixel": [nn.Conv2D(3, 8, 1)],
    "patch": [
        nn.Conv2D(3, 24, 3, padding=1), nn.ReLU(), nn.Conv2D(24, 24, 3, padding=1), nn.ReLU(),
        nn.Conv2D(24, 8, 3, padding=1),
    ],
}
for name, layers in nets.items():
    model = models[name] = nn.Sequential(*layers)
    optimizer = paddle.optimizer.Adam(0.02, parameters=model.parameters())
    curves[name] = []
    for batch in data.train_batches(train_set, schedule, seed=0, stop_iter=40):  # two epochs
        logits = model(batch["image"])
        loss = F.cross_entropy(logits, batch["label"].unsqueeze(1), axis=1, ignore_index=255)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        curves[name].append((len(curves[name]) + 1, float(loss)))
    matrix = ConfusionMatrix(8)
    for batch in data.eval_batches(val_set):
        matrix.update(model(batch["image"]).argmax(1).numpy(), batch["label"])
    scores[name] = matrix.compute().mIoU
lab.curves(curves)
lab.bars(scores, "mIoU")
lab.pictures(models, size=64)
""",
    2: """
models, curves, scores = {}, {}, {}
for net in ("fcn8s", "segnet"):
    models[net], score, curves[net] = lab.fit(net, num_epochs=3, num_samples=240, size=64)
    scores[net] = score.mIoU
lab.curves(curves)
lab.bars(scores, "mIoU")
lab.pictures(models, size=64)
lab.draw(models["segnet"])
""",
    3: """
models, curves, scores = {}, {}, {}
for net in ("unet", "pspnet"):
    models[net], score, curves[net] = lab.fit(net, num_epochs=3, num_samples=240, size=64)
    scores[net] = score.mIoU
lab.curves(curves)
lab.bars(scores, "mIoU")
lab.pictures(models, size=64)
lab.draw(models["pspnet"])
""",
    4: """
import numpy as np
import paddle
import paddle.nn.functional as F

from paddleseg_lite import data
from paddleseg_lite.postprocess import DenseCRF

model, score, curve = lab.fit("deeplab_v3plus", num_epochs=3, num_samples=240, size=64)
lab.curves({"deeplab_v3plus": curve})
crf = DenseCRF(bi_w=4, bi_xy_std=6.0, bi_rgb_std=12.0, pos_w=1, pos_xy_std=1, iterations=5)
scenes = data.Scenes(mode="val", num_samples=3, size=(64, 64), num_classes=8)
palette = np.asarray(scenes.palette, np.uint8)
model.eval()
figure, axes = lab.plt.subplots(3, 3, figsize=(6, 6), layout="constrained")
for row, index in zip(axes, range(3)):
    image = scenes.read(index)["image"]
    x = paddle.to_tensor(((image.astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
    with paddle.no_grad():
        p = F.softmax(model(x)["out"], axis=1)[0].numpy()
    for axis, shown, title in zip(row, (image, palette[p.argmax(0)], palette[crf(p, image).argmax(0)]), ("", "network", "CRF")):
        axis.imshow(shown)
        axis.set_title(title)
        axis.set_axis_off()
lab.plt.show()
lab.draw(model)
""",
    5: """
import day5
import numpy as np

scores = {net: day5.train(net) for net in ("gcn", "mlp")}
lab.bars(scores, "accuracy")
adjacency, features, truth, named = day5.make_graph()
order = np.argsort(truth, kind="stable")
figure, axes = lab.plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
axes[0].imshow(adjacency[order][:, order], cmap="Greys")
axes[1].scatter(features[:, 0], features[:, 1], c=truth, s=np.where(named, 90, 15))
for axis, title in zip(axes, ("adjacency", "two of the eight features")):
    axis.set_title(title)
lab.plt.show()
""",
    6: """
import day6
import paddle

from paddleseg_lite import data
from paddleseg_lite.graph.introspect import explain_model
from paddleseg_lite.visualize.node_maps import render

scores = {net: day6.train(net, num_epochs=3, num_samples=320) for net in ("plain", "glore")}
lab.bars(scores, "vehicle pixels named right")
model, score, curve = lab.fit("glore", num_epochs=1, num_samples=240, size=64)
lab.curves({"glore": curve})
picture = data.Scenes(mode="val", num_samples=1, size=(64, 64), num_classes=8).read(0)["image"]
x = paddle.to_tensor(((picture.astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
figure, axis = lab.plt.subplots(figsize=(10, 6), layout="constrained")
axis.imshow(render(explain_model(model, x), picture, index=0, max_nodes=11)["nodes"])
axis.set_axis_off()
lab.plt.show()
""",
    7: """
import day7

answers = {}
answers["ginet"], curve = lab.listen(day7.ask, "ginet", num_epochs=3, num_samples=240)
lab.curves({"ginet": curve})
lab.bars({k: v for k, v in answers["ginet"].items() if k.startswith("right")}, "presence")
""",
}
FORMS = {  # the comment of the answer cell, what stands in it, the solution
    1: (
        ("mIoU over the set, mean of the two images' mIoU", "整个集合的 mIoU，两图 mIoU 的均值"),
        "None, None",
        "0.4975, 0.7475",
    ),
    2: (("sizes with floor pooling, with ceil pooling", "向下取整时的个数，向上取整时的个数"), "None, None", "460, 0"),
    3: (("pixels (counted from 0), lengths", "像素（从 0 数起），长度"), "None, None", "[5, 16, 27], range(6, 61, 6)"),
    4: (
        ("three widths, three numbers of pixels used, the rate", "三个宽度，三个用到的像素数，扩张率"),
        "None, None, None",
        "(13, 15, 17), (49, 225, 289), 7",
    ),
    5: (("the value", "该值"), "None", "3 / 23"),
    6: (
        (
            "multiply-adds of non-local, of GloRe; factor of each when the sides double",
            "非局部和 GloRe 的乘加次数；边长加倍时各变成几倍",
        ),
        "None, None, None, None",
        "8.59e9, 67.1e6, 16, 4",
    ),
    7: (
        ("does the map change with the embeddings? do the presence logits?", "特征图随词嵌入改变吗？存在性得分呢？"),
        "None, None",
        "False, True",
    ),
}
