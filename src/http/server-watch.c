/* SPDX-License-Identifier: MIT */
#include "http/server-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

static void on_readable(h2o_socket_t *socket, const char *err)
{
	struct server_watch *watch = socket->data;
	uint64_t expirations;

	(void)err;
	/* The timer may have been set anew since it fired: then there is nothing to read. */
	if (watch->is_timer && read(h2o_socket_get_fd(socket), &expirations, sizeof(expirations)) < 0)
		return;
	watch->callback(watch->arg);
}

static struct server_watch *watch_new(
	struct server *server, int owned_fd, server_callback *callback, void *arg)
{
	struct server_watch *watch = mem_zalloc(sizeof(*watch));

	/* The library closes what it watches, and would read it without DONT_READ. */
	watch->socket = h2o_evloop_socket_create(server->loop, owned_fd, H2O_SOCKET_FLAG_DONT_READ);
	watch->socket->data = watch;
	watch->callback = callback;
	watch->arg = arg;
	LIST_INSERT_HEAD(&server->watches, watch, link);
	h2o_socket_read_start(watch->socket, on_readable);
	return watch;
}

/* The first one's reason is told. */
static void note_missing(struct server *server)
{
	if (server->watch_errnum == 0)
		server->watch_errnum = errno;
}

void server_watch(struct server *server, int fd, server_callback *callback, void *arg)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		note_missing(server);
	else
		watch_new(server, copy, callback, arg);
}

struct server_watch *server_timer(struct server *server, server_callback *callback, void *arg)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0) {
		note_missing(server);
		return NULL;
	}
	struct server_watch *watch = watch_new(server, fd, callback, arg);
	watch->is_timer = true;
	return watch;
}

static void timer_set(struct server_watch *timer, uint64_t first_ms, unsigned interval_ms)
{
	struct itimerspec setting = {
		.it_value = { .tv_sec = (time_t)(first_ms / 1000),
			.tv_nsec = (long)(first_ms % 1000) * 1000000 },
		.it_interval = { .tv_sec = interval_ms / 1000,
			.tv_nsec = (long)(interval_ms % 1000) * 1000000 },
	};

	if (timer)
		timerfd_settime(h2o_socket_get_fd(timer->socket), 0, &setting, NULL);
}

void server_timer_set(struct server_watch *timer, unsigned delay_ms)
{
	timer_set(timer, delay_ms, 0);
}

void watch_repeat(struct server_watch *timer, unsigned interval_ms)
{
	timer_set(timer, interval_ms, interval_ms);
}

void server_every(struct server *server, unsigned interval_ms, server_callback *callback, void *arg)
{
	watch_repeat(server_timer(server, callback, arg), interval_ms);
}

int server_check(const struct server *server, struct error *err)
{
	if (server->watch_errnum == 0)
		return 0;
	return error_set(
		err, -server->watch_errnum, "cannot watch a descriptor: %s", strerror(server->watch_errnum));
}

void watches_close(struct server *server)
{
	struct server_watch *watch;

	while ((watch = LIST_FIRST(&server->watches))) {
		LIST_REMOVE(watch, link);
		h2o_socket_close(watch->socket);
		free(watch);
	}
}
