"""Traces: frames as text, in and out (Open OCPP Trace 1.1 with one extension of ours), and replaying them."""
