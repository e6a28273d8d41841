"""The main loop process: options, machine, devices, console. See README.md in this directory."""
