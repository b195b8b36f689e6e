// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Every construct of a .BTF_ids section, laid out as the kernel's macros do: a word for each id, with
// a symbol that names the type; in a set8, a word of flags follows each id.
#define SYMBOL(name, type, size, words) \
	".local " name "\n.type " name ", %" type "\n.size " name ", " size "\n" name ": " words "\n"
#define ID(kind, name, number) SYMBOL("__BTF_ID__" #kind "__" #name "__" #number, "object", "4", ".long 0")
#define FLAGS(value) ".long " #value "\n"
#define UNUSED ".long 0\n"
#define SET(name, body) \
	".globl __BTF_ID__set__" #name "\n__BTF_ID__set__" #name ": .long 0\n" body \
	".size __BTF_ID__set__" #name ", . - __BTF_ID__set__" #name "\n"
#define SET8(name, flags, body) \
	".local __BTF_ID__set8__" #name "\n__BTF_ID__set8__" #name ": .long 0, " #flags "\n" body \
	".size __BTF_ID__set8__" #name ", . - __BTF_ID__set8__" #name "\n"

struct zebra { int stripes; };
union animal { struct zebra zebra; int other; };
typedef struct zebra equid;
struct holder { union animal *animal; equid *equid; } holder;

int zeta(struct holder *h) { return h != 0; }
int eta_(int x) { return x; }
int alpha___init(int x) { return x + 1; }
int mu(int x) { return x + 2; }
int counter_add(int x) { return x + 3; }

asm(".pushsection .BTF_ids, \"a\"\n"
    ID(struct, zebra, 1) ID(union, animal, 2) UNUSED ID(typedef, equid, 3) ID(func, mu, 4)
    ID(struct, missing, 5) ID(struct, equid, 6)
    SET(plain, ID(func, zeta, 7) ID(func, eta_, 8) ID(func, nowhere, 9) ID(func, alpha___init, 10)
        ID(func, counter_add, 11))
    SET(empty, "")
    SET(unused, UNUSED ID(func, zeta, 12) ID(struct, zebra, 13))
    SET8(kfuncs, 1, ID(func, zeta, 14) FLAGS(0x11) ID(func, alpha___init, 15) FLAGS(0x22) ID(func, mu, 16) FLAGS(0)
         ID(func, eta_, 17) FLAGS(0x33))
    SET8(others, 0, ID(func, mu, 1812) FLAGS(0x44) ID(func, zeta, 12.llvm.7) FLAGS(0x55))
    ".popsection");
