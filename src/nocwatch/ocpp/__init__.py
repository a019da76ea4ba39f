"""OCPP as a listener hears it: text frames in, version-neutral events out. Pure.

``envelope`` reads the array, ``conversation`` pairs answers with calls, ``v16`` and ``v201`` are one table each from action
to events, ``metering`` and ``clocks`` normalise what stations send, ``fields`` reads payloads that may hold anything.
To add a version: one module with a ``Table``, one line in ``versions``.
"""
