"""The live feed: rows as they commit, over WebSockets."""
