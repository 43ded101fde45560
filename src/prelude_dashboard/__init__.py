"""The dashboard: pages that show the answers of the analytics API, and ask by links."""
