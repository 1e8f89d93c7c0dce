"""The profile report: what a person reads of a table's profile, as a page, in a notebook, as markdown."""

from dq_assets.profiling.report.as_markdown import markdown
from dq_assets.profiling.report.page import fragment, write_page

__all__ = ["fragment", "markdown", "write_page"]
