// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A module with everything that BPF programs use of a module's BTF: a type that is defined
 * nowhere else, a function to attach to, and a kfunc. The program is testdata/bpf/attach.c.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/version.h>

struct kbtf_sample {
	struct list_head before[3]; /* the program declares only value: CO-RE has to relocate its offset */
	u64 value;
};

static struct kbtf_sample sample = { .value = 0x6b627466 };

noinline int kbtf_sample_push(struct kbtf_sample *sample, int more);
noinline int kbtf_sample_push(struct kbtf_sample *sample, int more)
{
	sample->value += more;
	return more;
}

/* Pushes the number that is written to the parameter. */
static int push(const char *text, const struct kernel_param *param)
{
	int more, err = kstrtoint(text, 0, &more);

	if (!err)
		kbtf_sample_push(&sample, more);
	return err;
}

static const struct kernel_param_ops push_ops = { .set = push };
module_param_cb(push, &push_ops, NULL, 0200);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
#include <linux/btf.h>
#include <linux/btf_ids.h>

/* Defined since 6.3 and 6.9. */
#ifndef __bpf_kfunc
#define __bpf_kfunc __used noinline
#endif
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START BTF_SET8_START
#define BTF_KFUNCS_END BTF_SET8_END
#endif

__bpf_kfunc u64 kbtf_sample_twice(u64 value);
__bpf_kfunc u64 kbtf_sample_twice(u64 value)
{
	return 2 * value;
}

BTF_KFUNCS_START(kbtf_sample_kfuncs)
BTF_ID_FLAGS(func, kbtf_sample_twice)
BTF_KFUNCS_END(kbtf_sample_kfuncs)

static const struct btf_kfunc_id_set kfuncs = {
	.owner = THIS_MODULE,
	.set = &kbtf_sample_kfuncs,
};

static int __init kbtf_sample_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &kfuncs);
}
module_init(kbtf_sample_init);
#else
static int __init kbtf_sample_init(void)
{
	return 0;
}
module_init(kbtf_sample_init);
#endif

static void __exit kbtf_sample_exit(void)
{
}
module_exit(kbtf_sample_exit);

MODULE_DESCRIPTION("Sample out-of-tree module of kbtf");
MODULE_LICENSE("GPL");
