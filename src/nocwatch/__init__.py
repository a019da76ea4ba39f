"""nocwatch: a network operation centre for EV charging, inline between charging stations and any CSMS.

The way of a frame: ``proxy`` (relay process) → ``journal`` → ``tap`` → ``ocpp`` → ``state`` → ``detectors`` → ``alerts``
(watch process), with ``store``, ``sinks`` and ``console`` beside it. docs/architecture.md tells it in full.
"""

__version__ = "0.1.0"
