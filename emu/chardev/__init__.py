"""Character devices: where a serial port's bytes come from and go to. See `base` for the two sides."""
