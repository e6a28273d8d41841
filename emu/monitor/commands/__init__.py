"""QMP commands, a file a subject; each is a typed function that registers itself (`registry.qmp_command`)."""
