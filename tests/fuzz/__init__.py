"""A mutation fuzzer over OTLP bytes: `python -m tests.fuzz --cases 1000000`."""
