/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_MODULE_H
#define MINI_MODULE_H

#include <mini/types.h>

enum module_state { MODULE_LIVE, MODULE_COMING, MODULE_GOING };

struct module {
	enum module_state state;
	struct list_head list;
	char name[56];
	int (*init)(void);
	void (*exit)(void);
};

#define module_init(fn) int init_module(void) __attribute__((alias(#fn)))
#define module_exit(fn) void cleanup_module(void) __attribute__((alias(#fn)))

int printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
