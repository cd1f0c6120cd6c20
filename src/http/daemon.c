/* SPDX-License-Identifier: MIT */
#include "http/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/address.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "config/config.h"
#include "http/server.h"

#define LISTEN_BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

struct daemon {
	struct server *server;
	daemon_stop *on_stop;
	void *app;
	int signal_fd;
};

static void print_help(const struct daemon_options *options)
{
	printf("Usage: %s [OPTIONS]\n%s\n\n", options->program, options->purpose);
	fputs("  --config=FILE         read this file instead of " CONFIG_PATH_DEFAULT "\n", stdout);
	fputs(options->unix_only
			? "  --listen=/PATH        listen on this unix socket (may be repeated);\n"
			: "  --listen=ADDR:PORT    listen here (also [V6ADDR]:PORT or /PATH of a unix socket; may be repeated);\n",
		stdout);
	fputs("                        in addition to the sockets that systemd passes\n"
	      "  --check-config        check the configuration and exit (0, or 78 if a problem is found)\n",
		stdout);
	if (options->unix_only)
		fputs("  --listen-web=/PATH    listen on this unix socket for aither-web, which may make fewer calls\n",
			stdout);
	if (options->has_alert)
		fputs("  --alert               write an alert to the journal and mail it (run by aither-alert@.service)\n",
			stdout);
	fputs("  --version             print the version and exit\n"
	      "  --help                print this and exit\n",
		stdout);
	printf("\nSee %s(8).\n", options->program);
}

static int usage_error(const struct daemon_options *options, const char *problem)
{
	if (problem)
		fprintf(stderr, "%s: %s\n", options->program, problem);
	fprintf(stderr, "Try '%s --help'.\n", options->program);
	return EX_USAGE;
}

int daemon_options_parse(struct daemon_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "listen-web", required_argument, NULL, 'w' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "alert", no_argument, NULL, 'a' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
		if (option == 'c') {
			options->config_path = optarg;
		} else if (option == 'l' && options->listen_count < DAEMON_LISTEN_MAX) {
			options->listen[options->listen_count++] = optarg;
		} else if (option == 'w' && options->unix_only) {
			options->listen_web = optarg;
		} else if (option == 'k') {
			options->check_config = true;
		} else if (option == 'a' && options->has_alert) {
			options->alert = true;
		} else if (option == 'v') {
			printf("%s %s\n", options->program, PACKAGE_VERSION);
			return 0;
		} else if (option == 'h') {
			print_help(options);
			return 0;
		} else { /* getopt_long has reported an unknown option */
			return usage_error(options, option == 'l'   ? "too many --listen options"
						    : option == 'w' ? "this program has no --listen-web"
						    : option == 'a' ? "this program has no --alert"
								    : NULL);
		}
	}
	return optind < argc ? usage_error(options, "only options are accepted, no arguments") : -1;
}

int daemon_check_config(const struct config *config)
{
	CLEANUP(mem_freep) char *problems = config_problems_text(config, "\n");

	if (config->problems.count == 0) {
		puts("configuration is fine");
		return 0;
	}
	fprintf(stderr, "%s\n", problems);
	return config->problems.required_count > 0 || config->problems.count > config->problems.unread_count
		       ? EX_CONFIG
		       : 0;
}

void daemon_log_problems(const struct config *config)
{
	for (size_t i = 0; i < config->problems.count; i++)
		log_event(LOG_WARNING, config->problems.is_required[i] ? LOG_EVENT_NOT_CONFIGURED : NULL,
			NULL, 0, "%s", config->problems.text[i]);
}

/* Blocks the signals, which daemon_run reads from a descriptor. */
static sigset_t block_signals(void)
{
	sigset_t signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signals;
}

