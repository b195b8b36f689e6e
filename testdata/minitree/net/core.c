// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <mini/net.h>

static struct net_device *devices[8];
DEFINE_PER_CPU(struct net_device_stats, backlog);

int register_netdev(struct net_device *dev)
{
	devices[dev->ifindex & 7] = dev;
	return register_device(&dev->device);
}

int netif_rx(struct skb *skb)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;

	backlog.rx_packets++;
	skb->protocol = eth->proto;
	return skb->protocol == PROTO_IP ? 0 : 1;
}

int dev_xmit(struct skb *skb)
{
	return skb->dev->ops->xmit(skb, skb->dev);
}
