// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <mini/device.h>

static struct super_block *super_blocks[8];
static struct hlist_head inode_hash[64];

int register_filesystem(const char *name, const struct super_operations *ops)
{
	return name && ops ? 0 : -22;
}

ssize_t vfs_read(struct file *f, char *buf, size_t n, loff_t *pos)
{
	return f->ops->read ? f->ops->read(f, buf, n, pos) : -22;
}

struct inode *find_inode(u64 ino)
{
	struct hlist_node *n = inode_hash[ino % 64].first;

	for (; n; n = n->next) {
		struct inode *i = container_of(n, struct inode, hash);

		if (i->ino == ino && i->sb != super_blocks[0])
			return i;
	}
	return NULL;
}

int register_chrdev(const char *name, const struct file_operations *ops)
{
	return name[0] && ops->open ? 0 : -22;
}
