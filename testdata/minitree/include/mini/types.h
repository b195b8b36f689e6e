/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_TYPES_H
#define MINI_TYPES_H

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;
typedef _Bool bool;
typedef unsigned long size_t;
typedef long ssize_t;
typedef long long loff_t;
typedef u32 umode_t;
typedef u64 ktime_t;

#define NULL ((void *)0)
#define true 1
#define false 0
#define __percpu_section __attribute__((section(".data..percpu")))
#define DEFINE_PER_CPU(type, name) __percpu_section __typeof__(type) name
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - __builtin_offsetof(type, member)))

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct spinlock {
	union {
		u32 value;
		struct {
			u8 locked;
			u8 pending;
			u16 tail;
		};
	};
} spinlock_t;

struct rb_node {
	unsigned long parent_color;
	struct rb_node *right;
	struct rb_node *left;
} __attribute__((aligned(sizeof(long))));

struct rb_root {
	struct rb_node *node;
};

struct kref {
	atomic_t refcount;
};

static inline void list_init(struct list_head *l)
{
	l->next = l->prev = l;
}

static inline void list_add(struct list_head *item, struct list_head *head)
{
	item->next = head->next;
	item->prev = head;
	head->next->prev = item;
	head->next = item;
}

#endif
