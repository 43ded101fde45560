"""A small CRM whose every action is logged: the example to copy. Start with `app.py`, then `routers/`."""
