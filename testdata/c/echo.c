// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A second module for the btf-ko scripts.
#include "device.h"

struct echo {
	struct device *dev;
	char last[16];
};

char echo_last(const struct echo *e, unsigned int i)
{
	return e->last[i & 15];
}
