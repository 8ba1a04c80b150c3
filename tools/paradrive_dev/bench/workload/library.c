// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of the work that is usually a C library's: memory, strings and
 * formatting.
 */

#include "library.h"

NOINLINE void *memcpy(void *to, const void *from, unsigned long size)
{
	const u8 *q = from;
	u8 *p = to;

	if (!(((u32)p | (u32)q) & 3)) {
		while (size >= 4) {
			*(u32 *)p = *(const u32 *)q;
			p += 4;
			q += 4;
			size -= 4;
		}
	}
	while (size--)
		*p++ = *q++;
	return to;
}

NOINLINE void *memset(void *to, int value, unsigned long size)
{
	u8 *p = to;

	while (size--)
		*p++ = value;
	return to;
}

static NOINLINE u32 length(const char *string)
{
	const char *p = string;

	while (*p)
		p++;
	return p - string;
}

NOINLINE int compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *(const u8 *)a - *(const u8 *)b;
}

static NOINLINE char *format_number(char *out, u32 value, u32 base, int is_signed, int width)
{
	char digits[16];
	int count = 0;
	u32 digit;

	if (is_signed && (s32)value < 0) {
		*out++ = '-';
		value = -value;
	}
	do {
		digit = value % base;
		digits[count++] = digit < 10 ? '0' + digit : 'a' + digit - 10;
		value /= base;
	} while (value);
	while (count < width)
		digits[count++] = '0';
	while (count)
		*out++ = digits[--count];
	return out;
}

NOINLINE int format(char *out, const char *template, const u32 *arguments)
{
	char *start = out;
	const char *string;
	int width;
	u32 size;

	for (; *template; template++) {
		if (*template != '%') {
			*out++ = *template;
			continue;
		}
		width = 0;
		template++;
		while (*template >= '0' && *template <= '9')
			width = width * 10 + *template++ - '0';
		switch (*template) {
		case 'd':
			out = format_number(out, *arguments++, 10, 1, width);
			break;
		case 'u':
			out = format_number(out, *arguments++, 10, 0, width);
			break;
		case 'x':
			out = format_number(out, *arguments++, 16, 0, width);
			break;
		case 'p':
			*out++ = '0';
			*out++ = 'x';
			out = format_number(out, *arguments++, 16, 0, 8);
			break;
		case 's':
			string = (const char *)*arguments++;
			size = length(string);
			memcpy(out, string, size);
			out += size;
			break;
		case 'c':
			*out++ = *arguments++;
			break;
		case '%':
			*out++ = '%';
			break;
		default:
			*out++ = '?';
		}
	}
	*out = 0;
	return out - start;
}
