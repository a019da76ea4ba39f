"""The tap: journal records in, sightings out. Pure; a decoder that stands beside the stream and can hurt nobody.

``websocket`` cuts bytes into messages, ``inflate`` undoes permessage-deflate, ``gate`` stops secrets and personal data,
``tap`` keeps one decoder for each direction of each connection and makes ``frames`` values of what they give.
"""
