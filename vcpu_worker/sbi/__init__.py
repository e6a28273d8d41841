"""The built-in SBI firmware: M-mode, written as natives of the hart; one file per SBI extension.

`boot` and `call` are the two entries (from the ROM stub of vcpu_worker/isa/sbi_rom.py), `state` what the
extensions share, ipc/sbi.py the numbers and what the main loop is asked.
"""
