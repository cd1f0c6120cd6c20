/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include "config/config.h"
#include "published/published.h"

struct page_site job_site(const struct config *config)
{
	return (struct page_site){
		.name = config->site.name,
		.url = config->site.url,
		.imprint_url = config->site.imprint_url,
		.privacy_url = config->site.privacy_url,
		.course_url = config->site.course_url,
		.logo = published_logo(config->site.file_directory),
		.style = published_style(config->site.file_directory),
		.page_language = config->site.language == CONFIG_LANGUAGE_EN ? LANGUAGE_EN : LANGUAGE_DE,
		.is_public = config->site.course_pages_public,
	};
}
