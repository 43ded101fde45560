"""The timeline as questions about what follows what read it: whole days by columns, the rest out of the log."""
