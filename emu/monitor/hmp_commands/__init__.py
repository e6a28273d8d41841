"""HMP commands, a file a subject; each is a function that registers itself (`emu.monitor.hmp_table`)."""
