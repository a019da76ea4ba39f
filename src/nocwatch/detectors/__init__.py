"""Detectors: pure things that hear events and raise flags; rules that set them up; the engine that runs them.

``base`` is the contract, ``catalogue`` the list, ``rules`` what operators write, ``engine`` (with ``running``, ``standing`` and ``board``)
the frame. One file, or one folder, for each detector. Pure, but for ``rules.load_rules``, which reads files through ``documents``.
"""
