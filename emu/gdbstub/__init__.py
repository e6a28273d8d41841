"""The debug server: gdb's remote protocol on a character device."""
