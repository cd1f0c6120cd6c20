/* SPDX-License-Identifier: MIT */
#include "base/error-remedy.h"

#include <string.h>

#include "base/config.h"
#include "base/error.h"

static const char *const remedies[ERROR_CODES] = {
	[ERROR_INTERNAL] = "See the journal: journalctl -u aither-worker.service",
	[ERROR_BAD_REQUEST] = "Correct the request; aither-api(7) says what is permitted.",
	[ERROR_UNAUTHORIZED] = "Send the token that was stored by: aither set-secret sync-token",
	[ERROR_SYNC_TOKEN_NOT_SET] = "Set a token: aither set-secret sync-token",
	[ERROR_FORBIDDEN] = "Use the command line: man aither",
	[ERROR_NOT_FOUND] = "Check the address.",
	[ERROR_NO_SYNC_JOB] = "Run the first sync: aither sync",
	[ERROR_METHOD_NOT_ALLOWED] = "Use a method that the answer's Allow header names.",
	[ERROR_SYNC_IN_PROGRESS] = "Wait until the sync that is running has ended: aither status",
	[ERROR_PAYLOAD_TOO_LARGE] = "Send a smaller request.",
	[ERROR_URI_TOO_LONG] = "Use a shorter address.",
	[ERROR_TOO_MANY_REQUESTS] = "Wait for the time that the message names, then try again.",
	[ERROR_HEADERS_TOO_LARGE] = "Send fewer or shorter headers.",
	[ERROR_OUTPUT] = "See whether the disk is full (df -h) and who may write the output directory: "
			 "aither doctor",
	[ERROR_HEMERA_UNREACHABLE] = "Check what the message names: the network, the name service, the "
				     "certificate, BaseURL in " CONFIG_PATH_DEFAULT ": aither doctor",
	[ERROR_HEMERA_AUTH_FAILED] =
		"Have a new key issued in Hemera and store it: aither set-secret hemera-api-key",
	[ERROR_HEMERA_FAILED] = "Hemera itself has failed. If it goes on, tell those who run it.",
	[ERROR_HEMERA_BAD_DATA] =
		"Correct in Hemera what the message names. If nothing there looks like Hemera, "
		"check BaseURL in " CONFIG_PATH_DEFAULT ".",
	[ERROR_NOT_CONFIGURED] =
		"Mend what the message names, then: systemctl try-restart aither-worker.service",
	[ERROR_SHUTTING_DOWN] = "Nothing needs to be done: the worker was stopped, the next sync goes on.",
	[ERROR_WORKER_UNAVAILABLE] = "See why the worker does not run: systemctl status aither-worker.socket "
				     "aither-worker.service",
	[ERROR_HEMERA_RATE_LIMITED] =
		"Nothing needs to be done: a later sync goes on. If it happens at every "
		"sync, see what else uses the same key.",
	[ERROR_HEMERA_TIMEOUT] =
		"Hemera was too slow. If it goes on, check the network and tell those who run "
		"Hemera: aither doctor",
	[ERROR_NOTIFY_FAILED] = "Check [Notify] and [Rollbar] in " CONFIG_PATH_DEFAULT
				", then: aither test-mail, aither test-rollbar",
	[ERROR_TEMPLATE] = "Correct the template at the place that is named; try it with: aither render",
	[ERROR_MASS_DELETE_REFUSED] =
		"Compare with Hemera. If the courses are really gone, run: aither sync --force",
};

const char *error_remedy_of_name(const char *name)
{
	for (int code = 0; name && code < ERROR_CODES; code++)
		if (strcmp(error_code_name(code), name) == 0)
			return remedies[code];
	return remedies[ERROR_INTERNAL];
}
