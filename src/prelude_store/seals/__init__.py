"""Seals: proof that nobody touched the log. Every committed row is a leaf of a Merkle tree whose roots are signed and go outside."""
