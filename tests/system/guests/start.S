# Entry of every hart, in M-mode, and the trap path. `-bios none` starts all harts here at once.

    .section .text.start, "ax"
    .globl _start
_start:
    csrw    mie, zero
    csrr    a0, mhartid
    la      t0, params
    ld      t1, 8(t0)           # harts that take part
    bgeu    a0, t1, park
    la      t0, trap_entry
    csrw    mtvec, t0
    la      sp, stacks
    addi    t0, a0, 1
    slli    t0, t0, 13
    add     sp, sp, t0
    mv      s0, a0
    call    guest_main          # guest_main(hart) -> exit status, of hart 0
    bnez    s0, park
    tail    finish
park:
    csrw    mie, zero           # nothing wakes it
    wfi
    j       park

    .balign 4
trap_entry:
    addi    sp, sp, -128
    sd      ra, 0(sp)
    sd      t0, 8(sp)
    sd      t1, 16(sp)
    sd      t2, 24(sp)
    sd      t3, 32(sp)
    sd      t4, 40(sp)
    sd      t5, 48(sp)
    sd      t6, 56(sp)
    sd      a0, 64(sp)
    sd      a1, 72(sp)
    sd      a2, 80(sp)
    sd      a3, 88(sp)
    sd      a4, 96(sp)
    sd      a5, 104(sp)
    sd      a6, 112(sp)
    sd      a7, 120(sp)
    csrr    a0, mcause
    call    trap                # only interrupts come back
    ld      ra, 0(sp)
    ld      t0, 8(sp)
    ld      t1, 16(sp)
    ld      t2, 24(sp)
    ld      t3, 32(sp)
    ld      t4, 40(sp)
    ld      t5, 48(sp)
    ld      t6, 56(sp)
    ld      a0, 64(sp)
    ld      a1, 72(sp)
    ld      a2, 80(sp)
    ld      a3, 88(sp)
    ld      a4, 96(sp)
    ld      a5, 104(sp)
    ld      a6, 112(sp)
    ld      a7, 120(sp)
    addi    sp, sp, 128
    mret

# What the host sets before it starts the guest, found in the file by its first word (guests/run.py).
    .section .data
    .balign 8
    .globl params
params:
    .ascii  "EMUPARAM"
    .dword  2                   # harts
    .dword  1000                # count
    .dword  1                   # seed
    .dword  0, 0, 0, 0          # what the guest says of them

    .section .bss
    .balign 16
stacks:
    .space  8 * 8192
