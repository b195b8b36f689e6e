// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <mini/device.h>

static struct bus platform_bus = { .name = "platform" };
struct driver *bound;

int register_device(struct device *d)
{
	if (!d->bus)
		d->bus = &platform_bus;
	list_add(&d->node, &d->bus->devices);
	if (bound && d->bus->match(d, bound))
		return bound->probe(d);
	return 0;
}

int resume_device(struct device *d)
{
	d->power.suspended = 0;
	return d->power.resume ? d->power.resume(d) : 0;
}
