// SPDX-License-Identifier: GPL-2.0-or-later
/* The second UART's receiver, with what it sends looped back: with FIFO and without, until it overruns. */

#include "runtime.h"

#define PORT		(UART + 0x100)
#define DATA		0
#define FCR		2
#define MCR		4
#define LSR		5
#define ENABLE_FIFO	0x01
#define LOOPBACK	0x10
#define RECEIVED	0x1f	/* the bits of LSR that tell of the receiver */

static u8 get(u32 reg)
{
	u8 value = *(volatile u8 *)(PORT + reg);

	asm volatile("mbar" ::: "memory");
	return value;
}

static void put(u32 reg, u8 value)
{
	*(volatile u8 *)(PORT + reg) = value;
	asm volatile("mbar" ::: "memory");
}

static void send(u32 count)
{
	u32 i;

	for (i = 1; i <= count; i++)
		put(DATA, i);
}

static void receive(u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		print("LSR %x", get(LSR) & RECEIVED);
		print(", received %d\n", get(DATA));
	}
	print("LSR %x at the end\n", get(LSR) & RECEIVED);
}

int main(void)
{
	put(MCR, LOOPBACK);
	print("without FIFO\n");
	send(1);
	receive(1);
	send(3);
	receive(1);
	print("with FIFO\n");
	put(FCR, ENABLE_FIFO);
	send(18);
	receive(16);
	return 0;
}
