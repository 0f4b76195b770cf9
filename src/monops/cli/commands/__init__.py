"""One command per file, found by folder: each defines `COMMAND`, a click command."""
