/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WORK_H
#define WORK_H

/*
 * Do all the work "rounds" times; return the checksums, one line of text that
 * ends with a newline.
 */
const char *work(unsigned int rounds);

#endif
