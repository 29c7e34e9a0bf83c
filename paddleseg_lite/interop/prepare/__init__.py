"""Labels as other tools store them -> PNG files of class ids, as the datasets read them."""

from .job import Item, Job

__all__ = ["Item", "Job"]
