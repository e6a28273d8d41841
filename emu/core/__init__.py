"""What devices and boards are made of: address space, interrupt lines, ROM contents, device tree, log."""
