// SPDX-License-Identifier: GPL-2.0-or-later
/* The state in which a boot program enters a kernel (ePAPR 1.1, section 5.4). */

#include "runtime.h"

#define DEVICE_TREE_MAGIC	0xd00dfeed

int main(void)
{
	static const u8 registers[] = { 1, 3, 4, 5, 6, 7, 8, 9 };
	struct mas mas;
	u32 i;

	for (i = 0; i < sizeof(registers); i++)
		print("r%d %x\n", registers[i], entry_registers[registers[i] - 1]);
	print("device tree %s\n", *(u32 *)entry_registers[2] == DEVICE_TREE_MAGIC ? "there" : "missing");
	print("MSR %x\n", mfmsr());
	for (i = 0; i < (mfspr(TLB1CFG) & 0xfff); i++) {
		mas = tlbre(MAS0_TLB1 | i << MAS0_ESEL_SHIFT, 0);
		if (mas.mas1 & MAS1_VALID)
			print("TLB 1, entry %d: MAS1 %x MAS2 %x MAS3 %x MAS7 %x\n", i,
			      mas.mas1, mas.mas2, mas.mas3, mas.mas7);
	}
	print("PVR %x\n", mfspr(287));
	print("PIR %x\n", mfspr(286));
	return 0;
}
