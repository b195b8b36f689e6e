// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every kind of debugging information entry that a C compiler emits.

typedef unsigned char u8;
typedef unsigned long long u64;
typedef _Bool bool;
typedef int (*callback)(const char *format, ...);

#define __percpu __attribute__((section(".data..percpu")))

struct declared_only;

enum sign { NEGATIVE = -5, ZERO = 0, POSITIVE = 1000 };
enum big { SMALL = 1, BIG = 0xfedcba9876543210ull };

union number {
	u64 u;
	double d;
	float f;
	u8 bytes[8];
};

struct bits {
	unsigned int a:1, b:7, :4, c:20;
	int d:31;
	u64 e:33, f:31;
	enum sign g:12;
	bool h:1;
};

struct everything {
	struct everything *self;
	struct declared_only *declared;
	const volatile int *const restrict pointer;
	_Atomic int atomic;
	int grid[2][3][4];
	struct {
		int in_anonymous;
		union {
			long deeper;
			void *deepest;
		};
	};
	union number number;
	struct bits bits;
	callback callback;
	void (*plain)(void);
	enum big big;
	struct a_name_that_is_longer_than_one_hundred_bytes_so_that_nothing_that_reads_it_can_rely_on_names_being_short *far;
	char flexible[];
};

__percpu int counter = 1;
__percpu struct bits other_counter = { .c = 3 };
static __percpu u64 hidden_counter = 7;
struct everything everything;
static const char *const names[] = { "one", "two" };
extern int elsewhere;

static inline int inlined(int x, struct bits b)
{
	int local = x * 3;

	{
		long nested = local;

		for (int i = 0; i < x; i++)
			nested += b.a;
		local += (int)nested;
	}
	return local;
}

__attribute__((noinline)) int sum(int count, ...)
{
	__builtin_va_list list;
	int s = 0;

	__builtin_va_start(list, count);
	while (count--)
		s += __builtin_va_arg(list, int);
	__builtin_va_end(list);
	return s;
}

void *use(struct everything *e, unsigned int n, u64 size)
{
	typedef struct { int x; } local_type;
	local_type l = { .x = (int)size };

	hidden_counter += size;
	e->self = (void *)names[n & 1];
	e->grid[1][2][3] = inlined(l.x, e->bits) + sum(2, elsewhere, counter);
again:
	if (n--)
		goto again;
	return e;
}
