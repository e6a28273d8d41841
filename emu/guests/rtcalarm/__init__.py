"""`rtcalarm`, a program of the initramfs: arms a real-time clock that Linux offers no `wakealarm` for."""
