"""The packets that are understood: a function each, found by `emu.gdbstub.table`."""
