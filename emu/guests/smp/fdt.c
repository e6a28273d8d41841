/* A reader of the flattened device tree: one walk, a handful of properties.
 *
 * Source: Devicetree Specification 0.4, chapter 5 (the blob), 2.3 and 3 (the properties).
 */
#include "smp.h"

#define MAGIC 0xd00dfeed
#define MAX_DEPTH 8
enum token { BEGIN_NODE = 1, END_NODE, PROP, NOP, END = 9 };

/* A node as far as it has been read: properties come before children. */
struct node {
    u32 address_cells, size_cells; /* for the children's reg */
    u32 is_cpu, is_memory, disabled, sstc;
    u64 reg, size;
    u64 *place; /* where a device's address goes */
};

static u32 be32(const u8 *at) {
    return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static u64 cells(const u8 *at, u32 count) {
    u64 value = 0;
    for (; count; count--, at += 4)
        value = value << 32 | be32(at);
    return value;
}

static int equal(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Whether the string list `at` of `length` bytes holds `word`. */
static int lists(const u8 *at, u32 length, const char *word) {
    const char *item = (const char *)at, *end = item + length;
    while (item < end) {
        if (equal(item, word))
            return 1;
        while (item < end && *item++)
            ;
    }
    return 0;
}

/* Whether an ISA string like rv64imac_zicsr_sstc names `word`. */
static int isa_names(const char *isa, const char *word) {
    for (; *isa; isa++) {
        const char *a = isa + 1, *b = word;
        while (*b && *a == *b)
            a++, b++;
        if (*isa == '_' && !*b && (!*a || *a == '_'))
            return 1;
    }
    return 0;
}

/* Whether a command line has `word` among its words. */
static int says(const char *line, const char *word) {
    while (*line) {
        const char *a = line, *b = word;
        while (*b && *a == *b)
            a++, b++;
        if (!*b && (!*a || *a == ' '))
            return 1;
        while (*line && *line++ != ' ')
            ;
    }
    return 0;
}

static void device(struct node *node, const u8 *at, u32 length) {
    if (lists(at, length, "ns16550a"))
        node->place = &board.uart;
    if (lists(at, length, "google,goldfish-rtc"))
        node->place = &board.rtc;
    if (lists(at, length, "sifive,test0"))
        node->place = &board.finisher;
}

static void property(struct node *node, const struct node *parent, const char *name, const u8 *at,
                     u32 length) {
    if (equal(name, "#address-cells"))
        node->address_cells = be32(at);
    else if (equal(name, "#size-cells"))
        node->size_cells = be32(at);
    else if (equal(name, "bootargs"))
        board.endless = says((const char *)at, "endless");
    else if (equal(name, "timebase-frequency"))
        board.timebase = cells(at, length / 4);
    else if (equal(name, "device_type")) {
        node->is_cpu = equal((const char *)at, "cpu");
        node->is_memory = equal((const char *)at, "memory");
    } else if (equal(name, "status"))
        node->disabled = !equal((const char *)at, "okay") && !equal((const char *)at, "ok");
    else if (equal(name, "riscv,isa"))
        node->sstc |= isa_names((const char *)at, "sstc");
    else if (equal(name, "riscv,isa-extensions"))
        node->sstc |= lists(at, length, "sstc");
    else if (equal(name, "compatible"))
        device(node, at, length);
    else if (equal(name, "reg") && length >= 4 * (parent->address_cells + parent->size_cells)) {
        node->reg = cells(at, parent->address_cells);
        node->size = cells(at + 4 * parent->address_cells, parent->size_cells);
    }
}

static void close(const struct node *node, void (*found)(u64 id)) {
    if (node->disabled)
        return;
    if (node->is_cpu) {
        board.sstc &= node->sstc;
        found(node->reg);
    }
    if (node->is_memory && !board.size) {
        board.memory = node->reg;
        board.size = node->size;
    }
    if (node->place && !*node->place)
        *node->place = node->reg;
}

int fdt_scan(const void *tree, void (*found)(u64 id)) {
    const u8 *blob = tree;
    if (!tree || be32(blob) != MAGIC)
        return 0;
    const u8 *at = blob + be32(blob + 8);
    const char *strings = (const char *)blob + be32(blob + 12);
    static struct node nodes[MAX_DEPTH + 1];
    u32 depth = 0;
    board.sstc = 1;
    for (;;) {
        u32 token = be32(at);
        at += 4;
        if (token == BEGIN_NODE) {
            if (++depth > MAX_DEPTH)
                return 0;
            nodes[depth] = (struct node){.address_cells = 2, .size_cells = 1};
            while (*at++)
                ;
            at = (const u8 *)(((u64)at + 3) & ~3ul);
        } else if (token == PROP) {
            u32 length = be32(at);
            property(&nodes[depth], &nodes[depth - 1], strings + be32(at + 4), at + 8, length);
            at += 8 + ((length + 3) & ~3u);
        } else if (token == END_NODE) {
            close(&nodes[depth--], found);
        } else if (token != NOP) {
            return token == END;
        }
    }
}
