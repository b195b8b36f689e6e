// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Two network devices back to back: bit-fields and per-CPU counters.
#include <mini/module.h>
#include <mini/net.h>

struct pair_stats {
	u64 packets, bytes;
	u32 errors:20, overruns:12;
};

struct pair {
	struct net_device *peer;
	atomic64_t dropped;
	u32 features;
	struct pair_header {
		u16 version:4, kind:4, hops:8;
		u16 length;
	} template;
};

static DEFINE_PER_CPU(struct pair_stats, pair_stats);
static struct net_device ends[2];

static int pair_xmit(struct skb *skb, struct net_device *dev)
{
	struct pair *p = dev->private;

	skb->dev = p->peer;
	pair_stats.packets++;
	pair_stats.bytes += skb->len;
	if (!skb->len)
		pair_stats.errors++;
	return netif_rx(skb);
}

static void pair_get_stats(struct net_device *dev, struct net_device_stats *s)
{
	s->rx_packets = pair_stats.packets;
	s->dropped = ((struct pair *)dev->private)->dropped.counter;
}

static const struct net_device_ops pair_ops = { .xmit = pair_xmit, .get_stats = pair_get_stats };

static int pair_init(void)
{
	for (int i = 0; i < 2; i++) {
		ends[i].ops = &pair_ops;
		ends[i].private = kmalloc(sizeof(struct pair));
		((struct pair *)ends[i].private)->peer = &ends[!i];
		register_netdev(&ends[i]);
	}
	return 0;
}

module_init(pair_init);
