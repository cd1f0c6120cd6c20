/* SPDX-License-Identifier: MIT */
#include "web-place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "http/server.h"
#include "net/workerclient.h"
#include "published/published.h"
#include "published/state.h"
#include "web/relay.h"
#include "web/web.h"

struct worker_part worker = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const struct place *current;

int workerclient_call(const struct workerclient_request *request, struct workerclient_response *ret_response,
	struct error *err)
{
	char now[TIME_TEXT_SIZE];
	eventfd_t permit;

	time_format(time_now_ms(), now);
	pthread_mutex_lock(&worker.lock);
	snprintf(worker.target, sizeof(worker.target), "%s", request->target);
	snprintf(worker.prefer, sizeof(worker.prefer), "%s", request->prefer ? request->prefer : "none");
	worker.timeout_ms = request->timeout_ms;
	pthread_mutex_unlock(&worker.lock);
	if (request->ret_sent)
		atomic_store(request->ret_sent, !atomic_load(&worker.connecting));
	atomic_fetch_add(&worker.calls, 1);
	eventfd_write(worker.arrived, 1);
	if (atomic_load(&worker.held))
		eventfd_read(worker.permits, &permit);
	if (atomic_load(&worker.status) == 0)
		return error_fail(err, ERROR_WORKER_UNAVAILABLE, -ECONNREFUSED, "cannot reach aither-worker");
	*ret_response = (struct workerclient_response){ .status = atomic_load(&worker.status) };
	buf_init(&ret_response->body, 65536);
	if (ret_response->status == 200 && strcmp(request->target, "/internal/refresh") == 0 &&
		!atomic_load(&worker.stateless))
		place_publish_state(current, 0, PLACE_NEVER);
	if (ret_response->status == 200)
		buf_printf(&ret_response->body, "{\"success\":true,\"data\":{\"fetchedAt\":\"%s\"}}", now);
	else
		buf_append_text(
			&ret_response->body, "{\"success\":false,\"error\":{\"message\":\"no Hemera\"}}");
	snprintf(ret_response->retry_after, sizeof(ret_response->retry_after), "9");
	snprintf(ret_response->server_timing, sizeof(ret_response->server_timing), "fetch;dur=1");
	return 0;
}

void workerclient_response_done(struct workerclient_response *response)
{
	buf_done(&response->body);
}

void place_publish_state(const struct place *place, int data_age_s, int success_age_s)
{
	int fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct state state;

	state_init(&state);
	state.values[STATE_DATA_MS] = time_now_ms() - data_age_s * INT64_C(1000);
	if (success_age_s != PLACE_NEVER)
		state.values[STATE_LAST_SUCCESS_MS] = time_now_ms() - success_age_s * INT64_C(1000);
	assert_int_equal(state_write(&state, fd, NULL), 0);
	close(fd);
}

void place_publish(const struct place *place, const char *text, int age_s)
{
	CLEANUP(mem_freep) char *temporary = mem_printf("%s.new", place->index);
	FILE *file = fopen(temporary, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(temporary, place->index), 0);
	place_publish_state(place, age_s, PLACE_NEVER);
}

static void on_arrived(void *arg)
{
	eventfd_t ignored;

	(void)arg;
	eventfd_read(worker.arrived, &ignored);
}

void place_start(struct place *place)
{
	struct web_options options = { .config = &place->config, .shipped_site = "/nonexistent" };
	socklen_t length = sizeof(place->address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(web_new(&place->web, &options, NULL), 0);
	place->address =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&place->address, length), 0);
	assert_int_equal(listen(fd, 256), 0);
	getsockname(fd, (struct sockaddr *)&place->address, &length);
	server_listen(place->web->server, fd);
	server_watch(place->web->server, worker.arrived, on_arrived, NULL);
}

int place_setup(void **state)
{
	struct place *place = mem_zalloc(sizeof(*place));

	snprintf(place->root, sizeof(place->root), "%s", "/tmp/aither-test-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	place->public = mem_printf("%s/" PUBLISHED_PUBLIC, place->root);
	assert_int_equal(mkdir(place->public, 0700), 0);
	place->index = mem_printf("%s/index.de.html", place->public);
	place->config.site.name = (char *)"Hemera Academy";
	place->config.site.file_directory = (char *)"/nonexistent";
	place->config.sync.output_directory = place->config.worker.socket = place->root;
	place->config.web.connections_max = 200;
	place->config.web.live_ttl_s = 30;
	place->config.web.live_wait_s = 1;
	place->config.secrets[CONFIG_SECRET_SYNC_TOKEN] = (char *)TOKEN;
	current = place;
	worker.permits = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	worker.arrived = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	atomic_store(&worker.held, false);
	atomic_store(&worker.connecting, false);
	atomic_store(&worker.calls, 0);
	atomic_store(&worker.status, 200);
	atomic_store(&worker.stateless, false);
	alarm(30);
	*state = place;
	return 0;
}

void worker_release(unsigned calls)
{
	atomic_store(&worker.held, false);
	atomic_store(&worker.connecting, false);
	eventfd_write(worker.permits, calls);
}

int place_teardown(void **state)
{
	struct place *place = *state;

	worker_release(RELAY_CALLS_MAX + 1); /* all calls that are still held */
	while (thread_queue_pending(place->web->queue) > 0)
		server_turn(place->web->server);
	web_freep(&place->web);
	unlink(place->index);
	CLEANUP(mem_freep) char *state_file = mem_printf("%s/" STATE_FILE, place->root);
	unlink(state_file);
	rmdir(place->public);
	rmdir(place->root);
	mem_freep(&place->index);
	mem_freep(&place->public);
	free(place);
	close(worker.permits);
	close(worker.arrived);
	alarm(0);
	return 0;
}

int ask(const struct place *place, const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return fd;
}

int ask_home(const struct place *place)
{
	return ask(place, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

int ask_sync(const struct place *place, const char *target)
{
	CLEANUP(mem_freep)
	char *request = mem_printf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				   "Authorization: Bearer " TOKEN "\r\nPrefer: respond-async\r\n\r\n",
		target);

	return ask(place, request);
}

char *answer_of(const struct place *place, int fd)
{
	CLEANUP(buf_done) struct buf answer = BUF_INIT(1 << 20);
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	char chunk[4096];

	for (ssize_t n = 1; n > 0;) {
		while (poll(&entry, 1, 0) == 0)
			server_turn(place->web->server);
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0)
			buf_append(&answer, chunk, (size_t)n);
	}
	close(fd);
	return buf_take(&answer);
}

void assert_answer(const struct place *place, int fd, const char *first, const char *second)
{
	CLEANUP(mem_freep) char *answer = answer_of(place, fd);
	if (!strstr(answer, first) || !strstr(answer, second))
		fail_msg("expected \"%s\" and \"%s\", got: %s", first, second, answer);
}

void wait_for_calls(const struct place *place, unsigned calls)
{
	while (atomic_load(&worker.calls) < calls)
		server_turn(place->web->server);
}

void wait_for_connections(const struct place *place, size_t connections)
{
	while (server_connections(place->web->server) < connections)
		server_turn(place->web->server);
}
