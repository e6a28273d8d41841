"""I/O workers: the data planes of devices, in processes of their own. Empty until the first such device."""
