/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FAULTY_DISK_H
#define AITHER_TESTS_FAULTY_DISK_H

/*
 * Takes the place of the C library's calls that change a disk, at link time: write, renameat, unlinkat,
 * fsync, fdatasync and syncfs. Each is a point at which the disk may fail or the process may die.
 *
 *	faulty_disk_arm(FAULTY_DISK_FULL, 7);	from the seventh such call on
 *	...
 *	faulty_disk_arm(FAULTY_DISK_NONE, 0);
 *
 * Nothing waits for a real disk: what survives a power cut cannot be seen from here anyway.
 */

enum faulty_disk {
	FAULTY_DISK_NONE,
	FAULTY_DISK_ONCE, /* that one call fails (EIO) */
	FAULTY_DISK_FULL, /* that call and every later one that needs room fail (ENOSPC), write after half of
			     it */
	FAULTY_DISK_DIES, /* the process ends as by kill -9, before the call */
};

void faulty_disk_arm(enum faulty_disk fault, unsigned call);

#endif
