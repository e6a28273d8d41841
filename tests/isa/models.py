"""Naive models of instructions: numbers in, a number out, one bit or byte at a time where that is plainest.

Rule: nothing is shared with the hart; the text of the manual is followed word by word, without tricks.
Source: Unprivileged ISA 20240411: chapters "A", "B", "Zc", "Zicond", "Zabha".
"""

from __future__ import annotations

from collections.abc import Callable

MASK = (1 << 64) - 1


def signed(v: int, width: int = 64) -> int:
    """The low `width` bits as a signed number."""
    v &= (1 << width) - 1
    return v - (1 << width) if v >> (width - 1) else v


def extend(v: int, width: int = 32) -> int:
    """The low `width` bits, sign-extended to 64."""
    return signed(v, width) & MASK


def word(v: int) -> int:
    """The low 32 bits."""
    return v & 0xFFFF_FFFF


def bits(v: int, width: int) -> str:
    """The low `width` bits as text, most significant first."""
    return format(v & (1 << width) - 1, f"0{width}b")


def rotate(v: int, n: int, width: int) -> int:
    """Rotated right by n."""
    text = bits(v, width)
    n %= width
    return int(text[width - n :] + text[: width - n], 2)


def octets(v: int) -> bytes:
    """The eight bytes, little-endian."""
    return v.to_bytes(8, "little")


def leading(v: int, width: int) -> int:
    """Zeros before the first one."""
    text = bits(v, width)
    return width if "1" not in text else text.index("1")


def trailing(v: int, width: int) -> int:
    """Zeros behind the last one."""
    text = bits(v, width)[::-1]
    return width if "1" not in text else text.index("1")


def carryless(a: int, b: int) -> int:
    """The carry-less product, up to 127 bits."""
    out = 0
    for i in range(64):
        if b >> i & 1:
            out ^= a << i
    return out


Model = Callable[[int, int], int]

# name -> result of rs1 and rs2 (or the shift amount, or nothing that matters)
MODELS: dict[str, Model] = {
    # Zba
    "add.uw": lambda a, b: (b + word(a)) & MASK,
    "sh1add": lambda a, b: (b + a * 2) & MASK,
    "sh2add": lambda a, b: (b + a * 4) & MASK,
    "sh3add": lambda a, b: (b + a * 8) & MASK,
    "sh1add.uw": lambda a, b: (b + word(a) * 2) & MASK,
    "sh2add.uw": lambda a, b: (b + word(a) * 4) & MASK,
    "sh3add.uw": lambda a, b: (b + word(a) * 8) & MASK,
    "slli.uw": lambda a, n: (word(a) << n) & MASK,
    # Zbb
    "andn": lambda a, b: a & (MASK - b),
    "orn": lambda a, b: a | (MASK - b),
    "xnor": lambda a, b: MASK - (a ^ b),
    "clz": lambda a, _: leading(a, 64),
    "clzw": lambda a, _: leading(a, 32),
    "ctz": lambda a, _: trailing(a, 64),
    "ctzw": lambda a, _: trailing(a, 32),
    "cpop": lambda a, _: bits(a, 64).count("1"),
    "cpopw": lambda a, _: bits(a, 32).count("1"),
    "max": lambda a, b: max(a, b, key=signed),
    "maxu": lambda a, b: max(a, b),
    "min": lambda a, b: min(a, b, key=signed),
    "minu": lambda a, b: min(a, b),
    "sext.b": lambda a, _: extend(a, 8),
    "sext.h": lambda a, _: extend(a, 16),
    "zext.h": lambda a, _: a % 65536,
    "rol": lambda a, b: rotate(a, 64 - b % 64, 64),
    "ror": lambda a, b: rotate(a, b, 64),
    "rori": lambda a, n: rotate(a, n, 64),
    "rolw": lambda a, b: extend(rotate(a, 32 - b % 32, 32)),
    "rorw": lambda a, b: extend(rotate(a, b, 32)),
    "roriw": lambda a, n: extend(rotate(a, n, 32)),
    "orc.b": lambda a, _: int.from_bytes(bytes(255 if o else 0 for o in octets(a)), "little"),
    "rev8": lambda a, _: int.from_bytes(octets(a), "big"),
    # Zbs
    "bclr": lambda a, b: a & (MASK - 2 ** (b % 64)),
    "bext": lambda a, b: int(bits(a, 64)[63 - b % 64]),
    "binv": lambda a, b: a ^ 2 ** (b % 64),
    "bset": lambda a, b: a | 2 ** (b % 64),
    # Zbc
    "clmul": lambda a, b: carryless(a, b) & MASK,
    "clmulh": lambda a, b: carryless(a, b) >> 64,
    "clmulr": lambda a, b: carryless(a, b) >> 63 & MASK,
    # Zicond
    "czero.eqz": lambda a, b: a if b else 0,
    "czero.nez": lambda a, b: 0 if b else a,
}
# bases of compressed instructions of Zcb
MODELS["andi"] = lambda a, n: a & (n & MASK)
MODELS["xori"] = lambda a, n: a ^ (n & MASK)
MODELS["mul"] = lambda a, b: a * b & MASK
for _name in ("bclr", "bext", "binv", "bset"):
    MODELS[_name + "i"] = MODELS[_name]

SIZES = {"b": 1, "h": 2, "w": 4, "d": 8}

# name without width -> new memory, of old memory, rs2 and bits; all unsigned
AMOS: dict[str, Callable[[int, int, int], int]] = {
    "amoswap": lambda m, v, _: v,
    "amoadd": lambda m, v, n: (m + v) % 2**n,
    "amoxor": lambda m, v, _: m ^ v,
    "amoand": lambda m, v, _: m & v,
    "amoor": lambda m, v, _: m | v,
    "amomin": lambda m, v, n: min(m, v, key=lambda k: signed(k, n)),
    "amomax": lambda m, v, n: max(m, v, key=lambda k: signed(k, n)),
    "amominu": lambda m, v, _: min(m, v),
    "amomaxu": lambda m, v, _: max(m, v),
}


class Memory:
    """Little-endian bytes from an address on."""

    def __init__(self, base: int, data: bytes) -> None:
        self.base = base
        self.data = bytearray(data)

    def read(self, address: int, size: int) -> int:
        """`size` bytes, unsigned."""
        at = address - self.base
        assert 0 <= at <= len(self.data) - size
        return int.from_bytes(self.data[at : at + size], "little")

    def write(self, address: int, value: int, size: int) -> None:
        """The low `size` bytes of value."""
        at = address - self.base
        assert 0 <= at <= len(self.data) - size
        self.data[at : at + size] = (value % 256**size).to_bytes(size, "little")

    def amo(self, name: str, address: int, value: int) -> int:
        """An AMO by its full name; what it gives rd."""
        op, _, width = name.partition(".")
        size = SIZES[width]
        old = self.read(address, size)
        self.write(address, AMOS[op](old, value % 256**size, 8 * size), size)
        return extend(old, 8 * size)

    def load(self, name: str, address: int) -> int:
        """A load by its name: l, width, perhaps u."""
        size = SIZES[name[1]]
        value = self.read(address, size)
        return value if name.endswith("u") else extend(value, 8 * size)
