// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A module for the btf-ko scripts.
#include "device.h"

struct ring_stats {
	u64 sent, dropped;
};

struct ring {
	struct device dev;
	struct list_head slots[2];
	u64 head;
	unsigned int order:4, closed:1;
};

__percpu struct ring_stats ring_stats;

static int ring_open(struct device *dev, long flags)
{
	struct ring *r = (struct ring *)dev;

	r->closed = flags != 0;
	return r->closed;
}

int ring_send(struct ring *r, const void *data, unsigned long size)
{
	if (!data || r->closed) {
		ring_stats.dropped++;
		return -1;
	}
	ring_stats.sent += size;
	r->head++;
	return 0;
}

int init_module(void)
{
	static struct ring ring = { .dev = { .name = "ring", .open = ring_open } };

	return register_device(&ring.dev, DEVICE_UP);
}