/* ---- the sockets of --listen ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static int fail_syntax(const char *text, struct error *err)
{
	return error_set(err, -EINVAL, "--listen=%s: expected ADDRESS:PORT, [V6ADDRESS]:PORT or /PATH", text);
}

static int fail_system(const char *text, struct error *err)
{
	return error_set(err, -errno, "cannot listen on %s: %s", text, strerror(errno));
}

static bool parse_port(const char *text, in_port_t *ret_port)
{
	size_t length = strlen(text);

	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	unsigned long port = strtoul(text, NULL, 10);
	if (port > 65535)
		return false;
	*ret_port = htons((in_port_t)port);
	return true;
}

static bool parse_inet(const char *text, union address *ret_address, socklen_t *ret_length)
{
	CLEANUP(mem_freep) char *host = mem_strdup(text);
	char *colon = strrchr(host, ':');

	if (!colon)
		return false;
	*colon = '\0';
	memset(ret_address, 0, sizeof(*ret_address));
	if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		ret_address->v6.sin6_family = AF_INET6;
		*ret_length = sizeof(ret_address->v6);
		return address_parse_v6(
			       host + 1, &ret_address->v6.sin6_addr, &ret_address->v6.sin6_scope_id) &&
		       parse_port(colon + 1, &ret_address->v6.sin6_port);
	}
	ret_address->v4.sin_family = AF_INET;
	*ret_length = sizeof(ret_address->v4);
	return inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1 &&
	       parse_port(colon + 1, &ret_address->v4.sin_port);
}

/* Prints the address for people, and for tests that let the system choose the port. */
static void print_address(int fd)
{
	char host[INET6_ADDRSTRLEN];
	union address address = { 0 };
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return;
	bool is_v6 = address.any.sa_family == AF_INET6;
	inet_ntop(address.any.sa_family, is_v6 ? (void *)&address.v6.sin6_addr : (void *)&address.v4.sin_addr,
		host, sizeof(host));
	fprintf(stderr, is_v6 ? "listening on [%s]:%u\n" : "listening on %s:%u\n", host,
		ntohs(is_v6 ? address.v6.sin6_port : address.v4.sin_port));
}

static int open_inet(const char *text, int *ret_fd, struct error *err)
{
	union address address;
	socklen_t length;
	int on = 1;

	if (!parse_inet(text, &address, &length))
		return fail_syntax(text, err);
	CLEANUP(file_closep) int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_system(text, err);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.any.sa_family == AF_INET6) /* 0.0.0.0 of the same port may be another --listen */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &address.any, length) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return fail_system(text, err);
	print_address(fd);
	*ret_fd = file_steal(&fd);
	return 0;
}

/* A socket file remains when its owner dies; only an attempt to connect shows whether it has a listener. */
static void remove_abandoned(const union address *address)
{
	CLEANUP(file_closep) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (probe >= 0 && connect(probe, &address->any, sizeof(address->un)) < 0 && errno == ECONNREFUSED)
		unlink(address->un.sun_path);
}

