"""Pictures for people: overlays, contours, legends, panels, lettering, maps of graph nodes, networks.

May import: data, graph, models, errors, language. Takes arrays and networks, gives arrays and SVG text; what is
written where is the business of its callers. A new kind of picture is a file here.
"""

from .overlays import background_classes, beside, class_shares, contours, legend, legend_text, overlay, panel, rgb

__all__ = [
    "background_classes",
    "beside",
    "class_shares",
    "contours",
    "legend",
    "legend_text",
    "overlay",
    "panel",
    "rgb",
]
