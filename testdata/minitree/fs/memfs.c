// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A file system: structs that embed those of the kernel.
#include <mini/fs.h>
#include <mini/module.h>

enum memfs_kind { MEMFS_FILE = 'f', MEMFS_DIR = 'd', MEMFS_LINK = 'l' };

struct memfs_dirent {
	struct hlist_node hash;
	struct memfs_inode *inode;
	u8 length;
	char name[];
};

struct memfs_inode {
	struct inode vfs;
	enum memfs_kind kind;
	union {
		struct page *pages[12];
		struct hlist_head entries[12];
		char target[96];
	} u;
};

struct memfs_options {
	umode_t mode;
	u64 limit;
	unsigned int quota:1, noswap:1;
};

static struct memfs_options defaults = { .mode = 0755, .limit = 1 << 20 };

static struct inode *memfs_alloc(struct super_block *sb)
{
	struct memfs_inode *i = kmalloc(sizeof(*i));

	i->vfs.sb = sb;
	i->vfs.mode = defaults.mode;
	i->kind = MEMFS_FILE;
	return &i->vfs;
}

static void memfs_destroy(struct inode *i)
{
	kfree(container_of(i, struct memfs_inode, vfs));
}

static struct inode *memfs_lookup(struct inode *dir, const char *name)
{
	struct memfs_inode *d = container_of(dir, struct memfs_inode, vfs);
	struct hlist_node *n = d->u.entries[name[0] % 12].first;

	return n ? &container_of(n, struct memfs_dirent, hash)->inode->vfs : NULL;
}

const struct inode_operations memfs_dir_ops = { .lookup = memfs_lookup };
static const struct super_operations memfs_ops = {
	.alloc_inode = memfs_alloc,
	.destroy_inode = memfs_destroy,
};

static int memfs_init(void)
{
	return register_filesystem("memfs", &memfs_ops);
}

module_init(memfs_init);
