"""The contract between an emitter and a row: names, vocabulary, and the pure rules that both ends apply.

Nothing here knows OpenTelemetry's SDK, a socket or a database. `docs/contract.md` is the same in prose.
"""
