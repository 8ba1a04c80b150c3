/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent and its host say to each other on a serial line.
 *
 * Everything is a frame, whose numbers are big-endian:
 *
 *	u32	length of the payload, at most AGENT_MAX_PAYLOAD
 *	u8	type
 *	...	payload
 *	u32	CRC-32 (IEEE 802.3) of all that comes before
 *
 * The agent greets when it starts, and answers each request in turn. Strings
 * within a payload end with a zero byte.
 */

#ifndef AGENT_PROTOCOL_H
#define AGENT_PROTOCOL_H

#define AGENT_VERSION		1
#define AGENT_MAX_PAYLOAD	16384

/* Requests of the host, with their payloads */
#define AGENT_REQUEST_RUN	1	/* string of each argument, program first */
#define AGENT_REQUEST_READ	2	/* u32 offset, u32 length, string path */
#define AGENT_REQUEST_WRITE	3	/* u32 offset (0 truncates), u32 mode, string path, data */
#define AGENT_REQUEST_INSMOD	4	/* string path, string parameters */
#define AGENT_REQUEST_RMMOD	5	/* string name */
#define AGENT_REQUEST_MOUNT	6	/* strings type, source, target, options */
#define AGENT_REQUEST_REBOOT	7	/* u32 command of reboot(2) */

/* What the agent says, with payloads */
#define AGENT_ANSWER_HELLO	128	/* u32 AGENT_VERSION */
#define AGENT_ANSWER_DONE	129
#define AGENT_ANSWER_ERROR	130	/* u32 errno */
#define AGENT_ANSWER_DATA	131	/* what was read; less than was asked for at the end */
#define AGENT_ANSWER_STDOUT	132	/* what the program has written; more follows */
#define AGENT_ANSWER_STDERR	133
#define AGENT_ANSWER_ENDED	134	/* u32 status of the program, as wait(2) has it */

#endif
