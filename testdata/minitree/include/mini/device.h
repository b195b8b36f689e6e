/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_DEVICE_H
#define MINI_DEVICE_H

#include <mini/fs.h>

struct device;
struct driver;

enum probe_type { PROBE_DEFAULT, PROBE_ASYNC, PROBE_SYNC };

struct attribute {
	const char *name;
	umode_t mode;
	ssize_t (*show)(struct device *d, char *buf);
	ssize_t (*store)(struct device *d, const char *buf, size_t n);
};

struct bus {
	const char *name;
	int (*match)(struct device *d, const struct driver *drv);
	struct list_head devices, drivers;
};

struct driver {
	const char *name;
	struct bus *bus;
	struct module *owner;
	enum probe_type probe_type;
	int (*probe)(struct device *d);
	void (*remove)(struct device *d);
	const struct attribute *const *attributes;
	struct list_head node;
};

struct power {
	unsigned int can_wake:1, async:1, suspended:1;
	int usage;
	ktime_t expires;
	int (*suspend)(struct device *d, u32 state);
	int (*resume)(struct device *d);
};

struct device {
	struct kref ref;
	const char *name;
	struct device *parent;
	struct bus *bus;
	struct driver *driver;
	struct list_head node;
	struct power power;
	u64 dma_mask;
	void *data;
	void (*release)(struct device *d);
};

int register_device(struct device *d);
int register_chrdev(const char *name, const struct file_operations *ops);

#endif
