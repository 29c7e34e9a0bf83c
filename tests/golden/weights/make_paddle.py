"""Made the paddle26_* files (Paddle 2.6.2, NumPy 1.26): `python make_paddle.py`."""

from pathlib import Path

import numpy as np
import paddle

here = Path(__file__).parent
paddle.seed(0)
layer = paddle.nn.Sequential(paddle.nn.Conv2D(1, 2, 3), paddle.nn.BatchNorm2D(2))
layer[0].weight.set_value(np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3) / 7)
paddle.save(layer.state_dict(), str(here / "paddle26.pdparams"))
paddle.save(layer.state_dict(), str(here / "paddle26_protocol2.pdparams"), protocol=2)
paddle.save({"model": layer.state_dict(), "epoch": 3}, str(here / "paddle26_nested.pdparams"))
paddle.save(layer[0].weight, str(here / "paddle26_tensor.pdparams"))
paddle.save({"x": layer[0].weight.cast("bfloat16")}, str(here / "paddle26_bf16.pdparams"))
schedule = paddle.optimizer.lr.PolynomialDecay(0.1, 10)
optimizer = paddle.optimizer.Momentum(schedule, parameters=layer.parameters())
layer(paddle.ones([2, 1, 4, 4])).mean().backward()
optimizer.step()
paddle.save(optimizer.state_dict(), str(here / "paddle26.pdopt"))
