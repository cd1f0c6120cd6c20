/* SPDX-License-Identifier: MIT */

/*
 * For LD_PRELOAD into any of the programs: makes one call of the C library fail as the operating system
 * might.
 *
 * A call is identified by its site: the function and the way to it, that is, the return addresses on the
 * stack. So "the read of the configuration" and "the read of a page" are two sites, though file.c contains
 * a single read. Calls of the libraries that the program uses (libh2o, libcurl, libsystemd, OpenSSL) are
 * sites like its own. Calls before main() are not, nor are calls inside a function of the C library (fopen
 * is a site, its openat is not).
 *
 * The test and the process share a file that AITHER_FAULTPOINT names; faultpoint.py describes it, too.
 * There the test reads how often each site was met, and sets the fault of the next call at one site, or of
 * all calls.
 */

#define _GNU_SOURCE
/* Otherwise the headers define some of these functions themselves. */
#undef _FORTIFY_SOURCE

#include "faultpoint.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAULT_SITES_MAX 4096
#define FAULT_FRAMES_MAX 32
#define FAULT_TEXT_SIZE 1000

enum fault_action {
	FAULT_NOTHING,
	FAULT_FAIL,  /* once, at the armed site, without making the call */
	FAULT_ONE,   /* once, at the armed site: transfers one byte */
	FAULT_END,   /* once, at the armed site: nothing more to read */
	FAULT_ONES,  /* every call that transfers bytes transfers one */
	FAULT_TWICE, /* every call that a signal may interrupt is interrupted before it has an effect */
};

struct fault_site {
	_Atomic uint64_t key; /* 0: free */
	_Atomic uint32_t count;
	_Atomic uint32_t is_named;
	char text[FAULT_TEXT_SIZE]; /* "read aither-web+0x1234 libc.so.6+0x99" */
};

struct fault_control { /* the shared file */
	_Atomic uint64_t key;
	_Atomic uint32_t action, errnum, fired, lost;
	struct fault_site sites[FAULT_SITES_MAX];
};

static struct fault_control *fault_control;
static atomic_bool fault_began; /* main() has begun: calls of libraries before it are not the program's */
static __thread bool fault_is_inside; /* this library's own calls are not sites */

static void fault_open(void)
{
	const char *path = getenv("AITHER_FAULTPOINT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	if (fd >= 0)
		memory = mmap(NULL, sizeof(*fault_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		abort(); /* a test that tests nothing must not pass */
	close(fd);
	fault_control = memory;
}

/* The first call loads the library for stack traces. */
__attribute__((constructor)) static void fault_begin(void)
{
	void *frame;

	if (strncmp(program_invocation_short_name, "aither", strlen("aither")) != 0)
		return; /* a shell that starts the program, or a child of the program */
	fault_open();
	backtrace(&frame, 1);
}

typedef int fault_main(int argc, char **argv, char **environment);
typedef int fault_start(fault_main *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*ld_fini)(void), void *stack_end);

int __libc_start_main(fault_main *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*ld_fini)(void), void *stack_end);

int __libc_start_main(fault_main *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*ld_fini)(void), void *stack_end)
{
	fault_start *next = (fault_start *)dlsym(RTLD_NEXT, "__libc_start_main");

	atomic_store(&fault_began, true);
	return next(main, argc, argv, init, fini, ld_fini, stack_end);
}

/* ---- sites ---- */

struct fault_way {
	const char *function;
	int count;
	void *frames[FAULT_FRAMES_MAX];
	uint64_t key;
};

/* Addresses differ from process to process; offsets in a file do not. */
static uintptr_t fault_place(void *frame, const char **ret_file)
{
	Dl_info info;

	*ret_file = "?";
	if (!dladdr(frame, &info) || !info.dli_fname)
		return 0;
	const char *slash = strrchr(info.dli_fname, '/');
	*ret_file = slash ? slash + 1 : info.dli_fname;
	return (uintptr_t)frame - (uintptr_t)info.dli_fbase;
}

static uint64_t fault_mix(uint64_t key, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		key = (key ^ ((const unsigned char *)bytes)[i]) * 1099511628211u; /* FNV-1a */
	return key;
}

/* Begins with the caller of the wrapped function. */
static void fault_find_way(struct fault_way *way, const char *function, const void *caller)
{
	void *frames[FAULT_FRAMES_MAX];
	int count = backtrace(frames, FAULT_FRAMES_MAX), first = 0;

	while (first < count && frames[first] != caller)
		first++;
	if (first == count)
		first = 0;
	way->function = function;
	way->count = count - first;
	memcpy(way->frames, frames + first, (size_t)way->count * sizeof(frames[0]));
	way->key = fault_mix(14695981039346656037u, function, strlen(function));
	for (int i = 0; i < way->count; i++) {
		const char *file;
		uintptr_t place = fault_place(way->frames[i], &file);
		way->key = fault_mix(fault_mix(way->key, file, strlen(file)), &place, sizeof(place));
	}
	way->key |= 1;
}

