"""Answers once more: slow, obvious, plain Python, written from the definitions in docs/questions.md and from nothing else."""
