"""The main loop's side of the harts: their processes, what they ask, and how all of them stop and go."""
