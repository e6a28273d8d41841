"""Exact floating point in integers: the natives behind the F and D instructions."""
