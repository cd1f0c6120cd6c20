/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_WEB_H
#define AITHER_WEB_WEB_H

/*
 * The public half: routes, published files, token check, calls to the worker.
 *
 *	web_new(&web, &options, err);           makes the server; sockets are given to web_server()
 *	daemon_run(web_server(web), web_stop, web);
 *	web_freep(&web);
 *
 * It owns nothing worth taking: no API key, no connection of its own but to the worker's socket, no file it
 * could write.
 */

struct config;
struct error;
struct server;
struct web;

struct web_options {
	const struct config
		*config; /* borrowed; may be unusable: pages are served, calls answer NOT_CONFIGURED */
	const char *shipped_templates; /* borrowed; where fallback.html is */
};

int web_new(struct web **ret_web, const struct web_options *options, struct error *err); /* owned */
void web_freep(struct web **web);

struct server *web_server(struct web *web); /* borrowed */

/* daemon_stop, arg is the web: answers everybody who waits. */
void web_stop(void *arg);

#endif
