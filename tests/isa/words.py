"""Random instruction words: what the tests of encodings share."""

from __future__ import annotations

import random

from vcpu_worker.isa.insn import Insn, load_all

INSNS = load_all()
WORDS = [i for i in INSNS.values() if i.length == 4]
HALVES = [w for w in range(1 << 16) if w & 3 != 3]


def random_word(one: Insn, rng: random.Random) -> int:
    """A word with this instruction's fixed bits; now and then a field of it is all zero or all ones."""
    word = one.match | rng.getrandbits(8 * one.length) & ~one.mask
    for f in one.fields.values():
        kind = rng.random()
        if kind < 0.1:
            word &= ~f.mask
        elif kind < 0.2:
            word |= f.mask
    return word
