"""Audit trails: who did what, who looked at what, and what was done to the log, as HTML for paper, CSV or NDJSON.

A report is a generator of steps (`report.steps`) that does no I/O of its own: it asks `Question`s and gives bytes. `run.carried_out` lets a
connection answer them; the analytics service does the same with its pool. So each question is a short transaction, and memory stays constant.
"""
