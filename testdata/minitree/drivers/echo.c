// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A character device: few types of its own, many of the kernel.
#include <mini/device.h>
#include <mini/module.h>

struct echo {
	struct device device;
	char buffer[256];
	size_t filled;
	bool full:1;
};

static struct echo echo;

static ssize_t echo_read(struct file *f, char *buf, size_t n, loff_t *pos)
{
	struct echo *e = f->private;

	if (n > e->filled)
		n = e->filled;
	for (size_t i = 0; i < n; i++)
		buf[i] = e->buffer[i];
	*pos += n;
	return n;
}

static ssize_t echo_write(struct file *f, const char *buf, size_t n, loff_t *pos)
{
	struct echo *e = f->private;

	for (e->filled = 0; e->filled < n && e->filled < sizeof(e->buffer); e->filled++)
		e->buffer[e->filled] = buf[e->filled];
	e->full = e->filled == sizeof(e->buffer);
	return e->filled;
}

static int echo_open(struct inode *i, struct file *f)
{
	f->private = &echo;
	return i->private == NULL;
}

static const struct file_operations echo_fops = {
	.read = echo_read,
	.write = echo_write,
	.open = echo_open,
};

static int echo_init(void)
{
	return register_device(&echo.device) ?: register_chrdev("echo", &echo_fops);
}

module_init(echo_init);
