// SPDX-License-Identifier: GPL-2.0-only
/* swap_on DEVICE: lets the kernel swap to the device, and hibernate to it */

int main(int argc, char **argv)
{
	return argc != 2 || __sysret(my_syscall2(__NR_swapon, argv[1], 0)) < 0;
}
