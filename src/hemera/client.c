/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "hemera/exchange.h"
#include "net/fetch.h"

/* Visible ASCII only: anything else could end the header and begin another one. */
static bool key_is_sendable(const char *key)
{
	for (; *key; key++)
		if (*key <= ' ' || *key > '~')
			return false;
	return true;
}

int hemera_new(struct hemera **ret_client, const struct hemera_options *options, struct error *err)
{
	CLEANUP(hemera_freep) struct hemera *client = mem_zalloc(sizeof(*client));
	struct fetch_options fetch_options = {
		.connections_max = options->connections_max,
		.connect_timeout_ms = options->connect_timeout_s * 1000,
		.request_timeout_ms = options->request_timeout_s * 1000,
	};
	int r;

	if (!key_is_sendable(options->key))
		return error_fail(err, ERROR_NOT_CONFIGURED, -EINVAL,
			"the secret hemera-api-key has a character that cannot be sent");
	r = fetch_new(&client->fetch, &fetch_options, err);
	if (r < 0)
		return r;
	client->options = *options;
	client->origin = options->base_url;
	client->key_header = mem_printf("X-API-Key: %s", options->key);
	*ret_client = STEAL(client);
	return 0;
}

void hemera_freep(struct hemera **client_pointer)
{
	struct hemera *client = STEAL(*client_pointer);

	if (!client)
		return;
	fetch_freep(&client->fetch);
	if (client->key_header)
		explicit_bzero(client->key_header, strlen(client->key_header));
	free(client->key_header);
	free(client);
}
