"""One outside thing per file. Third-party exceptions are translated here and go no further."""
