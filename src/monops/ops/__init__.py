"""One verb per file: gather, decide, apply. They reach the outside through `monops.domain.ports` only."""
