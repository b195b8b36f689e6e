// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <mini/fs.h>

static char arena[4096];
static size_t used;
struct zone zones[NR_ZONES];

struct slab_cache kmalloc_cache = { .name = "kmalloc", .size = 64, .align = 8 };

void *kmalloc(size_t size)
{
	void *p = arena + used;

	used += (size + 7) & ~7ul;
	if (kmalloc_cache.ctor)
		kmalloc_cache.ctor(p);
	return p;
}

void kfree(const void *p)
{
	(void)p;
}

int handle_fault(struct vma *v, unsigned long address, struct page **page)
{
	if (address < v->start || address >= v->end)
		return -14;
	return v->ops->fault(v, address, page);
}
