"""From flags to people: what an alert is and how it lives (pure), and how it reaches its receivers.

``lifecycle.AlertBook`` decides, ``rendering.Renderer`` words, ``dispatcher.Dispatcher`` sends through ``channels``.
"""
