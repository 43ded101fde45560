-- AUTOINCREMENT: the id of a deleted deal must never mean another one, least of all in a log.

CREATE TABLE IF NOT EXISTS customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    company TEXT NOT NULL,
    email TEXT NOT NULL,
    industry TEXT NOT NULL,
    last_contacted_at TEXT
);

CREATE TABLE IF NOT EXISTS deals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    deal_name TEXT NOT NULL,
    value_usd REAL NOT NULL,
    client_id INTEGER NOT NULL REFERENCES customers,
    stage TEXT NOT NULL,
    expected_close_date TEXT,
    owner TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    deal_id INTEGER NOT NULL REFERENCES deals ON DELETE CASCADE,
    text TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS interactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    deal_id INTEGER NOT NULL REFERENCES deals ON DELETE CASCADE,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    starts_at TEXT,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS outbox (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL REFERENCES customers,
    deal_id INTEGER REFERENCES deals ON DELETE SET NULL,
    to_email TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    method TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS summaries (
    customer_id INTEGER PRIMARY KEY REFERENCES customers,
    days_back INTEGER NOT NULL,
    agent_used TEXT NOT NULL,
    interactions_analyzed INTEGER NOT NULL,
    text TEXT NOT NULL,
    generated_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS deals_of_customer ON deals (client_id);
CREATE INDEX IF NOT EXISTS notes_of_deal ON notes (deal_id);
CREATE INDEX IF NOT EXISTS interactions_of_deal ON interactions (deal_id);
