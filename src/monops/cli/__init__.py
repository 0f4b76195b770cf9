"""Words in, words out: the only part that imports click."""
