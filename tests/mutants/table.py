"""The mutants: each breaks one rule that a test of tests/system or tests/emu stands guard over.

A mutant is a replacement of text in one source file. It is applied to a copy of the tree (`tree.py`), so
the product has no switch for it; the engine of the copy has a digest of its own.
Rule: `old` occurs exactly once in the file; test_mutants holds it, so a mutant cannot rot unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

LITMUS = "tests/system/test_litmus.py::test_nothing_outside_rvwmo_is_seen_on_two_harts"
IPI = "tests/system/test_ipi.py::test_no_ipi_to_a_sleeping_hart_is_lost[2]"
DEVICE = "tests/system/test_ipi.py::test_no_device_interrupt_to_a_sleeping_hart_is_lost[2]"
ATOMICS = "tests/system/test_atomics.py::test_totals_of_contended_atomics_are_exact[2]"
ADBITS = "tests/system/test_adbits.py::test_no_accessed_or_dirty_bit_and_no_software_bit_is_lost[2]"
DMA = "tests/system/test_adbits.py::test_no_bit_is_lost_when_a_process_of_the_host_writes_the_pte[1]"
OUTPUT = "tests/system/test_output.py::test_output_of_several_harts_keeps_their_order[2]"
LONE = "tests/system/test_output.py::test_a_character_appears_though_nothing_follows_it"
REPLACED = "tests/system/test_kill.py::test_a_worker_that_dies_while_a_reset_gathers_is_replaced_and_told"
STORM = "tests/system/test_pause.py::test_storms_of_stop_cont_and_reset"
STORMS = "tests/system/test_lifecycle.py::test_stops_and_conts_back_to_back"
PAST = "tests/system/test_pause.py::test_a_hart_does_not_run_past_the_store_that_resets_the_machine[4]"
WORKER = "tests/emu/test_worker.py"
TEXTS = "tests/emu/test_option_table.py::test_what_becomes_of_a_text"
SETS = "tests/emu/test_qemuopts.py"
STREAMS = "tests/emu/test_qjson.py"
BREAKS = "tests/isa/test_breakpoints.py"
WAKEUP = "tests/emu/test_wakeup.py"


@dataclass(frozen=True)
class Mutant:
    """name; file (from the root of the tree); old -> new; rule: what is broken, and where it is written.

    killer: the tests that must fail (pytest's node ids). says: a regular expression that their report must
    match, so that they fail for the right reason. tries: within how many runs, for races.
    """

    name: str
    file: str
    old: str
    new: str
    rule: str
    killer: tuple[str, ...]
    says: str
    tries: int = 1


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "sleep-without-second-look",
        "vcpu_worker/hart/sleep.py",
        "    if must_wake(h) != 0:\n        h.asleep = 0\n",
        "    if h.asleep == 2:\n        h.asleep = 0\n",
        "levels are looked at again behind the store to asleep (DESIGN 3, IPIs and kicks)",
        (IPI,),
        r"ipi LOST hart=\d",
        tries=5,
    ),
    Mutant(
        "no-kick",
        "vcpu_worker/hart/doorbell.py",
        "    if other.asleep != 0:\n        kick_hart(",
        "    if other.asleep == 2:\n        kick_hart(",
        "a hart that sleeps gets a Kick (DESIGN 3, IPIs and kicks)",
        (IPI,),
        r"ipi LOST hart=\d",
    ),
    Mutant(
        "kick-mark-never-cleared",
        "vcpu_worker/worker.py",
        '            self._answer(got)\n        self.slot.set("kick_sent", 0)\n',
        "            self._answer(got)\n",
        "kick_sent is cleared each time the target has woken (hart/doorbell.py)",
        (IPI,),
        r"ipi LOST hart=\d",
        tries=2,
    ),
    Mutant(
        "fence-orders-nothing",
        "vcpu_worker/codegen/lower.py",
        '        w.block(yes)\n        w("fence seq_cst")\n        w(f"br label %{no}")',
        '        w.block(yes)\n        w(f"br label %{no}")',
        "FENCE w,r orders a store before a later load (RVWMO rule 4)",
        (LITMUS,),
        r"SB\+fence\.\w+\.\w+: r1=0 r2=0 seen \d+ times",
        tries=3,
    ),
    Mutant(
        "sfence-keeps-translations",
        "vcpu_worker/hart/fence.py",
        "    else:\n        forget_contexts(h)\n    h.fault = Fault.REFETCH",
        "    h.fault = Fault.REFETCH",
        "SFENCE.VMA x0, x0 drops every translation (Privileged 4.2.1)",
        (ADBITS,),
        r"adbits LOST",
    ),
    Mutant(
        "plic-loses-the-edge",
        "vcpu_worker/hart/plic.py",
        "    atomic_or32(addr(g.plic_pending[source >> 5]), 1 << (source & 31))\n    fence()",
        "    fence()",
        "a level of 1 sets pending (BEHAVIOUR 4.5)",
        (DEVICE,),
        r"plic LOST hart=\d",
    ),
    Mutant(
        "plic-raise-without-event",
        "vcpu_worker/hart/plic.py",
        "            atomic_or32(addr(other.event), EV_IRQ)\n        i = i + 1\n    fence()",
        "            atomic_or32(addr(other.event), 0)\n        i = i + 1\n    fence()",
        "a raiser sets the event word of every hart that enables the source (DESIGN 3)",
        ("tests/isa/test_plic.py",),
        r"(?i)assert",
    ),
    Mutant(
        "sc-does-not-compare",
        "vcpu_worker/mem/atomics.py",
        "        old = cas32(at, h.lr_value, value)\n    return",
        "        st32(at, value)\n        old = h.lr_value\n    return",
        "SC is a compare-exchange with the value LR saw (DESIGN 2, memory order)",
        (ATOMICS,),
        r"atomics (lr\.w/sc\.w|halves).* WRONG",
        tries=3,
    ),
    Mutant(
        "ad-update-by-plain-store",
        "vcpu_worker/mem/walk.py",
        "                if cas64(host, pte, marked) != pte:\n                    done = 0",
        "                st64(host, marked)\n                if done == 0:\n                    done = 0",
        "A and D are set by compare-and-swap (DESIGN 2, A/D bits)",
        (ADBITS,),
        r"adbits LOST",
        tries=3,
    ),
    Mutant(
        "ad-update-undoes-a-device",
        "vcpu_worker/mem/walk.py",
        "                if cas64(host, pte, marked) != pte:\n                    done = 0",
        "                st64(host, marked)\n                if done == 0:\n                    done = 0",
        "the update is atomic also against what is no hart (DESIGN 2, A/D bits)",
        (DMA,),
        r"(dma|adbits) LOST",
        tries=5,
    ),
    Mutant(
        "silent-replacement",
        "emu/workers/fleet.py",
        '                self._log(f"{v.death}; a reset follows, a new worker takes over")\n',
        "                v.lost = False\n",
        "a fresh worker for a hart is logged (DESIGN law 5)",
        (REPLACED,),
        r"assert 0 == 1",
    ),
    Mutant(
        "acknowledges-without-generation",
        "vcpu_worker/worker.py",
        'return self.slot.get("wanted_gen") != self.acked',
        'return (self.slot.get("wanted") == Want.RUN) != (self.state is HartState.RUNNING)',
        "only equality of generations says that a request is obeyed (law 4)",
        (f"{STORM}[spin-4]",),
        r"no line",
    ),
    Mutant(
        "acknowledges-another-generation",
        "vcpu_worker/worker.py",
        'self.slot.set("acked_gen", gen)',
        'self.slot.set("acked_gen", gen + 1)',
        "a hart acknowledges exactly the generation it obeyed (law 4)",
        (WORKER, f"{STORM}[spin-4]"),
        r"(?i)assert|timeout|no line",
    ),
    Mutant(
        "request-served-before-the-rings",
        "emu/workers/handlers.py",
        """        self.drain_rings()
        for port in self._ports:
            w4 = port.w4
            if w4[SEQ] != w4[DONE] and port.held is None and port.vcpu.may_begin():
                self.drain_rings()
                self._serving, self._hold = port, False
                self._begin(port, w4[SEQ])
                self._serving = None
""",
        """        for port in self._ports:
            w4 = port.w4
            if w4[SEQ] != w4[DONE] and port.held is None and port.vcpu.may_begin():
                self._serving, self._hold = port, False
                self._begin(port, w4[SEQ])
                self._serving = None
        self.drain_rings()
""",
        "posted writes of all harts are done before a request is begun (DESIGN 3, MMIO, rung 2)",
        (WORKER, OUTPUT),
        r"(?i)assert",
        tries=2,
    ),
    Mutant(
        "ring-of-one-hart-forgotten",
        "emu/workers/handlers.py",
        "            for port in self._ports:\n                tail = port.w4[TAIL]",
        "            for port in self._ports[:1]:\n                tail = port.w4[TAIL]",
        "main drains the rings of all harts (DESIGN 3, MMIO, rung 2)",
        (OUTPUT,),
        r"character \d+ is|characters of|killed at its timeout",
    ),
    Mutant(
        "posted-writes-ring-after-ring",
        "emu/workers/handlers.py",
        "if ticket < least:",
        "if first is None:",
        "posted writes of several harts are done in the order of their tickets (emu/workers/handlers.py)",
        (OUTPUT,),
        r"character \d+ is",
        tries=3,
    ),
    Mutant(
        "rings-not-drained-before-main-sleeps",
        "emu/workers/fleet.py",
        "        elif record.timeout_ms and not self._may_sleep():\n",
        "        elif record.timeout_ms < 0 and not self._may_sleep():\n",
        "while main is awake no hart rings it for a posted write: it looks itself (hart/mmio.py, wake_main)",
        (LONE,),
        r"did not come",
        tries=2,
    ),
    Mutant(
        "reply-awaited-without-a-first-look",
        "vcpu_worker/hart/roundtrip.py",
        "    while h.mmio_done != seq and h.event & EV_MSG == 0:\n",
        "    first = 1\n"
        "    while first == 1 or (h.mmio_done != seq and h.event & EV_MSG == 0):\n"
        "        first = 0\n",
        "a ring may have been heard with an earlier one: levels are looked at before each sleep (law 4)",
        (STORMS,),
        r"is not answered",
        tries=5,
    ),
    Mutant(
        "hart-runs-on-past-its-reset",
        "emu/workers/handlers.py",
        "        if self._hold:\n",
        "        if self._hold and seq < 0:\n",
        "cpu_stop_current: the hart that asked for a stop or reset does not run on (BEHAVIOUR 1.2)",
        (PAST,),
        r"has executed what follows",
        tries=2,
    ),
    Mutant(
        "ids-found-where-names-are-implied",
        "emu/options/qemuopts.py",
        'for name, value, _ in split(params) if name == "id"',
        'for name, value, _ in split(params, "first") if name == "id"',
        "the id is found before implied names mean anything (BEHAVIOUR 3.1)",
        (TEXTS,),
        r"id",
    ),
    Mutant(
        "merged-options-survive-an-error",
        "emu/options/option_groups.py",
        "        except OptionError:\n            self.delete(opts)\n            raise\n"
        "        return opts\n\n    def parse_noisily",
        "        except OptionError:\n            raise\n        return opts\n\n    def parse_noisily",
        "after an error the whole set is gone, merged before or not (BEHAVIOUR 3.1)",
        (SETS,),
        r"test_a_bad_item|merging|assert",
    ),
    Mutant(
        "a-list-with-a-hole",
        "emu/options/keyval.py",
        "            raise OptionError(f\"Parameter '{path}{i}' missing\")",
        "            continue",
        "a list has no gaps (BEHAVIOUR 3.2)",
        (TEXTS,),
        r"missing|KeyError",
    ),
    Mutant(
        "json-goes-on-behind-a-wrong-byte",
        "emu/core/qjson.py",
        "                self._recovering = True\n",
        "                self._recovering = False\n",
        "behind a wrong byte, text is skipped up to where something could begin (emu/core/qjson.py)",
        (STREAMS,),
        r"stray|invalid keyword",
    ),
    Mutant(
        "breakpoints-leave-decoded-pages",
        "vcpu_worker/hart/breakpoint.py",
        "            forget_offset(h, ((w << 6) | ctz64(changed)) << 1)\n",
        "",
        "decoded pages follow a change of the breakpoints (hart/breakpoint.py)",
        (BREAKS,),
        r"nothing_before_the_breakpoint_is_left_out|assert",
    ),
    Mutant(
        "a-pair-runs-over-its-breakpoint",
        "vcpu_worker/mem/fetch.py",
        "            second = OP_BREAK\n",
        "            second = single_op(h, second)\n",
        "a marked record is never part of a pair (hart/breakpoint.py)",
        (BREAKS,),
        r"nothing_before_the_breakpoint_is_left_out|assert",
    ),
    Mutant(
        "a-debuggers-write-is-not-doubted",
        "emu/workers/debug_memory.py",
        "        finally:\n            self._doubt_code()\n",
        "        finally:\n            pass\n",
        "code that a debugger writes is seen without a FENCE.I (workers/debug_memory.py)",
        ("tests/emu/test_hart_state.py::test_a_write_is_executed_by_every_hart_without_a_fence",),
        r"assert",
    ),
    Mutant(
        "a-step-takes-interrupts",
        "vcpu_worker/exits.py",
        "    irq = 0 if w.sstep & SSTEP_NOIRQ else",
        "    irq = 0 if w.sstep & 0 else",
        "single steps leave interrupts out unless told otherwise (BEHAVIOUR 8, sstep)",
        ("tests/emu/test_worker_debug.py::test_interrupts_are_taken_by_a_step_only_if_it_may",),
        r"assert \[7\] == \[\]",
    ),
    Mutant(
        "wake-up-before-sleep-dropped",
        "emu/hw/wakeup.py",
        "        run.on_suspend(self._look.schedule)\n",
        "",
        "a source that wants the machine awake before it sleeps wakes it when it does (hw/wakeup.py)",
        (f"{WAKEUP}::test_what_is_there_before_it_sleeps_wakes_it",),
        r"SUSPENDED",
    ),
    Mutant(
        "void-suspend-never-asked-again",
        "emu/workers/sbi.py",
        "    sbi._asleep, sbi._woken = hart, False\n    if not sbi.requests.suspend:\n",
        "    known = sbi._asleep == hart\n    sbi._asleep, sbi._woken = hart, False\n    if not known:\n",
        "a suspend request that a stop made void is made again (workers/sbi.py)",
        (f"{WAKEUP}::test_a_stop_between_the_call_and_the_sleep_puts_it_off",),
        r"SUSPENDED",
    ),
)
