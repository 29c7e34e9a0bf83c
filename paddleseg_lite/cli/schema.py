"""JSON Schema of recipes, for editors that check YAML: ``paddleseg-lite schema > recipe.schema.json``."""

from __future__ import annotations

import json

from . import common as cli


def build_parser():
    return cli.parser(__doc__)


def main(argv=None):
    cli.start(build_parser().parse_args(argv))

    from ..config.json_schema import json_schema

    print(json.dumps(json_schema(), indent=1))
