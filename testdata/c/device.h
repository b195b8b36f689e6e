/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Declarations shared by the kernel and the modules of these fixtures. */
#ifndef DEVICE_H
#define DEVICE_H

typedef unsigned long long u64;

#define __percpu __attribute__((section(".data..percpu")))

struct list_head {
	struct list_head *next, *prev;
};

enum device_state { DEVICE_DOWN, DEVICE_UP = 4 };

struct device {
	const char *name;
	struct list_head node;
	unsigned int irq:7, wakeup:1;
	enum device_state state;
	int (*open)(struct device *dev, long flags);
};

int register_device(struct device *dev, enum device_state state);

#endif
