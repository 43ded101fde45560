"""Answers, one question a module: over arrays as pure functions, over SQL within one snapshot of the database."""
