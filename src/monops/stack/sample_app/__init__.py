"""The sample application, as package data: files that a plain Python image runs; they import nothing else of monops."""
