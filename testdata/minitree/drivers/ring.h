/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <mini/device.h>
#include <mini/module.h>

struct ring_cookie;	/* defined in ring-core.c only */

enum ring_mode { RING_IDLE, RING_POLL = 1 << 4, RING_IRQ = 1 << 5 };

union ring_entry {
	u64 raw;
	struct {
		u32 address;
		u16 length;
		u16 owner:1, last:1, error:6, tag:8;
	};
	struct ring_cookie *cookie;
};

struct ring {
	struct device *device;
	union ring_entry *entries;
	unsigned int head, tail, mask;
	enum ring_mode mode;
	spinlock_t lock;
	const struct ring_ops *ops;
};

struct ring_ops {
	int (*post)(struct ring *r, union ring_entry e);
	int (*reap)(struct ring *r, void (*done)(struct ring_cookie *c, int status));
};

extern const struct ring_ops ring_ops;
