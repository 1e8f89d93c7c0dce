"""``python -m dq_assets.cli`` is ``dq``."""

from dq_assets.cli import main

main()
