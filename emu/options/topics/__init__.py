"""The options, a file a topic. A module here declares options by `@option`; they are found by walking.

A recorder judges what QEMU judges while it reads the line (the grammar of the value, and little else); what
a value means is judged by the phases of `emu.init`, through the modules of `emu.options`.
"""
