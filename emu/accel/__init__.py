"""Accelerators: what executes the harts, or that nothing does (qtest)."""
