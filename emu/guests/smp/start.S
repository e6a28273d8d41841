# Entry of the boot hart and of the others, the trap vector, and accesses that may fault.

    .section .text.start, "ax"
    .globl _start
_start:                         # a0 = hart id, a1 = device tree; satp = 0, interrupts off
    csrw    sie, zero
    la      t0, trap_entry
    csrw    stvec, t0
    la      t0, bss_start
    la      t1, bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  la      sp, boot_stack_end
    li      tp, 0
    tail    boot

    .text
    .globl hart_entry
hart_entry:                     # a0 = hart id, a1 = struct hart *, from HSM hart_start
    csrw    sie, zero
    la      t0, trap_entry
    csrw    stvec, t0
    ld      sp, 0(a1)
    mv      tp, a1
    mv      a0, a1
    tail    hart_main

# trap(cause, value, pc, ra) returns where to go on. It is C, so the caller-saved registers are
# kept here; tp and the stack are the interrupted code's own, which is always ours.
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
    csrr    a0, scause
    csrr    a1, stval
    csrr    a2, sepc
    mv      a3, ra
    call    trap
    csrw    sepc, a0
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
    sret

    .globl probe_call, probe_load, probe_store
probe_call:
    jr      a0                  # what is there is a `ret`, so ra is our caller's either way
probe_load:
    ld      a0, 0(a0)
    ret
probe_store:
    sd      a1, 0(a0)
    ret

    .section .bss
    .balign 16
    .space  8192
boot_stack_end:
