"""Pages people open: Markdown tables and self-contained HTML pages.

May import: visualize, metrics, data, errors.
A new kind of page is a file here that takes plain numbers and pictures.
"""

from .html import cards, figure, page, table
from .markdown import markdown_table

__all__ = ["cards", "figure", "markdown_table", "page", "table"]
