"""A believable past for trying things out: people with habits, written into the log as the exporter writes.

`people` says who works when, `rhythm` how busy an hour is, `plan` how many rows a day has, `visit` and `habits` what somebody does in a
session, `kinds` how an action of a kind turns out, `load` writes. All but `load` is pure, and the same for the same seed.
"""
