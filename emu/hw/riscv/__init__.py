"""RISC-V boards and how they boot."""
