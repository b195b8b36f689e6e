// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <mini/module.h>
#include <mini/net.h>
#include <generated/autoconf.h>

static struct list_head modules;
u64 jiffies;
DEFINE_PER_CPU(u32, cpu_number);

int printk(const char *format, ...)
{
	return format[0] != 0;
}

int load_module(struct module *mod)
{
	list_add(&mod->list, &modules);
	mod->state = MODULE_LIVE;
	return mod->init ? mod->init() : 0;
}

void start_kernel(void)
{
	list_init(&modules);
	printk("starting\n");
	for (;;)
		jiffies++;
}
