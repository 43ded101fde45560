"""Where an address stands in the log, as the acting user's or within what others did; and how such a mention is taken out."""
