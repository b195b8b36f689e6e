// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * BPF programs that attach to functions of modules and read fields of types that only the
 * modules define. The results are stored in variables, which init checks.
 */
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))

static long (*bpf_probe_read_kernel)(void *to, unsigned int size, const void *from) = (void *)113;

/* From kbtf_sample (testdata/kmod): only one field, at another offset than there. */
struct kbtf_sample {
	u64 value;
} CORE;

extern u64 kbtf_sample_twice(u64 value) SEC(".ksyms");

volatile u64 pushes, sample_value, sample_more, sample_twice;

SEC("fentry/kbtf_sample_push")
int push(u64 *args)
{
	struct kbtf_sample *sample = (void *)args[0];

	pushes++;
	sample_value = sample->value;
	sample_more = (unsigned int)args[1];
	return 0;
}

SEC("fexit/kbtf_sample_push")
int pushed(u64 *args)
{
	sample_twice = kbtf_sample_twice(args[2]);
	return 0;
}

/* From tun, an in-tree module. */
struct file {
	void *private_data;
} CORE;

struct socket {
	struct file *file;
} CORE;

struct tun_file {
	struct socket socket;
} CORE;

volatile u64 opens, tun_file, tun_socket_file;

SEC("fexit/tun_chr_open")
int opened(u64 *args)
{
	struct file *file = (void *)args[1];
	struct tun_file *tun = file->private_data;

	opens++;
	tun_file = (u64)file;
	bpf_probe_read_kernel((void *)&tun_socket_file, sizeof(tun_socket_file), &tun->socket.file);
	return 0;
}

/*
 * From nf_conntrack, an in-tree module: what the first function returns may be NULL, and has to be
 * released. The program loads only if both are registered with these flags.
 */
struct xdp_md {
	unsigned int data;
};

struct bpf_sock_tuple {
	unsigned int source, destination;
	unsigned short ports[2];
};

struct bpf_ct_opts {
	int netns_id;
	int error;
	unsigned char l4proto, dir, reserved[2];
};

struct nf_conn {
	unsigned long status;
};

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *context, struct bpf_sock_tuple *tuple, unsigned int tuple_size,
					 struct bpf_ct_opts *opts, unsigned int opts_size) SEC(".ksyms");
extern void bpf_ct_release(struct nf_conn *ct) SEC(".ksyms");

volatile u64 ct_error;

SEC("xdp")
int look_up(struct xdp_md *context)
{
	struct bpf_sock_tuple tuple = { .source = 1, .destination = 2 };
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = 6 };
	struct nf_conn *ct = bpf_xdp_ct_lookup(context, &tuple, sizeof(tuple), &opts, sizeof(opts));

	if (ct)
		bpf_ct_release(ct);
	ct_error = -opts.error;
	return 2;
}

char licensed[] SEC("license") = "GPL";
