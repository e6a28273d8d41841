"""The main loop: descriptors, timers and bottom halves, in QEMU's order."""
