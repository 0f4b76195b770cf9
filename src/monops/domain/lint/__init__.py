"""Faults in rule files, dashboards and configurations: found in their text, and in what a server has of it. Pure."""
