"""Interrupt controllers and timers. Their registers live in compiled code: see each module."""
