"""`emu stress`: a machine driven through random pauses, resets, suspends and deaths by its monitor."""
