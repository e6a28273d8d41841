"""The embedded guest: a small SMP kernel in C and assembly, and its built ELF."""
