/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_DAEMON_H
#define AITHER_HTTP_DAEMON_H

/*
 * The parts that both daemons share: the command line, sockets from systemd (sd_listen_fds(3)) or --listen,
 * signals, sd_notify(3) (READY, WATCHDOG, STOPPING, STATUS) and draining on SIGTERM within 3 s.
 */

#include <stdbool.h>
#include <stddef.h>

struct config;
struct error;
struct server;

#define DAEMON_DRAIN_MS 3000 /* of the unit's TimeoutStopSec */
#define DAEMON_LISTEN_MAX 16
#define DAEMON_WEB_SOCKET "web" /* FileDescriptorName= of aither-worker-web.socket */

struct daemon_options {
	const char *program;                   /* "aither-web" */
	const char *purpose;                   /* one sentence for --help */
	const char *config_path;               /* --config=FILE, NULL: default */
	const char *listen[DAEMON_LISTEN_MAX]; /* --listen=ADDR:PORT|/path */
	size_t listen_count;
	bool check_config, alert; /* --check-config; --alert only where `has_alert` */
	bool has_alert;
	bool unix_only; /* its calls need no token, so they must not come over TCP */
	/* --listen-web=/path, only where `unix_only`: on this socket, and on the inherited one of the name
	 * DAEMON_WEB_SOCKET, the clients are HTTP_PEER_WEB. */
	const char *listen_web;
};

/* Parses argv; answers --help and --version itself. Returns -1 to go on, else the exit code (0 or 64). */
int daemon_options_parse(struct daemon_options *options, int argc, char **argv);

/* --check-config: prints all problems on stderr, or one sentence that there are none. Exit code (0 or 78). */
int daemon_check_config(const struct config *config);

/* One event in the journal for each problem of the configuration. */
void daemon_log_problems(const struct config *config);

/* Takes the inherited sockets and opens those of --listen: "127.0.0.1:3500", "[::1]:3500",
 * "/run/aither/worker.sock". Addresses are numeric; one that is valid on one link has its zone:
 * "[fe80::1%eth0]:3500". With port 0 the system chooses; "listening on 127.0.0.1:41234" on stderr reports the
 * address. A unix socket gets mode 0660 and replaces one without a listener. -EINVAL: a text of another form;
 * else the error of socket, bind or listen. Without any: -EDESTADDRREQ and a sentence that says how to start
 * the daemon (exit code 64). SIGTERM and SIGINT wait for daemon_run from here on. */
int daemon_listen(
	struct server *server, const struct daemon_options *options, bool *ret_activated, struct error *err);

/* After SIGTERM or SIGINT: completes requests that wait; then the server drains. */
typedef void daemon_stop(void *app);

/* READY=1, watchdog, signals; returns when the server has ended. Exit code of the program. */
int daemon_run(struct server *server, daemon_stop *on_stop, void *app);

/* STATUS= for systemctl status. */
void daemon_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
