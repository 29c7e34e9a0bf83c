"""Made torch_zip.pth, torch_legacy.pth and torch_nested.pth (PyTorch 2.13): `python make_torch.py`."""

from collections import OrderedDict
from pathlib import Path

import torch

here = Path(__file__).parent
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7
weights = OrderedDict(
    plain=base.clone(),
    transposed=base.clone().permute(2, 0, 1),
    part=base.clone()[1, :, 1::2],
    half=base.clone().half(),
    bf16=base.clone().bfloat16(),
    double=base.clone().double(),
    tracked=torch.tensor(5),
    flag=torch.tensor([True, False]),
    expanded=torch.tensor([1.5]).expand(3),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(base.clone()[0]),
)
weights["tied"] = weights["plain"]
torch.save(weights, here / "torch_zip.pth")
torch.save(weights, here / "torch_legacy.pth", _use_new_zipfile_serialization=False)
torch.save(
    {"epoch": 3, "model": OrderedDict(("module." + k, v) for k, v in weights.items()), "best": 0.5},
    here / "torch_nested.pth",
)
