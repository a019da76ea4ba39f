"""``python -m nocwatch``: the same as the ``nocwatch`` command."""

from nocwatch.cli import main

main()
