// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel for the btf-ko scripts.
#include "device.h"

static struct list_head devices;

int register_device(struct device *dev, enum device_state state)
{
	dev->state = state;
	dev->node.next = devices.next;
	devices.next = &dev->node;
	return dev->open ? dev->open(dev, 0) : 0;
}

void start_kernel(void)
{
	devices.next = devices.prev = &devices;
}
