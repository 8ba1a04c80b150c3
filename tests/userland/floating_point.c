// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hard-float program for glibc: what it prints depends on every bit of its
 * results, on the exceptions that they raise, and on the registers that
 * longjmp and signal handlers keep.
 */

#include <fenv.h>
#include <float.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char * const numbers[] = {
	"0.1", "1e23", "9007199254740993", "2.2250738585072011e-308", "4.9e-324",
	"1.7976931348623157e308", "123456789.123456789", "-0", "inf", "nan",
};

static __attribute__((noinline)) double square_root(double square)
{
	double root = square > 1 ? square : 1;
	int step;

	for (step = 0; step < 64; step++)
		root = 0.5 * (root + square / root);
	return root;
}

static void print_conversions(void)
{
	size_t number;

	for (number = 0; number < sizeof(numbers) / sizeof(*numbers); number++) {
		double wide = strtod(numbers[number], NULL);
		float narrow = wide;

		printf("%s = %.17g, as float %.9g\n", numbers[number], wide, (double)narrow);
	}
	printf("integers: %d %d %.17g\n", (int)-2.75, (int)2147483646.9, (double)4294967295u);
}

static void print_roots(void)
{
	int square;

	for (square = 2; square < 8; square++)
		printf("square root of %d: %.17g\n", square, square_root(square));
}

static void print_fused(void)
{
	double root = square_root(2);

	printf("fused: %.17g\n", __builtin_fma(root, root, -2));
}

static void print_rounding(void)
{
	static const int modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD };
	volatile double one = 1, three = 3;
	size_t mode;

	for (mode = 0; mode < 4; mode++) {
		fesetround(modes[mode]);
		printf("1/3 -1/3 = %a %a\n", one / three, -one / three);
	}
	fesetround(FE_TONEAREST);
}

static void print_exceptions(void)
{
	volatile double zero = 0, huge = DBL_MAX, tiny = DBL_MIN, result;

	feclearexcept(FE_ALL_EXCEPT);
	result = 1 / zero;
	printf("1/0 = %g raises %#x\n", result, fetestexcept(FE_ALL_EXCEPT));
	feclearexcept(FE_ALL_EXCEPT);
	result = huge * 2;
	printf("overflow: %g raises %#x\n", result, fetestexcept(FE_ALL_EXCEPT));
	feclearexcept(FE_ALL_EXCEPT);
	result = tiny / 3;
	printf("underflow: %a raises %#x\n", result, fetestexcept(FE_ALL_EXCEPT));
	feclearexcept(FE_ALL_EXCEPT);
	result = zero / zero;
	printf("0/0 is a NaN: %d, raises %#x\n", result != result, fetestexcept(FE_INVALID));
}

static void print_what_longjmp_keeps(void)
{
	static jmp_buf back;
	register double kept = square_root(2);

	if (!setjmp(back)) {
		printf("before longjmp: %.17g\n", square_root(3));
		longjmp(back, 1);
	}
	printf("after longjmp: %.17g\n", kept);
}

static volatile double seen_by_handler;

static void handler(int signal)
{
	seen_by_handler = square_root(signal);
}

static void print_what_signals_keep(void)
{
	register double kept = square_root(5);

	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("after a signal: %.17g, in its handler: %.17g\n", kept, seen_by_handler);
}

int main(void)
{
	print_conversions();
	print_roots();
	print_fused();
	print_rounding();
	print_exceptions();
	print_what_longjmp_keeps();
	print_what_signals_keep();
	return 42;
}
