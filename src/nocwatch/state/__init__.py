"""What is so: stations, connectors and sessions, rebuilt from what was said. Pure; a function of the sightings fed.

``fleet.Fleet`` is the way in. It holds a ``Conversation`` for each live connection and a ``station.Tracker`` for each
identity; ``changes`` are what it gives off. Nothing here reads a clock, a file or a socket, and all of it is in the snapshot.
"""
