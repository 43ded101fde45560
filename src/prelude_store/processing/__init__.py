"""The record of processing activities (GDPR, Article 30), made from the catalogue, the schema, and what the database is set to."""
