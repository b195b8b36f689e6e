// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <mini/fs.h>

DEFINE_PER_CPU(struct runqueue, runqueues);
DEFINE_PER_CPU(struct task *, current_task);

static struct task *tasks[16];

static void fair_enqueue(struct runqueue *rq, struct task *t, int flags)
{
	rq->nr_running++;
	t->se.on_rq = 1;
	if (!(flags & 1))
		rq->curr = t;
}

static bool fair_dequeue(struct runqueue *rq, struct task *t, int flags)
{
	rq->nr_running--;
	t->se.on_rq = 0;
	return flags != 0;
}

static struct task *fair_pick(struct runqueue *rq)
{
	struct rb_node *n = rq->tree.node;

	return n ? container_of(n, struct task, se.node) : rq->idle;
}

const struct sched_class fair_class = {
	.name = "fair",
	.enqueue = fair_enqueue,
	.dequeue = fair_dequeue,
	.pick = fair_pick,
};

void wake_up(struct task *t)
{
	t->state = TASK_RUNNING;
	t->class->enqueue(&runqueues, t, 0);
}

struct task *find_task(int pid)
{
	for (int i = 0; i < 16; i++)
		if (tasks[i] && tasks[i]->pid == pid)
			return tasks[i];
	return NULL;
}
