/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_SCHED_H
#define MINI_SCHED_H

#include <mini/types.h>

enum task_state {
	TASK_RUNNING,
	TASK_SLEEPING = 1,
	TASK_STOPPED = 4,
	TASK_DEAD = 0x80,
};

enum task_policy { POLICY_LAST = -1, POLICY_NORMAL, POLICY_FIFO, POLICY_IDLE = 5 };

struct mm;
struct files;
struct task;
struct runqueue;
struct cgroup;		/* never defined: a forward declaration in BTF */

struct sched_class {
	const char *name;
	void (*enqueue)(struct runqueue *rq, struct task *t, int flags);
	bool (*dequeue)(struct runqueue *rq, struct task *t, int flags);
	struct task *(*pick)(struct runqueue *rq);
	u64 (*slice)(const struct task *t);
};

struct sched_entity {
	struct rb_node node;
	u64 runtime;
	u64 vruntime;
	u32 weight:24;
	u32 on_rq:1;
	u32 delayed:1;
	enum task_policy policy:6;
};

struct task {
	volatile enum task_state state;
	int pid, tgid;
	unsigned int flags;
	unsigned int in_exec:1, in_io:1, no_wake:1;
	int exit_code;
	char comm[16];
	struct task *parent;
	struct list_head children, sibling;
	struct sched_entity se;
	const struct sched_class *class;
	struct mm *mm;
	struct files *files;
	struct cgroup *cgroup;
	spinlock_t lock;
	union {
		unsigned long utime;
		struct {
			u32 low, high;
		} split;
	};
	int (*exit_hook)(struct task *t, long code);
};

struct runqueue {
	spinlock_t lock;
	struct rb_root tree;
	struct task *curr, *idle;
	u64 clock;
	unsigned long nr_running;
	struct {
		u32 load[3];
		ktime_t updated;
	} average;
};

void wake_up(struct task *t);
struct task *find_task(int pid);

#endif
