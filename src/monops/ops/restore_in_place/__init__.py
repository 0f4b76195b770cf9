"""Restore into the volumes of a running stack: stage, verify, stop, swap, start, check; undone where it is sick.

Everything happens inside the volume, below `.monops-restore/`, with a journal beside the data: whoever finds the volume
knows how far it came, and can go on or go back.
"""
