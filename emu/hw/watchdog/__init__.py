"""Watchdogs."""
