"""Boards without an architecture."""
