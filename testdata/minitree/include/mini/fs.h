/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_FS_H
#define MINI_FS_H

#include <mini/mm.h>
#include <mini/sched.h>

struct inode;
struct file;
struct super_block;

struct timespec {
	s64 sec;
	long nsec;
};

struct file_operations {
	struct module *owner;
	loff_t (*llseek)(struct file *f, loff_t offset, int whence);
	ssize_t (*read)(struct file *f, char *buf, size_t n, loff_t *pos);
	ssize_t (*write)(struct file *f, const char *buf, size_t n, loff_t *pos);
	int (*mmap)(struct file *f, struct vma *v);
	int (*open)(struct inode *i, struct file *f);
	int (*release)(struct inode *i, struct file *f);
	long (*ioctl)(struct file *f, unsigned int cmd, unsigned long arg);
};

struct address_space {
	struct inode *host;
	struct rb_root pages;
	unsigned long nrpages;
	int (*writepage)(struct page *page, void *control);
};

struct inode {
	umode_t mode;
	u32 uid, gid;
	u64 ino;
	loff_t size;
	struct timespec atime, mtime, ctime;
	struct super_block *sb;
	struct address_space *mapping;
	struct address_space data;
	const struct inode_operations *ops;
	const struct file_operations *fops;
	struct hlist_node hash;
	union {
		struct list_head devices;
		char *link;
		unsigned int dir_seq;
	};
	void *private;
};

struct inode_operations {
	struct inode *(*lookup)(struct inode *dir, const char *name);
	int (*create)(struct inode *dir, const char *name, umode_t mode);
	int (*unlink)(struct inode *dir, const char *name);
	int (*rename)(struct inode *from, const char *old, struct inode *to, const char *new);
};

struct file {
	struct inode *inode;
	const struct file_operations *ops;
	loff_t pos;
	unsigned int mode:4, flags:12, :0;
	struct task *owner;
	void *private;
};

struct super_block {
	struct list_head list;
	u32 blocksize;
	u8 blocksize_bits;
	bool readonly;
	const struct super_operations *ops;
	struct inode *root;
	char id[32];
};

struct super_operations {
	struct inode *(*alloc_inode)(struct super_block *sb);
	void (*destroy_inode)(struct inode *i);
	int (*sync)(struct super_block *sb, bool wait);
};

struct files {
	atomic_t count;
	struct file *fd[64];
};

int register_filesystem(const char *name, const struct super_operations *ops);

#endif
