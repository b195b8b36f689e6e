// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ring.h"

static int ring_post(struct ring *r, union ring_entry e)
{
	if (((r->head + 1) & r->mask) == r->tail)
		return -28;
	e.owner = 1;
	r->entries[r->head++ & r->mask] = e;
	return 0;
}

static int ring_reap(struct ring *r, void (*done)(struct ring_cookie *c, int status))
{
	int n = 0;

	for (; r->tail != r->head; r->tail++, n++)
		done(r->entries[r->tail & r->mask].cookie, 0);
	return n;
}

const struct ring_ops ring_ops = { .post = ring_post, .reap = ring_reap };
