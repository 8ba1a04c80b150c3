// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What integer programs spend their time on: copying, checksums, sorting, hash
 * tables, formatting text, calls through pointers, 64-bit arithmetic.
 *
 * Functions are kept out of line so that calls and returns have their share.
 */

#include "library.h"
#include "work.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Where the data of each kind of work lies in the heap */
#define RANDOM		0x00000
#define COPY		0x10000
#define FILLED		0x20000
#define SORTED		0x40000
#define NODES		0x80000

#define BLOCK		0x10000
#define FILL		0x8000
#define COPIES		6
#define SORT_COUNT	(BLOCK / sizeof(s32))
#define BUCKETS		1024
#define INSERTS		8192
#define KEY_MASK	0x3fff
#define LOOKUPS		32768
#define LINES		2000
#define CALLS		100000
#define PRODUCTS	50000

static u8 heap[1 << 20] __attribute__((aligned(4096)));
static char text[4096];
static u32 crc_table[256];
static u32 checksum[7];

static u32 seed = 12345;

static inline u32 random24(void)
{
	seed = seed * 1103515245u + 12345u;
	return seed >> 8;
}

/* CRC-32 (IEEE 802.3) by table */

static NOINLINE void fill_crc_table(void)
{
	u32 i, crc;
	int bit;

	for (i = 0; i < ARRAY_SIZE(crc_table); i++) {
		crc = i;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
		crc_table[i] = crc;
	}
}

static NOINLINE u32 crc32(u32 crc, const u8 *data, u32 size)
{
	crc = ~crc;
	while (size--)
		crc = crc_table[(crc ^ *data++) & 255] ^ (crc >> 8);
	return ~crc;
}

/* Quicksort; recursion into the smaller part, the loop does the larger one */
static NOINLINE void sort(s32 *a, int low, int high)
{
	s32 pivot, swap;
	int i, j;

	while (low < high) {
		pivot = a[(low + high) >> 1];
		i = low;
		j = high;
		while (i <= j) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i <= j) {
				swap = a[i];
				a[i] = a[j];
				a[j] = swap;
				i++;
				j--;
			}
		}
		if (j - low < high - i) {
			sort(a, low, j);
			low = i;
		} else {
			sort(a, i, high);
			high = j;
		}
	}
}

/* A hash table with chains */

struct node {
	struct node *next;
	u32 key;
	u32 value;
	u16 hits;
	u8 flags;
};

static struct node *buckets[BUCKETS];
static u32 node_count;

static inline u32 hash(u32 key)
{
	return (key * 2654435761u) >> 22;
}

static NOINLINE struct node *lookup(u32 key)
{
	struct node *node = buckets[hash(key)];

	while (node && node->key != key)
		node = node->next;
	return node;
}

static NOINLINE void insert(u32 key, u32 value)
{
	struct node *node = (struct node *)(heap + NODES) + node_count++;
	u32 bucket = hash(key);

	node->key = key;
	node->value = value;
	node->hits = bucket;
	node->flags = value & 7;
	node->next = buckets[bucket];
	buckets[bucket] = node;
}

/* Calls through pointers, each to another few instructions */

typedef s32 (*function)(s32 a, s32 b);

static NOINLINE s32 add(s32 a, s32 b)
{
	return (u32)a + b;
}

static NOINLINE s32 subtract(s32 a, s32 b)
{
	return (u32)a - b;
}

static NOINLINE s32 multiply(s32 a, s32 b)
{
	return (u32)a * b;
}

static NOINLINE s32 shift(s32 a, s32 b)
{
	return a >> (b & 31);
}

static NOINLINE s32 leading_zeros(s32 a, s32 b)
{
	return b ? (u32)__builtin_clz(b) + a : (u32)(signed char)a;
}

static NOINLINE s32 halfword(s32 a, s32 b)
{
	return (u32)(short)(a ^ b) << 3;
}

static const function functions[] = { add, subtract, multiply, shift, leading_zeros, halfword };

static NOINLINE u64 mix(u64 a, u64 b)
{
	return a * b + (a >> 7) - (b << 3);
}

/* The rounds */

static void copy_and_check(void)
{
	u32 i;

	for (i = 0; i < BLOCK; i++)
		heap[RANDOM + i] = random24();
	for (i = 0; i < COPIES; i++) {
		memcpy(heap + COPY, heap + RANDOM, BLOCK);
		memset(heap + FILLED + i, i, FILL);
	}
	checksum[0] ^= crc32(0, heap + COPY, BLOCK);
	checksum[0] ^= crc32(checksum[0], heap + FILLED, BLOCK);
}

static void sort_numbers(void)
{
	s32 *numbers = (s32 *)(heap + SORTED);
	u32 i;

	for (i = 0; i < SORT_COUNT; i++)
		numbers[i] = i & 1 ? -random24() : random24();
	sort(numbers, 0, SORT_COUNT - 1);
	checksum[1] ^= crc32(1, (const u8 *)numbers, BLOCK);
}

static void hash_keys(void)
{
	struct node *node;
	u32 i, key;

	node_count = 0;
	memset(buckets, 0, sizeof(buckets));
	for (i = 0; i < INSERTS; i++) {
		key = random24() & KEY_MASK;
		node = lookup(key);
		if (node) {
			node->value += i;
			node->hits++;
			node->flags ^= key;
		} else {
			insert(key, i);
		}
	}
	for (i = 0; i < LOOKUPS; i++) {
		node = lookup(i);
		if (node)
			checksum[2] += node->value + node->hits + node->flags;
	}
}

static void format_lines(void)
{
	u32 arguments[6], i;
	int size;

	for (i = 0; i < LINES; i++) {
		arguments[0] = random24() - 8000000;
		arguments[1] = random24();
		arguments[2] = (u32)"hello, world";
		arguments[3] = i;
		arguments[4] = 'q';
		arguments[5] = random24();
		size = format(text, "[%5d] val=%08x name=%s #%u %c ptr=%p 100%% done\n", arguments);
		checksum[3] = checksum[3] * 31 + size + compare(text, "[-1000] val") +
			      crc32(i, (const u8 *)text, size);
	}
}

static void call_functions(u32 round)
{
	s32 value = round;
	u32 i;

	for (i = 0; i < CALLS; i++)
		value = functions[(i * 7 + (value & 3)) % ARRAY_SIZE(functions)](value, i);
	checksum[4] ^= value;
}

static void multiply_long(u32 round)
{
	u64 value = round + 1;
	u32 i;

	for (i = 0; i < PRODUCTS; i++)
		value = mix(value, 0x9e3779b97f4a7c15ull + i);
	checksum[5] ^= value;
	checksum[6] ^= value >> 32;
}

const char *work(unsigned int rounds)
{
	u32 round;

	fill_crc_table();
	for (round = 0; round < rounds; round++) {
		copy_and_check();
		sort_numbers();
		hash_keys();
		format_lines();
		call_functions(round);
		multiply_long(round);
	}
	format(text, "%08x %08x %08x %08x %08x %08x %08x\n", checksum);
	return text;
}
