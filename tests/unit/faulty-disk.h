/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FAULTY_DISK_H
#define AITHER_TESTS_FAULTY_DISK_H

/*
 * Replaces, at link time, the C library's calls that change a disk: write, renameat, unlinkat, fsync,
 * fdatasync and syncfs. Each is a point at which the disk may fail or the process may die.
 *
 *	faulty_disk_arm(FAULTY_DISK_FULL, 7);	from the seventh such call on
 *	...
 *	faulty_disk_arm(FAULTY_DISK_NONE, 0);
 *
 * No call waits for a real disk: a test could not observe the effects of a power failure anyway.
 */

enum faulty_disk {
	FAULTY_DISK_NONE,
	FAULTY_DISK_ONCE, /* this one call fails (EIO) */
	FAULTY_DISK_FULL, /* this call and every later one that needs space fail (ENOSPC) */
	FAULTY_DISK_DIES, /* the process ends as by kill -9, before the call */
};

void faulty_disk_arm(enum faulty_disk fault, unsigned call);

#endif
