// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A module that is linked from two objects.
#include "ring.h"

struct ring_cookie {
	struct list_head node;
	struct task *waiter;
	int status;
};

static void ring_done(struct ring_cookie *c, int status)
{
	c->status = status;
	wake_up(c->waiter);
}

int ring_probe(struct device *d)
{
	struct ring *r = kmalloc(sizeof(*r));
	struct ring_cookie *c = kmalloc(sizeof(*c));

	r->device = d;
	r->ops = &ring_ops;
	r->mode = RING_IRQ;
	c->waiter = find_task(1);
	r->ops->post(r, (union ring_entry){ .cookie = c });
	return r->ops->reap(r, ring_done);
}

static struct driver ring_driver = { .name = "ring", .probe = ring_probe };

static int ring_init(void)
{
	return printk("%s\n", ring_driver.name);
}

module_init(ring_init);
