# The shortest guest that says something: about 75 instructions, then "pass". All harts but 0 sleep.

    .section .text.start, "ax"
    .globl _start
_start:
    csrr    t0, mhartid
    bnez    t0, park
    la      t0, text
    li      t1, 0x10000000
1:  lbu     t2, 0(t0)
    beqz    t2, 2f
    sb      t2, 0(t1)
    addi    t0, t0, 1
    j       1b
2:  li      t0, 0x100000
    li      t1, 0x5555
    sw      t1, 0(t0)
park:
    wfi
    j       park

    .section .rodata
text:
    .asciz  "BENCH tiny 1\n"
