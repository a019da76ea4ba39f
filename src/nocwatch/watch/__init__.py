"""The watch process: follows the journal, finds what is wrong, keeps it, tells people, and serves console and metrics.

It can be killed, upgraded or reconfigured at any time, and no charger notices: all that it knows comes from the journal.
"""

from nocwatch.watch.process import serve

__all__ = ["serve"]
