// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One of each kind of declarator in C.
#include <mini/module.h>

struct opaque;
typedef struct opaque *handle_t;
typedef int (*compare_t)(const void *a, const void *b);
typedef u32 matrix_t[3][4];
typedef enum { RED, GREEN = 1u << 31, BLUE = 7 } color_t;
enum wide { WIDE_MIN = -1ll << 40, WIDE_MAX = 1ll << 40 };
enum small { SMALL } __attribute__((packed));

struct node {
	struct node *left, *right;
	union {
		s64 integer;
		void *pointer;
		handle_t handle;
	} value;
};

struct shapes {
	const volatile u32 *const registers;
	char *restrict *names;
	compare_t compare;
	void (*(*signal)(int number, void (*handler)(int)))(int);
	matrix_t matrix;
	color_t color;
	enum wide wide;
	enum small small;
	unsigned __int128 huge;
	struct {
		union {
			struct {
				s8 x:3, y:5;
				u64 z:33;
			};
			u8 bytes[16];
		};
	} anonymous[2];
	struct node root;
	char empty[0];
	int tail[];
};

int shapes_compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

__attribute__((noinline)) int shapes_sum(int n, ...)
{
	__builtin_va_list ap;
	int sum = 0;

	__builtin_va_start(ap, n);
	while (n--)
		sum += __builtin_va_arg(ap, int);
	__builtin_va_end(ap);
	return sum;
}

handle_t shapes_open(struct shapes *s, enum wide w, color_t c)
{
	s->wide = w;
	s->color = c;
	s->compare = shapes_compare;
	s->anonymous[1].x = shapes_sum(2, 1, 2);
	return s->root.value.handle;
}

static int shapes_init(void)
{
	return printk("%d\n", shapes_sum(0));
}

module_init(shapes_init);
