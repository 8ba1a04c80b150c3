// SPDX-License-Identifier: GPL-2.0-or-later
/* The interrupt controller's registers after a reset, and which of their bits can be written. */

#include "mpic.h"

static const struct {
	const char *name;
	u32 offset;
} registers[] = {
	{ "BRR1", MPIC_BRR1 }, { "FRR", MPIC_FRR }, { "GCR", MPIC_GCR }, { "VIR", MPIC_VIR },
	{ "IPIVPR0", MPIC_IPIVPR(0) }, { "IPIVPR3", MPIC_IPIVPR(3) }, { "SVR", MPIC_SVR },
	{ "GTBCR0", MPIC_GTBCR(0) }, { "GTVPR0", MPIC_GTVPR(0) }, { "GTDR0", MPIC_GTDR(0) },
	{ "IVPR of an external source", MPIC_IVPR(0) }, { "IDR of an external source", MPIC_IDR(0) },
	{ "IVPR of an internal source", MPIC_IVPR(16) }, { "IDR of an internal source", MPIC_IDR(16) },
	{ "IVPR of the UARTs", MPIC_IVPR(UART_SOURCE) },
	{ "CTPR", MPIC_CTPR }, { "WHOAMI", MPIC_WHOAMI },
	{ "CTPR of this CPU", 0x80 }, { "WHOAMI of this CPU", 0x90 },
	{ "hole", 0x1400 }, { "EOI", MPIC_EOI },
};

static void print_all(const char *what)
{
	u32 i;

	print("%s\n", what);
	for (i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		print(" %s %x\n", registers[i].name, mpic_read(registers[i].offset));
}

int main(void)
{
	static const u32 written[] = {
		MPIC_IPIVPR(0), MPIC_IPIVPR(3), MPIC_SVR, MPIC_GTVPR(0), MPIC_GTDR(0), MPIC_IVPR(0),
		MPIC_IDR(0), MPIC_IVPR(16), MPIC_IDR(16), MPIC_IVPR(UART_SOURCE), MPIC_CTPR, MPIC_FRR,
		MPIC_VIR, MPIC_WHOAMI, MPIC_BRR1,
	};
	u32 i;

	print_all("as found");
	mpic_write(MPIC_GCR, GCR_RESET);
	print_all("after reset");
	for (i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		mpic_write(written[i], 0xffffffff);
	print_all("ones written");
	for (i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		mpic_write(written[i], 0);
	print_all("zeros written");
	mpic_write(MPIC_GCR, GCR_PROXY);
	print("GCR %x\n", mpic_read(MPIC_GCR));
	mpic_write(MPIC_GCR, GCR_MIXED);
	print("GCR %x\n", mpic_read(MPIC_GCR));
	mpic_write(MPIC_GCR, GCR_RESET);
	print_all("reset again");
	return 0;
}
