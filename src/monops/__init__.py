"""monops: operate a Docker Compose monitoring stack."""

#: A literal, so that `monops --version` reads no package metadata (36 ms).
__version__ = "0.1.0"
