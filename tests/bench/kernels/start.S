# Entry of every hart, and the trap vectors of kernels that do not bring their own.
# tp is the hart number. No .bss is cleared: an ELF loader has done that, RAM is new.

#ifndef HARTS
#define HARTS 1
#endif
#define STACK_SHIFT 14

    .section .text.start, "ax"
    .globl _start
_start:
    csrw    mie, zero
    csrr    tp, mhartid
    li      t0, HARTS
    bgeu    tp, t0, park
    la      t0, machine_vector
    csrw    mtvec, t0
    li      t0, 1 << 13         # mstatus.FS = initial
    csrs    mstatus, t0
    fscsr   zero
    la      sp, stacks
    addi    t0, tp, 1
    slli    t0, t0, STACK_SHIFT
    add     sp, sp, t0
    .weak   hart_main
    bnez    tp, 1f
    call    main
    j       park
1:  call    hart_main
park:
    wfi
    j       park

# u64 trap(cause, value, pc) returns where to go on; it is C, so caller-saved registers are kept here.
# The stack is the interrupted code's own, which is always ours.
    .macro  vector name, cause, tval, epc, ret
    .balign 4
    .globl  \name
\name:
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
    csrr    a0, \cause
    csrr    a1, \tval
    csrr    a2, \epc
    call    trap
    csrw    \epc, a0
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
    \ret
    .endm

    .text
    vector  machine_vector, mcause, mtval, mepc, mret
    vector  supervisor_vector, scause, stval, sepc, sret

    .section .bss
    .balign 16
stacks:
    .space  HARTS << STACK_SHIFT
