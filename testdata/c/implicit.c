// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Kfuncs with implicit arguments (flag 0x10000) in a .BTF_ids: see ids.c.
#define KFUNC(name, number, flags) \
	".local __BTF_ID__func__" #name "__" #number "\n__BTF_ID__func__" #name "__" #number ": .long 0, " #flags "\n"

struct bpf_prog_aux { int id; };
struct btf_struct_meta { int size; };
typedef struct bpf_prog_aux prog_aux;

int none(int x) { return x; }
int last(int x, struct bpf_prog_aux *aux) { return x + (aux != 0); }
int middle(int x, const struct btf_struct_meta *const meta, int y) { return x + y + (meta != 0); }
int taken(int x, struct bpf_prog_aux *aux) { return x - (aux != 0); }
int taken_impl(int x, struct bpf_prog_aux *aux) { return x * (aux != 0); }
int renamed(prog_aux *aux) { return aux != 0; }
int opaque(void *aux) { return aux != 0; }
int unflagged(struct bpf_prog_aux *aux) { return aux == 0; }

asm(".pushsection .BTF_ids, \"a\"\n"
    ".local __BTF_ID__set8__kfuncs\n__BTF_ID__set8__kfuncs: .long 0, 1\n"
    KFUNC(none, 1, 0x10000) KFUNC(last, 2, 0x11000) KFUNC(middle, 3, 0x10002) KFUNC(taken, 4, 0x10000)
    KFUNC(renamed, 5, 0x10000) KFUNC(opaque, 6, 0x10000) KFUNC(unflagged, 7, 0x1000)
    ".size __BTF_ID__set8__kfuncs, . - __BTF_ID__set8__kfuncs\n.popsection");
