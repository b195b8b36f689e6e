// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Types with the same name as a type of the kernel but another definition, and
// a pointer to a type that only the kernel defines.
#include <mini/module.h>

struct power {
	u32 milliwatts;
	u32 samples[4];
};

struct driver;
struct runqueue;

struct trace_event {
	const struct trace_class *class;
	struct driver *driver;
	struct power power;
	u64 stamp;
	u8 cpu, level:4, kind:4;
	s16 arguments[];
};

struct trace_class {
	const char *name;
	int (*print)(char *buf, size_t n, const struct trace_event *e, ...);
	struct trace_event *(*reserve)(struct runqueue *rq, size_t n);
};

DEFINE_PER_CPU(struct trace_event *, trace_head);
DEFINE_PER_CPU(u64[2], trace_lost);

static int trace_print(char *buf, size_t n, const struct trace_event *e, ...)
{
	if (n)
		buf[0] = '0' + e->level;
	return e->power.milliwatts > 100;
}

const struct trace_class trace_plain = { .name = "plain", .print = trace_print };

static int tracer_init(void)
{
	trace_lost[0] = trace_lost[1] = 0;
	trace_head = NULL;
	return printk("%s\n", trace_plain.name);
}

module_init(tracer_init);
