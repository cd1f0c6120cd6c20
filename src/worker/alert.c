/* SPDX-License-Identifier: MIT */
#include "worker/alert.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define EXIT_STATUS_UNREACHABLE "69" /* EX_UNAVAILABLE of `aither sync` */

static const char *monitor(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "unknown";
}

int alert_scheduled_sync(void)
{
	const char *unit = monitor("MONITOR_UNIT"), *result = monitor("MONITOR_SERVICE_RESULT"),
		   *status = monitor("MONITOR_EXIT_STATUS");
	const struct log_field fields[] = {
		{ "AITHER_UNIT", unit },
		{ "AITHER_RESULT", result },
		{ "AITHER_EXIT_STATUS", status },
	};

	if (strcmp(result, "exit-code") == 0 && strcmp(status, EXIT_STATUS_UNREACHABLE) != 0)
		return EXIT_SUCCESS; /* the worker ran that sync and has reported its failure */
	log_event(LOG_ALERT, LOG_EVENT_SCHEDULED_SYNC_FAILED, fields, ARRAY_SIZE(fields),
		"%s could not have a sync run (%s, status %s); see: systemctl status aither-worker.socket "
		"aither-worker.service",
		unit, result, status);
	return EXIT_SUCCESS;
}
