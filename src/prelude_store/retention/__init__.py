"""How long what is kept: policies, what would go by them, and the run that lets it go. `prelude_store.governance.holds` says what stays."""
