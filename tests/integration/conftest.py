"""Fixtures of the tests on real services."""

from tests.integration.fixtures import engine, monops, s3, small_monops, small_stack, stack

__all__ = ["engine", "monops", "s3", "small_monops", "small_stack", "stack"]
