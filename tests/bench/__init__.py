"""Speed of this emulator against QEMU's: numbers, never assertions. See README.md."""
