"""The relay's own parts: between a station and its CSMS, carrying every byte untouched.

Not a parser: nothing here knows what a WebSocket frame is. It reads two HTTP heads (``handshake.py``, ``answers.py``),
chooses and dials the upstream, and from then on moves bytes (``pump.py``). What passed is told to a ``Recorder``.

Always holds: a byte leaves before anyone looks at it; nothing that the recorder does can slow or end a link; every
connection has bounded memory; each leg's end reaches the other leg as what it was.
"""
