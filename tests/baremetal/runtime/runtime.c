// SPDX-License-Identifier: GPL-2.0-or-later
/* Output, and interrupts as the programs see them. */

#include <stdarg.h>
#include "runtime.h"

#define UART_THR	(*(volatile u8 *)UART)
#define UART_LSR	(*(volatile u8 *)(UART + 5))
#define UART_LSR_THRE	0x20
#define HRESET_REQ	0x2

static void put_character(char c)
{
	while (!(UART_LSR & UART_LSR_THRE))
		;
	UART_THR = c;
}

static void put_number(u32 value, u32 base, int digits)
{
	char text[12];
	int length = 0;

	do {
		text[length++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || length < digits);
	while (length)
		put_character(text[--length]);
}

void print(const char *format, ...)
{
	const char *text;
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%') {
			put_character(*format);
			continue;
		}
		switch (*++format) {
		case 's':
			for (text = va_arg(arguments, const char *); *text; text++)
				put_character(*text);
			break;
		case 'd':
			put_number(va_arg(arguments, u32), 10, 1);
			break;
		default:
			put_number(va_arg(arguments, u32), 16, 8);
		}
	}
	va_end(arguments);
}

void finish(void)
{
	for (;;)
		write32(RSTCR, HRESET_REQ);
}

#define EVENTS	64

struct event {
	u32 vector, pc, msr, esr, dear;
};

extern u32 stack_of_call;
extern char return_from_call[];

void (*handlers[VECTOR_NUMBERS])(struct frame *);

static struct event events[EVENTS];
static u32 event_count;

enum {
	DATA_STORAGE = 2, INSTRUCTION_STORAGE = 3, ALIGNMENT = 5, PROGRAM = 6, SYSTEM_CALL = 8,
	DATA_TLB = 13, INSTRUCTION_TLB = 14,
};

static void record(const struct frame *frame)
{
	struct event *event = &events[event_count];

	if (event_count == EVENTS) {
		print("too many interrupts: vector %d at %x\n", frame->vector, frame->pc);
		finish();
	}
	event_count++;
	event->vector = frame->vector;
	event->pc = frame->pc;
	event->msr = frame->msr;
	event->esr = mfspr(ESR);
	event->dear = mfspr(DEAR);
}

void interrupt(struct frame *frame)
{
	if (frame->vector == SYSTEM_CALL && stack_of_call) {
		frame->pc = (u32)return_from_call;
		frame->msr = 0;
		return;
	}
	if (handlers[frame->vector]) {
		handlers[frame->vector](frame);
		return;
	}
	record(frame);
	switch (frame->vector) {
	case INSTRUCTION_STORAGE:
	case INSTRUCTION_TLB:
		frame->pc = frame->lr;
		break;
	case DATA_STORAGE:
	case ALIGNMENT:
	case PROGRAM:
	case DATA_TLB:
	case 7:
	case 9:
	case 32:
		frame->pc += 4;
		break;
	}
}

static void print_event(const struct event *event, int with_return)
{
	u32 msr = event->msr;

	/* A program interrupt of QEMU sets bits in SRR1 that the manual does not have */
	if (event->vector == PROGRAM)
		msr &= 0xffff;
	print(" [IVOR%d", event->vector);
	if (with_return)
		print(" pc %x msr %x", event->pc, msr);
	switch (event->vector) {
	case DATA_STORAGE:
	case ALIGNMENT:
	case DATA_TLB:
		print(" dear %x", event->dear);
		/* fall through */
	case PROGRAM:
	case INSTRUCTION_STORAGE:
		print(" esr %x", event->esr);
	}
	print("]");
}

static void print_events(const char *what, int with_return)
{
	u32 i;

	print("%s:", what);
	for (i = 0; i < event_count; i++)
		print_event(&events[i], with_return);
	print(event_count ? "\n" : " none\n");
	event_count = 0;
}

void print_interrupts(const char *what)
{
	print_events(what, 1);
}

void print_causes(const char *what)
{
	print_events(what, 0);
}

void print_vectors(const char *what)
{
	u32 i;

	print("%s:", what);
	for (i = 0; i < event_count; i++)
		print(" %d", events[i].vector);
	print(event_count ? "\n" : " none\n");
	event_count = 0;
}

u32 probe_load(u32 address, u32 unused)
{
	u32 value = 0xdeadbeef;

	asm volatile("lwz %0, 0(%1)" : "+r"(value) : "b"(address) : "memory");
	return value;
}

u32 probe_store(u32 address, u32 value)
{
	asm volatile("stw %0, 0(%1)" :: "r"(value), "b"(address) : "memory");
	return value;
}

u32 probe_execute(u32 address, u32 unused)
{
	return ((u32 (*)(void))address)();
}
