"""OTLP by hand: an event's bytes are made in the caller, and are queue entry and export payload at once.

Constants of an activity are serialised once; only what varies is written per call. The result is held equal to the official
messages by tests.
"""
