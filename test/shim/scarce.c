#include "test/shim/scarce.h"

#include "test/shim/test.h"

static struct {
	bool has_begun, is_on, has_failed;
	unsigned n;      /* the one that fails */
	unsigned n_seen; /* since the round began */
} scarce;

bool scarce_sweep(unsigned n)
{
	bool goes_on = n == 1 || scarce.has_failed;

	scarce_rest();
	scarce.has_failed = false;
	scarce.n = n;
	if (goes_on)
		test_context("allocation %u fails", n);
	else
		test_context(NULL);
	return goes_on;
}

void scarce_begin(void)
{
	scarce.n_seen = 0;
	scarce.has_begun = true;
}

void scarce_rest(void)
{
	scarce.has_begun = scarce.is_on = false;
}

void scarce_on(void)
{
	scarce.is_on = scarce.has_begun;
}

void scarce_off(void)
{
	scarce.is_on = false;
}

bool scarce_has_failed(void)
{
	return scarce.has_failed;
}

bool scarce_refuses(void)
{
	if (!scarce.is_on || ++scarce.n_seen != scarce.n)
		return false;
	scarce.has_failed = true;
	return true;
}
