"""Erasure of a person (GDPR, Article 17) and change of an address: everywhere, told in the log, gone on with after a crash."""
