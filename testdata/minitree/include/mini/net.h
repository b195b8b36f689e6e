/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MINI_NET_H
#define MINI_NET_H

#include <mini/device.h>

enum { PROTO_IP = 0x800, PROTO_ARP = 0x806, PROTO_IPV6 = 0x86dd };

struct ethhdr {
	u8 dest[6], source[6];
	u16 proto;
} __attribute__((packed));

struct skb {
	struct skb *next, *prev;
	struct net_device *dev;
	u8 *head, *data;
	u32 len, data_len;
	u16 protocol;
	u8 pkt_type:3, ip_summed:2, cloned:1, nohdr:1;
	u8 queue;
	union {
		u32 mark;
		u32 hash;
	};
	void (*destructor)(struct skb *skb);
	char cb[48] __attribute__((aligned(8)));
};

struct net_device_stats {
	u64 rx_packets, tx_packets, rx_bytes, tx_bytes, dropped;
};

struct net_device_ops {
	int (*open)(struct net_device *dev);
	int (*stop)(struct net_device *dev);
	int (*xmit)(struct skb *skb, struct net_device *dev);
	void (*get_stats)(struct net_device *dev, struct net_device_stats *s);
};

struct net_device {
	char name[16];
	struct device device;
	unsigned int ifindex, mtu, flags;
	const struct net_device_ops *ops;
	struct net_device_stats stats;
	u8 address[8];
	struct skb *queues[2][4];
	void *private;
};

int register_netdev(struct net_device *dev);
int netif_rx(struct skb *skb);

#endif