static void fault_name(struct fault_site *site, const struct fault_way *way)
{
	size_t length = (size_t)snprintf(site->text, FAULT_TEXT_SIZE, "%s", way->function);

	for (int i = 0; i < way->count && length < FAULT_TEXT_SIZE; i++) {
		const char *file;
		uintptr_t place = fault_place(way->frames[i], &file);
		length += (size_t)snprintf(
			site->text + length, FAULT_TEXT_SIZE - length, " %s+0x%" PRIxPTR, file, place);
	}
	atomic_store(&site->is_named, 1);
}

/* Returns how often the site has been met, including this time. */
static uint32_t fault_count(const struct fault_way *way)
{
	for (uint32_t i = 0; i < FAULT_SITES_MAX; i++) {
		struct fault_site *site = &fault_control->sites[(way->key + i) % FAULT_SITES_MAX];
		uint64_t expected = 0;
		bool is_new = atomic_compare_exchange_strong(&site->key, &expected, way->key);

		if (!is_new && expected != way->key)
			continue;
		if (is_new)
			fault_name(site, way);
		return atomic_fetch_add(&site->count, 1) + 1;
	}
	return atomic_fetch_add(&fault_control->lost, 1);
}

/* Returns the action for this call, and clears the armed one. Only every second call is interrupted, so
 * that retrying comes to an end. */
static enum fault_action fault_take(uint64_t key, uint32_t count)
{
	uint32_t action = atomic_load(&fault_control->action);

	if (action == FAULT_TWICE && count % 2 == 0)
		return FAULT_NOTHING;
	if (action > FAULT_END)
		return (enum fault_action)action;
	if (action == FAULT_NOTHING || atomic_load(&fault_control->key) != key ||
		!atomic_compare_exchange_strong(&fault_control->action, &action, FAULT_NOTHING))
		return FAULT_NOTHING;
	atomic_fetch_add(&fault_control->fired, 1);
	errno = (int)atomic_load(&fault_control->errnum);
	return (enum fault_action)action;
}

static enum fault_action fault_meet(const char *function, void *caller)
{
	struct fault_way way;
	int saved = errno;

	if (fault_is_inside || !fault_control || !atomic_load(&fault_began))
		return FAULT_NOTHING;
	if (atomic_load(&fault_control->action) == FAULT_ONES)
		return FAULT_ONES; /* everywhere, thousands of times: not recorded */
	fault_is_inside = true;
	fault_find_way(&way, function, caller);
	uint32_t count = fault_count(&way);
	fault_is_inside = false;
	errno = saved;
	return fault_take(way.key, count);
}

/* A call that does not wait cannot be interrupted. */
static bool fault_interrupts(enum fault_action action, int fd)
{
	fault_is_inside = true;
	bool waits = action == FAULT_TWICE && (fd < 0 || !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	fault_is_inside = false;
	if (waits)
		errno = EINTR;
	return waits;
}

bool fault_fails(const char *function, void *caller)
{
	return fault_meet(function, caller) == FAULT_FAIL;
}

bool fault_fails_or_interrupts(const char *function, void *caller, int fd)
{
	enum fault_action action = fault_meet(function, caller);

	return action == FAULT_FAIL || fault_interrupts(action, fd);
}

static bool fault_is_stream(int fd)
{
	int type = 0;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* Only files, pipes and streams can be transferred in pieces: one byte of a message makes no sense. And
 * only pipes and streams can end before everything has been received. */
static bool fault_may(enum fault_action action, int fd)
{
	struct stat status = { 0 };

	fault_is_inside = true;
	bool may = fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || fault_is_stream(fd) ||
						      (S_ISREG(status.st_mode) && action != FAULT_END));
	fault_is_inside = false;
	return may;
}

/* A connection that was reset stays reset. */
static void fault_break(int fd)
{
	int errnum = errno;

	fault_is_inside = true;
	shutdown(fd, SHUT_RDWR);
	fault_is_inside = false;
	errno = errnum;
}

ssize_t fault_share(const char *function, void *caller, int fd, size_t length)
{
	enum fault_action action = fault_meet(function, caller);

	if (action == FAULT_FAIL && (errno == EPIPE || errno == ECONNRESET))
		fault_break(fd);
	if (action == FAULT_FAIL || fault_interrupts(action, fd))
		return -1;
	if (action == FAULT_NOTHING || action == FAULT_TWICE || length < 2 || !fault_may(action, fd))
		return (ssize_t)length;
	return action == FAULT_END ? 0 : 1;
}
