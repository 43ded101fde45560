"""Answers: the analytics API, its live feed, and who may see what."""
