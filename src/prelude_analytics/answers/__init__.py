"""Answers: pure functions over arrays; no database, no clock."""
