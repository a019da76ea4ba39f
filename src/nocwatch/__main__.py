"""``python -m nocwatch``: the same as the ``nocwatch`` command, where no script is installed."""

from nocwatch.cli import main

main()
