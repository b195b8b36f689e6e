/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_MM_H
#define MINI_MM_H

#include <mini/types.h>

typedef struct {
	unsigned long pte;
} pte_t;

enum zone_type { ZONE_DMA, ZONE_NORMAL, ZONE_HIGH, NR_ZONES };

struct page {
	unsigned long flags;
	union {
		struct {
			struct list_head lru;
			struct address_space *mapping;
			unsigned long index;
		};
		struct {
			struct slab_cache *cache;
			void *freelist;
			u16 inuse;
			u16 objects:15, frozen:1;
		} slab;
		struct page *head;
	};
	atomic_t refs;
};

struct zone {
	unsigned long watermark[3];
	struct list_head free[NR_ZONES][4];
	spinlock_t lock;
	const char *name;
};

struct slab_cache {
	const char *name;
	size_t size, align;
	void (*ctor)(void *object);
	struct list_head partial;
	struct zone *zone;
};

struct vma {
	unsigned long start, end;
	struct mm *mm;
	struct rb_node rb;
	const struct vma_ops *ops;
};

struct vma_ops {
	void (*open)(struct vma *v);
	void (*close)(struct vma *v);
	int (*fault)(struct vma *v, unsigned long address, struct page **page);
};

struct mm {
	struct vma *vmas;
	struct rb_root root;
	pte_t *tables;
	atomic_t users;
};

void *kmalloc(size_t size);
void kfree(const void *p);

#endif
