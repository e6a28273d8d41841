# Every hart computes for ever, after hart 0 has said so: for pausing, and for memory.

    .section .text.start, "ax"
    .globl _start
_start:
    csrr    t0, mhartid
    bnez    t0, 2f
    la      t0, text
    li      t1, 0x10000000
1:  lbu     t2, 0(t0)
    beqz    t2, 2f
    sb      t2, 0(t1)
    addi    t0, t0, 1
    j       1b
2:  li      t0, 1
3:  slli    t1, t0, 13
    xor     t0, t0, t1
    srli    t1, t0, 7
    xor     t0, t0, t1
    j       3b

    .section .rodata
text:
    .asciz  "BENCH spin 1\n"