static int open_unix(const char *path, int *ret_fd, struct error *err)
{
	union address address = { .un = { .sun_family = AF_UNIX } };

	if (strlen(path) >= sizeof(address.un.sun_path))
		return error_set(err, -ENAMETOOLONG,
			"cannot listen on %s: a socket's path has at most %zu bytes", path,
			sizeof(address.un.sun_path) - 1);
	memcpy(address.un.sun_path, path, strlen(path) + 1);
	CLEANUP(file_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_system(path, err);
	remove_abandoned(&address);
	/* The socket's mode limits the file's mode from the beginning; chmod undoes the umask. */
	if (fchmod(fd, 0660) < 0 || bind(fd, &address.any, sizeof(address.un)) < 0 || chmod(path, 0660) < 0 ||
		listen(fd, LISTEN_BACKLOG) < 0)
		return fail_system(path, err);
	fprintf(stderr, "listening on %s\n", path);
	*ret_fd = file_steal(&fd);
	return 0;
}

/* ---- all sockets ---- */

static int fail_not_unix(const struct daemon_options *options, struct error *err)
{
	return error_set(err, -EINVAL, "%s listens on unix sockets only, because its calls need no token",
		options->program);
}

/* `name` is FileDescriptorName=; NULL: systemd has passed none. */
static int listen_inherited(struct server *server, const struct daemon_options *options, int fd,
	const char *name, struct error *err)
{
	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return error_set(err, -ENOTSOCK,
			"descriptor %d from systemd is not a listening stream socket (ListenStream= without Accept=)",
			fd);
	if (options->unix_only && sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
		return fail_not_unix(options, err);
	bool is_web = options->unix_only && name && strcmp(name, DAEMON_WEB_SOCKET) == 0;
	(is_web ? server_listen_web : server_listen)(server, fd);
	return 0;
}

static int listen_option(struct server *server, const struct daemon_options *options, const char *text,
	bool is_web, struct error *err)
{
	int fd = -1;

	if (options->unix_only && text[0] != '/')
		return fail_not_unix(options, err);
	int r = text[0] == '/' ? open_unix(text, &fd, err) : open_inet(text, &fd, err);
	if (r < 0)
		return r;
	(is_web ? server_listen_web : server_listen)(server, fd);
	return 0;
}

int daemon_listen(
	struct server *server, const struct daemon_options *options, bool *ret_activated, struct error *err)
{
	/* From the moment a client can connect, a signal has to end the daemon cleanly. */
	block_signals();
	char **names = NULL;
	int inherited = sd_listen_fds_with_names(1, &names), r = 0;

	if (inherited < 0)
		return error_set(
			err, inherited, "cannot take the sockets from systemd: %s", strerror(-inherited));
	for (int i = 0; i < inherited; i++) {
		if (r == 0)
			r = listen_inherited(
				server, options, SD_LISTEN_FDS_START + i, names ? names[i] : NULL, err);
		if (names)
			free(names[i]);
	}
	free(names);
	for (size_t i = 0; i < options->listen_count && r == 0; i++)
		r = listen_option(server, options, options->listen[i], false, err);
	if (options->listen_web && r == 0)
		r = listen_option(server, options, options->listen_web, true, err);
	if (r == 0 && inherited == 0 && options->listen_count == 0 && !options->listen_web)
		r = error_set(err, -EDESTADDRREQ,
			"no socket to listen on; run: systemctl start %s, or use --listen=%s",
			options->has_alert ? "aither-worker.socket" : "aither.socket",
			options->unix_only ? "/PATH" : "ADDR:PORT");
	if (r == 0)
		*ret_activated = inherited > 0;
	return r;
}

static void on_signal(void *arg)
{
	struct daemon *daemon = arg;
	struct signalfd_siginfo info;

	if (read(daemon->signal_fd, &info, sizeof(info)) != sizeof(info) ||
		server_is_draining(daemon->server))
		return;
	sd_notify(0, "STOPPING=1");
	/* The server first, so that responses from now on say Connection: close. */
	server_drain(daemon->server, DAEMON_DRAIN_MS);
	daemon->on_stop(daemon->app);
}

static void on_watchdog(void *arg)
{
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

int daemon_run(struct server *server, daemon_stop *on_stop, void *app)
{
	sigset_t signals = block_signals();
	CLEANUP(file_closep) int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	struct daemon daemon = { .server = server, .on_stop = on_stop, .app = app, .signal_fd = fd };
	struct error err = { 0 };
	uint64_t watchdog_us = 0;

	/* Otherwise threads that run at the same time get heaps of their own, and each heap keeps half a
	 * megabyte after its largest job. */
	mallopt(M_ARENA_MAX, 1);
	if (fd < 0) {
		log_write(LOG_ERR, "cannot wait for signals: %s", strerror(errno));
		return EX_OSERR;
	}
	server_watch(server, fd, on_signal, &daemon);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		server_every(server, (unsigned)(watchdog_us / 2000), on_watchdog, NULL);
	if (server_check(server, &err) < 0) {
		log_write(LOG_ERR, "%s", err.message);
		return EX_OSERR;
	}
	sd_notify(0, "READY=1");
	while (server_is_running(server))
		server_turn(server);
	sd_notify(0, "STOPPING=1");
	return 0;
}

void daemon_status(const char *format, ...)
{
	char text[256]; /* a sentence, perhaps with the path of a file */
	va_list arguments;

	va_start(arguments, format);
	if ((size_t)vsnprintf(text, sizeof(text), format, arguments) >= sizeof(text))
		utf8_trim(text); /* systemd accepts only UTF-8 */
	va_end(arguments);
	sd_notifyf(0, "STATUS=%s", text);
}
