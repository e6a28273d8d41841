"""Devices and boards. A device is one file: registers, state, reset, tree node (DESIGN section 8)."""
