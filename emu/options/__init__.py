"""The command line: option table, parsers of option values, and the record of what was said.

Light on purpose: this package imports nothing of the machine (`emu -h` must not).
"""
