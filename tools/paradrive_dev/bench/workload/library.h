/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIBRARY_H
#define LIBRARY_H

#define NOINLINE	__attribute__((noinline))

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

/* As the C standard has them */
void *memcpy(void *to, const void *from, unsigned long size);
void *memset(void *to, int value, unsigned long size);

/* strcmp */
int compare(const char *a, const char *b);

/*
 * sprintf with %d %u %x %p %s %c %% and widths, the arguments as words; numbers
 * are filled up with zeros.
 */
int format(char *out, const char *template, const u32 *arguments);

#endif
