# Every hart sleeps for ever, after hart 0 has said so: for pausing, resuming and resetting an idle machine.

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
2:  wfi
    j       2b

    .section .rodata
text:
    .asciz  "BENCH idle 1\n"
