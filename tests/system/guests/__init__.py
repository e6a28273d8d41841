"""Bare-metal guests that stress several harts at once, and how a test runs one."""
