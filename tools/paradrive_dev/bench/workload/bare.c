// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The work on a bare ppce500: the result goes to the first UART, then the guts
 * reset the machine, which ends both emulators. start.S has mapped CCSR.
 */

#include "work.h"

#define CCSR		0xe0000000

#define UART_THR	(*(volatile unsigned char *)(CCSR + 0x4500))
#define UART_LSR	(*(volatile unsigned char *)(CCSR + 0x4505))
#define UART_LSR_THRE	0x20

#define GUTS_RSTCR	(*(volatile unsigned int *)(CCSR + 0xe00b0))
#define HRESET_REQ	0x2

void run(void)
{
	const char *p;

	for (p = work(ROUNDS); *p; p++) {
		while (!(UART_LSR & UART_LSR_THRE))
			;
		UART_THR = *p;
	}
	for (;;)
		GUTS_RSTCR = HRESET_REQ;
}
