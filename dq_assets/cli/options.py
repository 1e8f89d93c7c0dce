"""What several commands take, said once."""

from __future__ import annotations

from typing import Annotated

import typer

Groups = Annotated[list[str] | None, typer.Argument(metavar="GROUP", help="Table groups.", show_default="all")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="TIME", help="Data time, ISO form, UTC unless it says otherwise.", show_default="now")]
Batches = Annotated[
    str | None, typer.Option("--batch", metavar="FIRST[..LAST]", help="Batches to work on, as in 2013-12-01..2013-12-31.", show_default="those that are new")
]
