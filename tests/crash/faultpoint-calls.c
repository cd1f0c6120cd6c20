/* SPDX-License-Identifier: MIT */

/* The functions called by the programs and their libraries that may fail in an operating system; errnos.py
 * has the errors of each. */

#define _GNU_SOURCE
/* Otherwise the headers define some of these functions themselves. */
#undef _FORTIFY_SOURCE

#include "faultpoint.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* The function that the wrapper replaces, looked up once. */
#define NEXT(name)                       \
	static __typeof__(&(name)) next; \
	if (!next)                       \
	next = (__typeof__(&(name)))dlsym(RTLD_NEXT, #name)

#define CALLER __builtin_return_address(0)

/* A function that returns `failure` when it fails, with the reason in errno. */
#define WRAP(type, failure, name, parameters, arguments)                      \
	type name parameters                                                  \
	{                                                                     \
		NEXT(name);                                                   \
		return fault_fails(#name, CALLER) ? failure : next arguments; \
	}

/* A function that a signal may interrupt. */
#define WRAP_SLOW(type, waits_for, name, parameters, arguments)                                   \
	type name parameters                                                                      \
	{                                                                                         \
		NEXT(name);                                                                       \
		return fault_fails_or_interrupts(#name, CALLER, waits_for) ? -1 : next arguments; \
	}

/* A function that returns the error number itself instead of setting errno. */
#define WRAP_NUMBER(name, parameters, arguments)                            \
	int name parameters                                                 \
	{                                                                   \
		NEXT(name);                                                 \
		return fault_fails(#name, CALLER) ? errno : next arguments; \
	}

/* A function that transfers bytes. */
#define WRAP_BYTES(name, parameters, arguments)                                          \
	ssize_t name parameters                                                          \
	{                                                                                \
		NEXT(name);                                                              \
		size_t wanted = length;                                                  \
		ssize_t share = fault_share(#name, CALLER, fd, length);                  \
		length = share < 0 ? 0 : (size_t)share;                                  \
		return share < 0 || (share == 0 && wanted > 0) ? share : next arguments; \
	}

/* A function whose last argument is optional. */
#define WRAP_OPTIONAL(name, parameters, last, last_type, arguments)      \
	int name parameters                                              \
	{                                                                \
		NEXT(name);                                              \
		va_list list;                                            \
		va_start(list, last);                                    \
		last_type value = va_arg(list, last_type);               \
		va_end(list);                                            \
		return fault_fails(#name, CALLER) ? -1 : next arguments; \
	}

/* ---- files ---- */

WRAP_OPTIONAL(open, (const char *path, int flags, ...), flags, mode_t, (path, flags, value))
WRAP_OPTIONAL(open64, (const char *path, int flags, ...), flags, mode_t, (path, flags, value))
WRAP_OPTIONAL(openat, (int at, const char *path, int flags, ...), flags, mode_t, (at, path, flags, value))
WRAP_OPTIONAL(openat64, (int at, const char *path, int flags, ...), flags, mode_t, (at, path, flags, value))
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);
WRAP(int, -1, __open_2, (const char *path, int flags), (path, flags))
WRAP(int, -1, __open64_2, (const char *path, int flags), (path, flags))
WRAP(int, -1, __openat64_2, (int at, const char *path, int flags), (at, path, flags))

/* Only commands that make a new descriptor may fail. */
#define WRAP_FCNTL(name)                                                                     \
	int name(int fd, int command, ...)                                                   \
	{                                                                                    \
		NEXT(name);                                                                  \
		va_list list;                                                                \
		va_start(list, command);                                                     \
		unsigned long value = va_arg(list, unsigned long);                           \
		va_end(list);                                                                \
		bool is_new = command == F_DUPFD || command == F_DUPFD_CLOEXEC;              \
		return is_new && fault_fails(#name, CALLER) ? -1 : next(fd, command, value); \
	}

WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)
WRAP_OPTIONAL(ioctl, (int fd, unsigned long command, ...), command, unsigned long, (fd, command, value))
WRAP_BYTES(read, (int fd, void *bytes, size_t length), (fd, bytes, length))
WRAP_BYTES(write, (int fd, const void *bytes, size_t length), (fd, bytes, length))
WRAP_BYTES(pread, (int fd, void *bytes, size_t length, off_t at), (fd, bytes, length, at))
WRAP_BYTES(pwrite, (int fd, const void *bytes, size_t length, off_t at), (fd, bytes, length, at))
WRAP(int, -1, stat, (const char *path, struct stat *ret), (path, ret))
WRAP(int, -1, lstat, (const char *path, struct stat *ret), (path, ret))
WRAP(int, -1, fstat, (int fd, struct stat *ret), (fd, ret))
WRAP(int, -1, fstatat, (int at, const char *path, struct stat *ret, int flags), (at, path, ret, flags))
WRAP(int, -1, fstatvfs, (int fd, struct statvfs *ret), (fd, ret))
WRAP(int, -1, access, (const char *path, int mode), (path, mode))
WRAP(int, -1, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
WRAP(int, -1, renameat, (int from, const char *old, int to, const char *path), (from, old, to, path))
WRAP(int, -1, unlink, (const char *path), (path))
WRAP(int, -1, unlinkat, (int at, const char *path, int flags), (at, path, flags))
WRAP(int, -1, chmod, (const char *path, mode_t mode), (path, mode))
WRAP(int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, -1, utimensat, (int at, const char *path, const struct timespec times[2], int flags),
	(at, path, times, flags))
WRAP(int, -1, ftruncate, (int fd, off_t length), (fd, length))

/* Only counted: a process that goes on loses no data that the kernel has, and hundreds of syncs would wait
 * for a slow disk. */
#define WRAP_SYNC(name)                                     \
	int name(int fd)                                    \
	{                                                   \
		(void)fd;                                   \
		return fault_fails(#name, CALLER) ? -1 : 0; \
	}

WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)
WRAP_SYNC(syncfs)
WRAP_SLOW(int, fd, flock, (int fd, int operation), (fd, operation))
WRAP(ssize_t, -1, readlinkat, (int at, const char *path, char *ret, size_t size), (at, path, ret, size))
WRAP(char *, NULL, realpath, (const char *path, char *ret), (path, ret))
WRAP(FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode))
WRAP(DIR *, NULL, opendir, (const char *path), (path))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(int, GLOB_NOSPACE, glob,
	(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *ret),
	(pattern, flags, on_error, ret))
WRAP(struct dirent *, NULL, readdir, (DIR * directory), (directory))
/* NOLINTNEXTLINE(performance-no-int-to-ptr): the value that POSIX defines */
WRAP(iconv_t, (iconv_t)-1, iconv_open, (const char *to, const char *from), (to, from))
WRAP(locale_t, NULL, newlocale, (int mask, const char *name, locale_t base), (mask, name, base))
WRAP(int, -1, scandir,
	(const char *path, struct dirent ***ret, int (*filter)(const struct dirent *),
		int (*compare)(const struct dirent **, const struct dirent **)),
	(path, ret, filter, compare))

/* On Linux, the call has taken effect even when it fails. */
int close(int fd)
{
	NEXT(close);
	bool fails = fault_fails("close", CALLER);
	int errnum = errno;
	int result = next(fd);

	if (!fails)
		return result;
	errno = errnum;
	return -1;
}

/* ---- sockets ---- */

WRAP(int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, -1, socketpair, (int domain, int type, int protocol, int ret[2]), (domain, type, protocol, ret))
WRAP(int, -1, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length), (fd, address, length))
WRAP(int, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(int, -1, shutdown, (int fd, int how), (fd, how))
WRAP_SLOW(int, fd, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length), (fd, address, length))
WRAP_SLOW(int, fd, accept, (int fd, __SOCKADDR_ARG address, socklen_t *length), (fd, address, length))
WRAP_SLOW(int, fd, accept4, (int fd, __SOCKADDR_ARG address, socklen_t *length, int flags),
	(fd, address, length, flags))
WRAP(int, -1, getsockname, (int fd, __SOCKADDR_ARG address, socklen_t *length), (fd, address, length))
WRAP(int, -1, getpeername, (int fd, __SOCKADDR_ARG address, socklen_t *length), (fd, address, length))
WRAP(int, -1, getsockopt, (int fd, int level, int name, void *ret, socklen_t *length),
	(fd, level, name, ret, length))
WRAP(int, -1, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
	(fd, level, name, value, length))
WRAP_BYTES(recv, (int fd, void *bytes, size_t length, int flags), (fd, bytes, length, flags))
WRAP_BYTES(send, (int fd, const void *bytes, size_t length, int flags), (fd, bytes, length, flags))
WRAP_BYTES(recvfrom,
	(int fd, void *bytes, size_t length, int flags, __SOCKADDR_ARG address, socklen_t *address_length),
	(fd, bytes, length, flags, address, address_length))
WRAP_BYTES(sendto,
	(int fd, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG address,
		socklen_t address_length),
	(fd, bytes, length, flags, address, address_length))
WRAP_SLOW(ssize_t, fd, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP_SLOW(ssize_t, fd, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
ssize_t sendfile(int fd, int from, off_t *at, size_t length)
{
	NEXT(sendfile);
	ssize_t share = fault_share("sendfile", CALLER, fd, length);
	return share < 0 || (share == 0 && length > 0) ? share : next(fd, from, at, (size_t)share);
}

/* If only one byte may be transferred, it is the first byte of the first part that is not empty. */
static ssize_t fault_vector(const char *function, void *caller, int fd, const struct iovec *parts, int count,
	struct iovec *ret_first)
{
	size_t length = 0;
	int first = 0;

	for (int i = count; i-- > 0; length += parts[i].iov_len)
		first = parts[i].iov_len > 0 ? i : first;
	ssize_t share = fault_share(function, caller, fd, length);
	if (share != 1 || length == 1)
		return share == 0 && length > 0 ? 0 : share < 0 ? -1 : 2;
	*ret_first = (struct iovec){ parts[first].iov_base, 1 };
	return 1;
}

#define WRAP_VECTOR(name)                                                                             \
	ssize_t name(int fd, const struct iovec *parts, int count)                                    \
	{                                                                                             \
		NEXT(name);                                                                           \
		struct iovec first;                                                                   \
		ssize_t share = fault_vector(#name, CALLER, fd, parts, count, &first);                \
		return share < 1 ? share : share == 1 ? next(fd, &first, 1) : next(fd, parts, count); \
	}

WRAP_VECTOR(readv)
WRAP_VECTOR(writev)

/* ---- waiting, threads, and others ---- */

WRAP_SLOW(int, -1, poll, (struct pollfd * entries, nfds_t count, int wait_ms), (entries, count, wait_ms))
WRAP_SLOW(int, -1, ppoll,
	(struct pollfd * entries, nfds_t count, const struct timespec *wait, const sigset_t *mask),
	(entries, count, wait, mask))
WRAP_SLOW(int, -1, epoll_wait, (int fd, struct epoll_event *ret, int count, int wait_ms),
	(fd, ret, count, wait_ms))
WRAP(int, -1, epoll_create, (int size), (size))
WRAP(int, -1, epoll_create1, (int flags), (flags))
WRAP(int, -1, epoll_ctl, (int fd, int operation, int other, struct epoll_event *event),
	(fd, operation, other, event))
WRAP(int, -1, eventfd, (unsigned count, int flags), (count, flags))
WRAP(int, -1, timerfd_create, (clockid_t clock, int flags), (clock, flags))
WRAP(int, -1, timerfd_settime,
	(int fd, int flags, const struct itimerspec *value, struct itimerspec *ret_old),
	(fd, flags, value, ret_old))
WRAP(int, -1, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
WRAP(int, -1, inotify_init1, (int flags), (flags))
WRAP(int, -1, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP(int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(int, -1, pipe, (int ret[2]), (ret))
WRAP(int, -1, pipe2, (int ret[2], int flags), (ret, flags))
WRAP(int, -1, dup2, (int from, int to), (from, to))
WRAP(void *, MAP_FAILED, mmap, (void *at, size_t length, int protection, int flags, int fd, off_t offset),
	(at, length, protection, flags, fd, offset))
WRAP(ssize_t, -1, getrandom, (void *bytes, size_t length, unsigned flags), (bytes, length, flags))
WRAP(int, -1, getentropy, (void *bytes, size_t length), (bytes, length))
WRAP(int, -1, getrlimit, (__rlimit_resource_t resource, struct rlimit *ret), (resource, ret))
WRAP(int, -1, setrlimit, (__rlimit_resource_t resource, const struct rlimit *limit), (resource, limit))
WRAP(int, -1, getrusage, (__rusage_who_t who, struct rusage *ret), (who, ret))
WRAP(int, -1, gethostname, (char *ret, size_t size), (ret, size))
WRAP(int, -1, tcgetattr, (int fd, struct termios *ret), (fd, ret))
WRAP(int, -1, tcsetattr, (int fd, int when, const struct termios *value), (fd, when, value))
WRAP_SLOW(pid_t, -1, waitpid, (pid_t pid, int *ret_status, int options), (pid, ret_status, options))
WRAP_NUMBER(pthread_create,
	(pthread_t * ret, const pthread_attr_t *attributes, void *(*run)(void *), void *arg),
	(ret, attributes, run, arg))
WRAP_NUMBER(posix_spawnp,
	(pid_t * ret, const char *file, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]),
	(ret, file, actions, attributes, arguments, environment))
/* getaddrinfo has its own error numbers; the one used here means "see errno". */
WRAP_NUMBER(getaddrinfo,
	(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret),
	(node, service, hints, ret))
