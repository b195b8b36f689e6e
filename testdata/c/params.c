// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Parameters that are passed in registers and then move elsewhere.

long opaque(long value);

long stays(long a)
{
	return a + 1;
}

long moves(long a, long b, long c)
{
	long x = opaque(a);

	return x + opaque(b) + c;
}

long forgotten(long a, long b)
{
	opaque(a);
	opaque(b);
	return opaque(0);
}

long pointers(const char *a, void **b, unsigned int *c)
{
	*b = (void *)a;
	opaque((long)c);
	return *c;
}
