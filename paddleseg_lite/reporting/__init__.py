"""Reports people open: Markdown tables and self-contained HTML pages."""

from .html import figure, page, table
from .markdown import markdown_table

__all__ = ["figure", "markdown_table", "page", "table"]
