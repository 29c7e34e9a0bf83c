"""What pyproject.toml cannot say: the recipes of ``configs/`` go into the wheel as ``paddleseg_lite/configs``.

So do the networks of ``paddleseg_lite/shipped``, each with its card.
"""

from pathlib import Path

from setuptools import find_packages, setup

recipes = sorted({path.parent for path in Path("configs").rglob("*.yml")} | {Path("configs")})
folders = {"paddleseg_lite." + ".".join(path.parts): path.as_posix() for path in recipes}

setup(
    packages=[*find_packages(include=["paddleseg_lite*"]), *folders],
    package_dir=folders,
    package_data={**{name: ["*.yml", "*.md"] for name in folders}, "paddleseg_lite": ["shipped/*/*", "locale/*.po"]},
)
