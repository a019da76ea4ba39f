"""Simulated stations and a simulated CSMS over real sockets: for the demo, for tests and for benchmarks.

It is not part of what watches: nothing outside ``demo``, ``cli`` and tests imports it. What a station does follows from the
seed and its identity alone; when exactly it happens is real time divided by ``speed``.
"""
