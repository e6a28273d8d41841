"""Objects that users make with -object: what stands behind devices and memory on the host's side."""
