"""The web console: pages, JSON API and live updates. It shows what others know; it decides nothing.

What always holds: every page reads without JavaScript, every list says in its URL what it shows, and everything that a
station, a CSMS or an operator's file has said is escaped on its way out. Entry point: ``app.make_app`` and ``app.serve``.
"""
