// SPDX-License-Identifier: GPL-2.0-only
/* Fails at whatever it is asked for */

int main(void)
{
	return 1;
}
