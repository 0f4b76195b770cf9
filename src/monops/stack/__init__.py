"""The monitoring stack that monops ships: the content of every file that `monops init` writes. Pure; reads no clock."""
