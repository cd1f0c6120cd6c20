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

#define DAEMON_DRAIN_MS 3000 /* part of the unit's TimeoutStopSec */
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
	bool unix_only; /* the daemon's calls need no token, so they must not come over TCP */
	/* --listen-web=/path, only with `unix_only`: clients on this socket, and on the inherited socket
	 * named DAEMON_WEB_SOCKET, are HTTP_PEER_WEB. */
	const char *listen_web;
};

/* Parses argv; handles --help and --version itself. Returns -1 if the daemon should run, else its exit code
 * (0 or 64). */
int daemon_options_parse(struct daemon_options *options, int argc, char **argv);

/* --check-config: prints all problems on stderr, or on stdout that there are none. Returns the exit code (0
 * or 78). */
int daemon_check_config(const struct config *config);

/* Logs each problem of the configuration. */
void daemon_log_problems(const struct config *config);

/* Takes the sockets that systemd passed and opens those of --listen: "127.0.0.1:3500", "[::1]:3500",
 * "/run/aither/worker.sock". Addresses are numeric; a link-local address needs its zone:
 * "[fe80::1%eth0]:3500". With port 0 the system chooses a port; "listening on 127.0.0.1:41234" on stderr
 * reports it. A unix socket gets mode 0660 and replaces a socket file without a listener.
 *
 * -EINVAL: an address has another form. -EDESTADDRREQ: there is no socket; the message says how to start the
 * daemon (exit code 64). Otherwise the error of socket, bind or listen. From here on, SIGTERM and SIGINT stay
 * pending until daemon_run handles them. */
int daemon_listen(
	struct server *server, const struct daemon_options *options, bool *ret_activated, struct error *err);

/* Called after SIGTERM or SIGINT: has to complete waiting requests; then the server drains. */
typedef void daemon_stop(void *app);

/* Runs the server: sends READY=1, serves the watchdog and signals. Returns the program's exit code when the
 * server has ended. */
int daemon_run(struct server *server, daemon_stop *on_stop, void *app);

/* Sends STATUS=, which systemctl status shows. */
void daemon_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
