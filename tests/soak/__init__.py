"""The long run: checks with large counts, resumable, recorded in tests/SOAK.md. `make soak`."""
